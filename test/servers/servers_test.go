// Package servers runs several servers' engines on one PostgreSQL, with agents
// that call one server while others work on their clusters.
package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jeroboam-cloud/jeroboam"
	cloudsim "github.com/jeroboam-cloud/jeroboam/cloud/sim"
	coesim "github.com/jeroboam-cloud/jeroboam/coe/sim"
	"github.com/jeroboam-cloud/jeroboam/engine"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/service/drivers"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/postgres"
	pg "github.com/jeroboam-cloud/jeroboam/test/postgres"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed/keyfile"
)

var database pg.Server

func TestMain(m *testing.M) {
	code := m.Run()
	database.Stop()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var olga = jeroboam.Caller{UserID: "olga", ProjectID: "p1", Roles: []string{"member", "reader"}}

// world is what all servers share.
type world struct {
	url    jeroboam.Secret
	keys   string // of the vault
	cloud  *cloudsim.Cloud
	bundle atomic.Int32 // number of the bundle that machines are made of
}

func newWorld(t *testing.T) *world {
	w := &world{url: database.Database(t), keys: t.TempDir() + "/keys", cloud: cloudsim.New(cloudsim.Options{
		Call: time.Millisecond, Boot: 10 * time.Millisecond, Apply: 5 * time.Millisecond, Start: 10 * time.Millisecond,
		Delete: 5 * time.Millisecond, Sign: true})}
	return w
}

// server is one of them.
type server struct {
	store  store.Backend
	engine *engine.Engine
	verbs  *service.Service
}

// idle is a store whose jobs this server leaves to the others.
type idle struct{ store.Backend }

func (idle) Work(ctx context.Context, _ store.Worker) error {
	<-ctx.Done()
	return nil
}

var row = jeroboam.Driver{Name: "k8s_sim", ServerType: "vm", Distro: "sim", COE: "sim", Cloud: "sim"}

// serve starts a server, which ends with the test. One that does not work has
// agents alone.
func (w *world) serve(t *testing.T, works bool) *server {
	t.Helper()
	b, err := postgres.Open(t.Context(), postgres.Options{URL: w.url})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{store: b}
	if !works {
		s.store = idle{b}
	}
	secrets, err := sealed.Open(t.Context(), sealed.Options{Store: b, Roots: []sealed.Root{keyfile.New(w.keys)}})
	if err != nil {
		t.Fatal(err)
	}
	k := coesim.New(coesim.Plain{}, w.cloud, coesim.Options{})
	s.engine = engine.New(engine.Options{Store: s.store, Vault: secrets, Shared: true,
		Drivers: map[string]engine.Driver{row.Name: {Cloud: w.cloud, COE: k, Catalogue: w.cloud}},
		Bundle: func(context.Context, string, string) (node.Bundle, error) {
			return node.Bundle{Name: "sim", Version: "1", Digest: strings.Repeat(fmt.Sprint(w.bundle.Load()), 64)}, nil
		},
		Gateway: engine.Gateway{URL: "unix:///run/gateway.sock", CA: "CA"}})
	s.verbs = service.New(service.Options{Store: b, Versions: func(string) []string { return []string{"1"} },
		Drivers: []drivers.Driver{{Driver: row, Engine: k, Catalogue: w.cloud, Preflight: w.cloud}}})
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := s.engine.Run(ctx); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		ended.Wait()
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// agents lets every machine's agent call one server, until the test ends.
func (w *world) agents(t *testing.T, s *server) (hangUp func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() { w.cloud.Serve(ctx, s.engine) })
	hangUp = func() { cancel(); ended.Wait() }
	t.Cleanup(hangUp)
	return hangUp
}

// await looks again whenever something was written.
func await(t *testing.T, s *server, what string, done func(tx store.Tx) (bool, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	written := s.store.Watch(ctx, "", "")
	for {
		ok := false
		err := s.store.View(ctx, func(tx store.Tx) (err error) {
			ok, err = done(tx)
			return err
		})
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if ok {
			return
		}
		if _, open := <-written; !open {
			t.Fatalf("not in time: %s", what)
		}
	}
}

const clusters = 4

// whole reports whether every cluster is at rest with its machines running
// what the bundle of this number holds.
func (w *world) whole(configs map[string]string) func(tx store.Tx) (bool, error) {
	return func(tx store.Tx) (bool, error) {
		all, err := store.List[jeroboam.Cluster](tx, store.Query{})
		if err != nil {
			return false, err
		}
		for _, c := range all {
			if c.Status.State.Failed() {
				return false, errors.New(c.Status.Reason)
			}
			if !c.Status.State.Resting() {
				return false, nil
			}
		}
		machines, err := store.List[jeroboam.Machine](tx, store.Query{})
		for _, m := range machines {
			if m.Status.ReadyAt.IsZero() || m.Status.AppliedConfig == "" || m.Status.AppliedConfig == configs[m.ID] {
				return false, err
			}
		}
		return len(all) == clusters && len(machines) == 3*clusters, err
	}
}

// applied are the configs of all machines.
func applied(t *testing.T, s *server) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := s.store.View(t.Context(), func(tx store.Tx) error {
		machines, err := store.List[jeroboam.Machine](tx, store.Query{})
		for _, m := range machines {
			out[m.ID] = m.Status.AppliedConfig
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// wake has the clusters looked at, as a monitor would.
func wake(t *testing.T, s *server) {
	t.Helper()
	err := s.store.Update(t.Context(), func(tx store.Tx) error {
		all, err := store.List[jeroboam.Cluster](tx, store.Query{})
		for _, c := range all {
			err = errors.Join(err, tx.Wake(c.ID))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAgentsOfOneServerHearWhatOthersChange has every agent call a server that
// works on no cluster: its first config, and its turn to take another one, are
// the doing of two other servers. Then the agents move to another server, and
// the one they have left does not call them gone.
func TestAgentsOfOneServerHearWhatOthersChange(t *testing.T) {
	w := newWorld(t)
	door, first, second := w.serve(t, false), w.serve(t, true), w.serve(t, true)
	hangUp := w.agents(t, door)
	two := 2
	if _, err := door.verbs.CreateTemplate(t.Context(), olga, jeroboam.Template{Name: "t", COE: "sim", Image: "sim", ServerType: "vm", Flavor: "small"}); err != nil {
		t.Fatal(err)
	}
	for i := range clusters {
		s := []*server{door, first, second}[i%3]
		if _, err := s.verbs.CreateCluster(t.Context(), olga, service.ClusterRequest{Template: "t", Name: fmt.Sprint("c", i), Workers: &two}); err != nil {
			t.Fatal(err)
		}
	}
	await(t, door, "machines have their first config", w.whole(nil))

	before := applied(t, door)
	w.bundle.Store(1)
	wake(t, door)
	await(t, door, "machines have taken another config in turn", w.whole(before))

	before = applied(t, door)
	hangUp()
	w.agents(t, second)
	w.bundle.Store(2)
	wake(t, door)
	await(t, door, "machines have moved to another server and taken another config", w.whole(before))
	for id := range before {
		if err := door.engine.Gone(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	err := door.store.View(t.Context(), func(tx store.Tx) error {
		machines, err := store.List[jeroboam.Machine](tx, store.Query{})
		for _, m := range machines {
			if !m.Status.Connected {
				t.Errorf("%s is with another server, and called gone by the one it left", m.Name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
