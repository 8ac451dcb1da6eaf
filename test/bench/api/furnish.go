package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/sqlite"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed/keyfile"
)

// holding is what the store of a furnished service holds.
type holding struct {
	template, cluster string // IDs, of a public template
	late              string // the cluster before the last 100
}

// furnish makes the state of a service that holds n clusters at rest. The first
// is made by the service itself, through its API; the others are its records
// again under other names, its secrets sealed anew.
func furnish(ctx context.Context, at site, dir string, n int) (holding, error) {
	h, err := makeFirst(ctx, at, dir)
	if err != nil {
		return h, fmt.Errorf("make the first cluster: %w", err)
	}
	state := filepath.Join(dir, "state")
	db, err := sqlite.Open(ctx, sqlite.Options{Dir: filepath.Join(state, "store")})
	if err != nil {
		return h, err
	}
	defer db.Close()
	vault, err := sealed.Open(ctx, sealed.Options{Store: db, Roots: []sealed.Root{keyfile.New(filepath.Join(state, "vault.keys"))}})
	if err != nil {
		return h, err
	}
	c := &copier{db: db, vault: vault, template: h.template}
	if err := c.read(ctx, h.cluster); err != nil {
		return h, err
	}
	if err := c.copies(ctx, n-1); err != nil {
		return h, fmt.Errorf("copy it: %w", err)
	}
	h.late, err = lateCluster(ctx, db)
	return h, err
}

// copyState copies the state of a service that does not run.
func copyState(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		at := filepath.Join(to, strings.TrimPrefix(path, from))
		info, err := d.Info()
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return os.Mkdir(at, 0o700)
		case !info.Mode().IsRegular(): // the agents' socket
			return nil
		}
		return copyFile(at, path, info.Mode())
	})
}

func copyFile(to, from string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// makeFirst serves once, makes a template and a cluster and waits for its end.
func makeFirst(ctx context.Context, at site, dir string) (h holding, err error) {
	s, err := at.serve(ctx, dir)
	if err != nil {
		return h, err
	}
	defer s.stop()
	var made struct {
		UUID   string `json:"uuid"`
		Status string `json:"status"`
	}
	if err := s.call(ctx, "POST", "/v1/clustertemplates", sharedTemplate, &made); err != nil {
		return h, err
	}
	h.template = made.UUID
	body := fmt.Sprintf(`{"cluster_template_id": %q, "name": "bench"}`, h.template)
	if err := s.call(ctx, "POST", "/v1/clusters", body, &made); err != nil {
		return h, err
	}
	h.cluster = made.UUID
	return h, until(ctx, 100*time.Millisecond, func() (bool, error) {
		err := s.call(ctx, "GET", "/v1/clusters/"+h.cluster, "", &made)
		return made.Status == string(jeroboam.CreateComplete), err
	})
}

// lateCluster is the one after which a page has the last 100.
func lateCluster(ctx context.Context, db store.Backend) (id string, err error) {
	err = db.View(ctx, func(tx store.Tx) error {
		last, err := tx.List(store.Query{Kind: store.KindCluster, Desc: true, Limit: 101})
		id = last[len(last)-1].ID
		return err
	})
	return id, err
}

// copier makes clusters of the records of one.
type copier struct {
	db       store.Backend
	vault    *sealed.Vault
	template string
	cluster  string
	records  []store.Record
	secrets  map[string]jeroboam.Secret // by name
}

// read takes the cluster's records, in the order in which they were made.
func (c *copier) read(ctx context.Context, cluster string) error {
	c.cluster = cluster
	var names []string
	err := c.db.View(ctx, func(tx store.Tx) error {
		first, err := tx.Get(store.KindCluster, cluster)
		if err != nil {
			return err
		}
		c.records = append(c.records, first)
		for _, kind := range []string{store.KindNodeGroup, store.KindMachine, store.KindOperation, store.KindEvent,
			store.KindResource, store.KindAuthority, store.KindToken} {
			found, err := tx.List(store.Query{Kind: kind, Parent: cluster})
			if err != nil {
				return err
			}
			c.records = append(c.records, found...)
		}
		for _, r := range c.records {
			steps, err := tx.List(store.Query{Kind: store.KindStep, Parent: r.ID})
			if err != nil {
				return err
			}
			c.records = append(c.records, steps...)
		}
		sealed, err := tx.List(store.Query{Kind: store.KindSealed, Parent: cluster})
		for _, s := range sealed {
			names = append(names, s.ID[len(cluster)+1:])
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(c.records, func(a, b store.Record) int { return int(a.Seq - b.Seq) })
	c.secrets = map[string]jeroboam.Secret{}
	for _, name := range names {
		if c.secrets[name], err = c.vault.Get(ctx, cluster, name); err != nil {
			return err
		}
	}
	return nil
}

// SQLite goes through all an Update has changed at each of its statements: many
// small ones, which share their commits, are faster than few large ones.
const (
	copiesAtOnce = 64
	perUpdate    = 2
)

func (c *copier) copies(ctx context.Context, n int) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(copiesAtOnce)
	for done := 0; done < n && ctx.Err() == nil; done += perUpdate {
		ids := make([]string, min(perUpdate, n-done))
		for i := range ids {
			ids[i] = newID()
		}
		g.Go(func() error { return c.keep(ctx, ids) })
	}
	return g.Wait()
}

func (c *copier) keep(ctx context.Context, ids []string) error {
	err := c.db.Update(ctx, func(tx store.Tx) error {
		for _, id := range ids {
			for _, r := range c.copy(id) {
				if _, err := tx.Put(r); err != nil {
					return err
				}
			}
		}
		return nil
	})
	for _, id := range ids {
		for name, secret := range c.secrets {
			if err == nil {
				err = c.vault.Put(ctx, id, name, secret)
			}
		}
	}
	return err
}

func newID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

var anyID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{64}`)

// copy is the records with other IDs in them; those of the template and of
// what is not the cluster's own stay.
func (c *copier) copy(cluster string) []store.Record {
	fresh := map[string]string{c.cluster: cluster}
	for _, r := range c.records {
		if _, known := fresh[r.ID]; !known && anyID.FindString(r.ID) == r.ID {
			fresh[r.ID] = newID()
		}
	}
	rename := func(text string) string {
		return anyID.ReplaceAllStringFunc(text, func(id string) string {
			if other, own := fresh[id]; own {
				return other
			}
			return id
		})
	}
	out := slices.Clone(c.records)
	for i := range out {
		r := &out[i]
		if id := rename(r.ID); id != r.ID {
			r.ID = id
		} else {
			r.ID += "-" + cluster
		}
		r.Parent, r.Data, r.Revision, r.Seq = rename(r.Parent), []byte(rename(string(r.Data))), 0, 0
	}
	return out
}
