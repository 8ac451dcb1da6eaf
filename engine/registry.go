package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/snapshot"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/gateway"
	"github.com/jeroboam-cloud/jeroboam/pki"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// nodeCertificateLife is how long what a machine asks for is valid; its agent
// renews it at two thirds.
const nodeCertificateLife = 365 * 24 * time.Hour

// seenOften is how old MachineStatus.SeenAt may be of a machine that is there.
const seenOften = time.Hour

var _ gateway.Registry = (*Engine)(nil)

// tokenID is what the store keeps of a join token.
func tokenID(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Join spends a machine's token; the same key may spend it again.
func (e *Engine) Join(ctx context.Context, machine, token, fingerprint string) error {
	defer e.Pace.Work(ctx)()
	return store.Retry(ctx, e.Store, func(tx store.Tx) error {
		t, err := store.Get[store.Token](tx, tokenID(token))
		if jeroboam.KindOf(err) == jeroboam.NotFound || (err == nil && (t.Machine != machine || (t.Used && t.Key != fingerprint))) {
			return jeroboam.Errorf(jeroboam.Unauthenticated, "join-token", "The join token is not this machine's, or was spent.")
		}
		if err != nil {
			return err
		}
		if !t.Used {
			t.Used, t.Key = true, fingerprint
			if err := store.Put(tx, &t); err != nil {
				return err
			}
		}
		return e.noteIn(tx, machine, func(m *jeroboam.Machine) bool {
			if !m.Status.JoinedAt.IsZero() {
				return false
			}
			m.Status.JoinedAt = e.Now().UTC()
			return true
		})
	})
}

// Hello tells that a machine's agent is there, and what it runs.
func (e *Engine) Hello(ctx context.Context, hello node.Hello) error {
	cluster, server, url := "", "", ""
	if e.Shared {
		server, url = e.id, e.Gateway.Peer
	}
	err := e.note(ctx, hello.Machine, func(m *jeroboam.Machine) bool {
		cluster = m.Cluster
		if now := e.Now().UTC(); !m.Status.Connected || m.Status.Server != server || now.Sub(m.Status.SeenAt) > seenOften {
			m.Status.Connected, m.Status.Server, m.Status.ServerURL, m.Status.SeenAt = true, server, url, now
		}
		wake := false
		if m.Status.JoinedAt.IsZero() {
			m.Status.JoinedAt, wake = e.Now().UTC(), true
		}
		if hello.Config != "" && hello.Config != m.Status.AppliedConfig {
			m.Status.AppliedConfig, wake = hello.Config, true
		}
		return wake
	})
	if err == nil && e.Shared {
		e.here.Came(cluster, hello.Machine)
	}
	return err
}

// Gone tells that a machine's agent hung up: the machine may have died. One that
// has called another server by now is not gone.
func (e *Engine) Gone(ctx context.Context, machine string) error {
	e.here.Left(machine)
	err := e.note(ctx, machine, func(m *jeroboam.Machine) bool {
		if m.Status.Server != "" && m.Status.Server != e.id {
			return false
		}
		was := m.Status.Connected
		m.Status.Connected, m.Status.SeenAt = false, e.Now().UTC()
		return was
	})
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return nil
	}
	return err
}

// Report writes down what has changed on a machine.
func (e *Engine) Report(ctx context.Context, machine string, report node.Report) error {
	return e.note(ctx, machine, func(m *jeroboam.Machine) bool {
		before := m.Status
		m.Status.Services = slices.Concat(report.Services, report.Tasks)
		m.Status.Cause = report.Cause
		if report.Config != "" {
			m.Status.AppliedConfig = report.Config
		}
		return before.ReadyAt.IsZero() || before.AppliedConfig != m.Status.AppliedConfig ||
			!reflect.DeepEqual(before.Cause, m.Status.Cause)
	})
}

// note is noteIn in a transaction of its own. Much of what agents say is no
// news, above all when all of them come back to a service that was away: the one
// who writes is asked only if there is something to write.
func (e *Engine) note(ctx context.Context, machine string, f func(*jeroboam.Machine) (wake bool)) error {
	defer e.Pace.Work(ctx)()
	m, err := e.machine(ctx, machine)
	if err != nil {
		return err
	}
	if before := m.Status; !f(&m) && reflect.DeepEqual(before, m.Status) {
		return nil
	}
	return store.Retry(ctx, e.Store, func(tx store.Tx) error { return e.noteIn(tx, machine, f) })
}

