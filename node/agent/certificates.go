package agent

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jeroboam-cloud/jeroboam/node"
)

// certificates keeps the machine's certificates. What each was asked for is
// kept beside the state, because the service may have put more into it.
type certificates struct {
	agent *Agent

	mu    sync.Mutex
	asked map[string]string // certificate path -> digest of the node.Certificate it answers
}

func openCertificates(a *Agent) *certificates {
	c := &certificates{agent: a, asked: map[string]string{}}
	if data, err := os.ReadFile(c.path()); err == nil && json.Unmarshal(data, &c.asked) != nil {
		c.asked = map[string]string{} // all are asked for again
	}
	return c
}

func (c *certificates) path() string { return filepath.Join(c.agent.StateDir, "certificates.json") }

// ensure has all certificates made that are missing, have ended or were asked
// for differently; with renew also those that are due. It returns when the
// next is due, the zero time if there is none.
func (c *certificates) ensure(ctx context.Context, wanted []node.Certificate, renew bool) (time.Time, error) {
	now := c.agent.Now()
	group, ctx := errgroup.WithContext(ctx)
	for _, want := range wanted {
		due, ok := c.due(want)
		if ok && now.Before(due.end) && !(renew && !now.Before(due.renew)) {
			continue
		}
		group.Go(func() error { return c.issue(ctx, want) })
	}
	if err := group.Wait(); err != nil {
		return time.Time{}, err
	}
	var next time.Time
	for _, want := range wanted {
		if due, ok := c.due(want); ok && (next.IsZero() || due.renew.Before(next)) {
			next = due.renew
		}
	}
	return next, nil
}

type dates struct{ renew, end time.Time }

// due tells when a certificate should be renewed and when it ends; false when
// it is not there or is not what is wanted.
func (c *certificates) due(want node.Certificate) (dates, bool) {
	c.mu.Lock()
	asked := c.asked[want.CertPath]
	c.mu.Unlock()
	if asked != wish(want) {
		return dates{}, false
	}
	pair, err := tls.LoadX509KeyPair(want.CertPath, want.KeyPath)
	if err != nil {
		return dates{}, false
	}
	return dates{renew: dueAt(pair.Leaf), end: pair.Leaf.NotAfter}, true
}

// issue makes a key, has it signed and stores both.
func (c *certificates) issue(ctx context.Context, want node.Certificate) error {
	key, text, err := newKey()
	if err != nil {
		return err
	}
	csr, err := requestFor(key, want)
	if err != nil {
		return err
	}
	certificate, err := c.agent.signer.sign(ctx, node.SignRequest{Name: want.Name, CSR: csr})
	if err != nil {
		return err
	}
	if err := ensureFile(want.KeyPath, text, 0o600); err != nil {
		return err
	}
	if err := ensureFile(want.CertPath, []byte(certificate), 0o644); err != nil {
		return err
	}
	return c.note(want)
}

func (c *certificates) note(want node.Certificate) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked[want.CertPath] = wish(want)
	data, err := json.Marshal(c.asked)
	if err == nil {
		err = replaceFile(c.path(), data, 0o600, false)
	}
	if err != nil {
		return fmt.Errorf("note certificate %s: %w", want.Name, err)
	}
	return nil
}

// wish identifies what a certificate was asked for.
func wish(want node.Certificate) string { return digestOf(want) }

// digestOf is hex SHA-256 of a plain value's JSON.
func digestOf(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // plain data
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