// noteIn changes a machine's status, writes it only if it is another than
// before, and wakes the cluster if f says that the engine should look.
func (e *Engine) noteIn(tx store.Tx, machine string, f func(*jeroboam.Machine) (wake bool)) error {
	m, err := store.Get[jeroboam.Machine](tx, machine)
	if err != nil {
		return err
	}
	before := m.Status
	wake := f(&m)
	if !reflect.DeepEqual(before, m.Status) {
		m.UpdatedAt = e.Now().UTC()
		if err := store.Put(tx, &m); err != nil {
			return err
		}
	}
	if !wake {
		return nil
	}
	return tx.Wake(m.Cluster)
}

// Config returns a machine's config; ready is false while its cluster is not
// far enough, and while a machine at work has to wait for its turn to change.
func (e *Engine) Config(ctx context.Context, machine string) (config node.Config, ready bool, err error) {
	defer e.Pace.Work(ctx)()
	m, config, ready, err := e.config(ctx, machine, configFresh)
	if err != nil || !ready || m.Status.ReadyAt.IsZero() {
		return config, ready, err
	}
	if digest := config.Digest(); digest == m.Status.AppliedConfig || digest == m.Status.Target {
		return config, true, nil
	}
	// The plan gives turns: see to it that there is one.
	return node.Config{}, false, store.Retry(ctx, e.Store, func(tx store.Tx) error { return tx.Wake(m.Cluster) })
}

// config returns the machine with the config it should have in the end, as it
// was found at most some time ago.
func (e *Engine) config(ctx context.Context, machine string, fresh time.Duration) (m jeroboam.Machine, config node.Config, ready bool, err error) {
	if m, err = e.machine(ctx, machine); err != nil {
		return m, node.Config{}, false, err
	}
	have := e.configs.fresh(m.Cluster, e.Now().Add(-fresh))
	if have == nil {
		s, err := snapshot.Load(ctx, e.Store, m.Cluster)
		if err != nil {
			return m, node.Config{}, false, err
		}
		have = e.refresh(ctx, s)
	}
	c, ok := have.configs[machine]
	if !ok && have.failure != nil {
		return m, node.Config{}, false, have.failure
	}
	return m, c, ok, nil
}

func (e *Engine) machine(ctx context.Context, id string) (jeroboam.Machine, error) {
	var m jeroboam.Machine
	err := e.Store.View(ctx, func(tx store.Tx) (err error) {
		m, err = store.Get[jeroboam.Machine](tx, id)
		return err
	})
	return m, err
}

// Sign signs exactly what the machine's config asks for: of the CSR only the
// public key is used.
func (e *Engine) Sign(ctx context.Context, machine string, request node.SignRequest) (string, error) {
	defer e.Pace.Work(ctx)()
	m, config, ready, err := e.config(ctx, machine, signFresh)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(config.Certificates, func(c node.Certificate) bool { return c.Name == request.Name })
	if !ready || i < 0 {
		return "", jeroboam.Errorf(jeroboam.Forbidden, "certificate", "The machine's config asks for no certificate %q.", request.Name)
	}
	asked := config.Certificates[i]
	if asked.Authority == jeroboam.AuthorityGateway {
		return e.Gateway.SignAutoscaler(request.CSR, m.Cluster, e.Now())
	}
	authority, err := e.authority(ctx, jeroboam.AuthorityID(m.Cluster, asked.Authority))
	if err != nil {
		return "", err
	}
	issuer, err := e.authorities.Issuer(ctx, authority)
	if err != nil {
		return "", err
	}
	signed, err := issuer.Issue(pki.Request{
		CSR: request.CSR, CommonName: asked.CommonName, Organization: asked.Organization,
		DNSNames: asked.DNSNames, IPs: asked.IPs, Server: asked.Server, Client: asked.Client, Life: nodeCertificateLife,
	}, e.Now())
	if err != nil {
		return "", fmt.Errorf("certificate %s: %w", asked.Name, err)
	}
	return signed, nil
}

func (e *Engine) authority(ctx context.Context, id string) (jeroboam.Authority, error) {
	var a jeroboam.Authority
	err := e.Store.View(ctx, func(tx store.Tx) (err error) {
		a, err = store.Get[jeroboam.Authority](tx, id)
		return err
	})
	return a, err
}

// Changed receives the IDs of machines whose config may have changed.
func (e *Engine) Changed() <-chan string { return e.changes.Out() }
