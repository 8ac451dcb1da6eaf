// Package crash pulls the plug on the engine wherever it can be pulled, and
// requires that the next start comes to the same end.
package crash

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	cloudsim "github.com/jeroboam-cloud/jeroboam/cloud/sim"
	coesim "github.com/jeroboam-cloud/jeroboam/coe/sim"
	"github.com/jeroboam-cloud/jeroboam/engine"
	"github.com/jeroboam-cloud/jeroboam/monitor"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
)

// world is everything that outlives the service: the disk and the cloud. Each
// start is one life of the service on it.
type world struct {
	t     testing.TB
	disk  *memory.Disk
	cloud *cloudsim.Cloud
	coe   *coesim.Engine
	life  *life
	ops   int
	digit string // of which the bundle's digest is made
	// address is the choice of the API's; "": none.
	address string
	// watched has the monitor look after the cluster, too.
	watched bool
	given   *given                            // to agents
	wrap    func(store.Backend) store.Backend // what the engine gets of the store; nil: as it is
}

type life struct {
	store  *memory.Backend
	cancel context.CancelFunc
	ended  sync.WaitGroup
}

// pace is a model quick enough for thousands of lives, with everything taking
// some time, so that things overlap.
func pace() cloudsim.Options {
	return cloudsim.Options{Call: 20 * time.Millisecond, Boot: 300 * time.Millisecond, Apply: 100 * time.Millisecond,
		Start: 500 * time.Millisecond, Delete: 50 * time.Millisecond, Jitter: 0.5, Seed: 1, Credentials: true}
}

func newWorld(t testing.TB, model cloudsim.Options, live coesim.Options) *world {
	w := &world{t: t, disk: memory.NewDisk(), cloud: cloudsim.New(model), digit: "0", given: &given{configs: map[string]node.Config{}}}
	w.coe = coesim.New(coesim.Plain{}, w.cloud, live)
	return w
}

// start begins a life; a former one must have ended.
func (w *world) start() {
	ctx, cancel := context.WithCancel(context.Background())
	l := &life{store: w.disk.Open(), cancel: cancel}
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("JEROBOAM_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	var db store.Backend = l.store
	if w.wrap != nil {
		db = w.wrap(db)
	}
	e := engine.New(engine.Options{
		Store:   db,
		Vault:   plainVault{db},
		Drivers: map[string]engine.Driver{"k8s_sim": {Cloud: w.cloud, COE: w.coe, Catalogue: w.cloud}},
		Bundle: func(_ context.Context, _, version string) (node.Bundle, error) {
			return node.Bundle{Name: "sim", Version: version, Digest: strings.Repeat(w.digit, 64)}, nil
		},
		Gateway: engine.Gateway{URL: "unix:///run/gateway.sock", CA: "CA"},
		Log:     log,
	})
	l.ended.Go(func() { w.cloud.Serve(ctx, watchedRegistry{e, w.given}) })
	l.ended.Go(func() { _ = e.Run(ctx) }) // an error is the plug, pulled
	if w.watched {
		m := monitor.New(monitor.Options{Store: db, Clouds: map[string]cloud.Cloud{"k8s_sim": w.cloud}, Access: e.Access, Log: log})
		l.ended.Go(func() { _ = m.Run(ctx) })
	}
	w.life = l
}

// stop ends the life and waits for it.
func (w *world) stop() {
	w.life.cancel()
	w.life.ended.Wait()
	_ = w.life.store.Close()
}

// revive starts the service again if its plug was pulled.
func (w *world) revive() bool {
	select {
	case <-w.life.store.Stopped():
		w.stop()
		w.start()
		return true
	default:
		return false
	}
}

// crashed waits until the plug was pulled and the life has ended. It reports false
// when the work was done before that.
func (w *world) crashed(done func() bool) bool {
	for {
		select {
		case <-w.life.store.Stopped():
			w.stop()
			return true
		default:
		}
		if done() {
			return false
		}
		time.Sleep(10 * time.Millisecond) // virtual
	}
}

const clusterID = "c1"

// request is what service does for a verb: one transaction with the change, the
// operation and the wake-up.
func (w *world) request(verb string, change func(*jeroboam.Cluster, []*jeroboam.NodeGroup)) string {
	w.ops++
	id := fmt.Sprintf("op-%d", w.ops)
	w.revive() // nobody can ask a service that is down
	err := w.life.store.Update(context.Background(), func(tx store.Tx) error {
		c, err := store.Get[jeroboam.Cluster](tx, clusterID)
		if err != nil {
			return err
		}
		groups, err := store.List[jeroboam.NodeGroup](tx, store.Query{Parent: clusterID})
		if err != nil {
			return err
		}
		pointers := make([]*jeroboam.NodeGroup, len(groups))
		for i := range groups {
			pointers[i] = &groups[i]
		}
		change(&c, pointers)
		for i := range groups {
			if err := store.Put(tx, &groups[i]); err != nil {
				return err
			}
		}
		return w.order(tx, &c, id, verb)
	})
	if err != nil && (!w.revive() || w.operation(id).ID == "") { // an answer may be lost though the request was heard
		if e, ok := jeroboam.AsError(err); ok && e.Reason == store.ReasonStopped {
			return w.request(verb, change)
		}
		w.t.Fatalf("request %s: %v", verb, err)
	}
	return id
}

func (w *world) order(tx store.Tx, c *jeroboam.Cluster, id, verb string) error {
	c.Status.State = map[string]jeroboam.State{jeroboam.VerbCreate: jeroboam.CreateInProgress,
		jeroboam.VerbDelete: jeroboam.DeleteInProgress}[verb]
	if c.Status.State == "" {
		c.Status.State = jeroboam.UpdateInProgress
	}
	c.Status.Operation = id
	if err := store.Put(tx, c); err != nil {
		return err
	}
	op := jeroboam.Operation{ID: id, Cluster: c.ID, Project: c.Project, Verb: verb, State: jeroboam.OperationPending,
		CreatedAt: time.Now(), Deadline: time.Now().Add(time.Hour)}
	if err := store.Put(tx, &op); err != nil {
		return err
	}
	return tx.Wake(c.ID)
}

// create asks for a cluster.
func (w *world) create(masters, workers int) string {
	w.ops++
	id := fmt.Sprintf("op-%d", w.ops)
	err := w.life.store.Update(context.Background(), func(tx store.Tx) error {
		c := jeroboam.Cluster{ID: clusterID, Project: "p1", Name: "Demo_1", CreatedAt: time.Now(), Spec: jeroboam.ClusterSpec{
			Driver: "k8s_sim", COE: "sim", Version: "1", Image: "sim", Flavor: "small", MasterFlavor: "small",
			MasterLBEnabled: masters > 1 && w.address == "", Labels: map[string]string{plan.LabelAddress.Name: w.address}}}
		for _, g := range []jeroboam.NodeGroup{
			{ID: "g-master", Name: jeroboam.DefaultMaster, Role: jeroboam.RoleMaster, Spec: jeroboam.NodeGroupSpec{Count: masters}},
			{ID: "g-worker", Name: jeroboam.DefaultWorker, Role: jeroboam.RoleWorker, Spec: jeroboam.NodeGroupSpec{Count: workers}},
		} {
			g.Cluster, g.Project, g.Default, g.Status.State = c.ID, c.Project, true, jeroboam.CreateInProgress
			g.Spec.Flavor, g.Spec.Image = "small", "sim"
			if err := store.Put(tx, &g); err != nil {
				return err
			}
		}
		return w.order(tx, &c, id, jeroboam.VerbCreate)
	})
	if err != nil {
		w.t.Fatalf("create: %v", err)
	}
	return id
}

// resize sets the size of the workers' group.
func (w *world) resize(workers int, remove ...string) string {
	return w.request(jeroboam.VerbResize, func(_ *jeroboam.Cluster, groups []*jeroboam.NodeGroup) {
		g := groups[1]
		g.Spec.Count, g.Spec.Remove, g.Status.State = workers, remove, jeroboam.UpdateInProgress
	})
}

func (w *world) remove() string {
	return w.request(jeroboam.VerbDelete, func(c *jeroboam.Cluster, _ []*jeroboam.NodeGroup) { c.Spec.Deleted = true })
}

// removeAll gives up the data too.
func (w *world) removeAll() string {
	return w.request(jeroboam.VerbDelete, func(c *jeroboam.Cluster, _ []*jeroboam.NodeGroup) {
		c.Spec.Deleted, c.Spec.Data = true, jeroboam.RemoveData
	})
}

// ended reports whether an operation has.
func (w *world) ended(op string) func() bool {
	return func() bool { return w.operation(op).State.Ended() }
}

func (w *world) operation(id string) jeroboam.Operation {
	op, err := read(w, func(tx store.Tx) (jeroboam.Operation, error) { return store.Get[jeroboam.Operation](tx, id) })
	if err != nil {
		return jeroboam.Operation{}
	}
	return op
}

// read looks at the disk; a service that is down is started first.
func read[T any](w *world, f func(store.Tx) (T, error)) (T, error) {
	var v T
	look := func() error {
		return w.life.store.View(context.Background(), func(tx store.Tx) (err error) {
			v, err = f(tx)
			return err
		})
	}
	err := look()
	if e, ok := jeroboam.AsError(err); ok && e.Reason == store.ReasonStopped && w.revive() {
		err = look()
	}
	return v, err
}

func list[T store.Noun](w *world) []T {
	v, err := read(w, func(tx store.Tx) ([]T, error) { return store.List[T](tx, store.Query{Parent: clusterID}) })
	if err != nil {
		w.t.Fatalf("list: %v", err)
	}
	return v
}

// await waits, in virtual time, until an operation has ended.
func (w *world) await(op string) {
	w.t.Helper()
	look := 50 * time.Millisecond
	for end := time.Now().Add(2 * time.Hour); time.Now().Before(end); look += look / 10 {
		if w.ended(op)() {
			return
		}
		time.Sleep(look)
	}
	w.t.Fatalf("operation %s did not end: %+v\n%s", op, w.operation(op), w.journal())
}

// journal is the story so far, for a failing test.
func (w *world) journal() string {
	var b strings.Builder
	for _, e := range list[jeroboam.Event](w) {
		fmt.Fprintf(&b, "%s %s %s %s\n", e.At.Format("05.000"), e.Type, e.State, e.Message)
	}
	return b.String() + w.cloud.String()
}

// requireWhole checks a cluster at rest: exactly the machines wanted, each with
// one line in the ledger and one machine in the cloud, and nothing beside.
func (w *world) requireWhole(state jeroboam.State, masters, workers int) {
	w.t.Helper()
	c, err := read(w, func(tx store.Tx) (jeroboam.Cluster, error) { return store.Get[jeroboam.Cluster](tx, clusterID) })
	if err != nil || c.Status.State != state || c.Status.Reason != "" {
		w.t.Fatalf("cluster is %+v (%v), want %s\n%s", c.Status, err, state, w.journal())
	}
	var have, ledger, held []string
	count := map[string]int{}
	for _, m := range list[jeroboam.Machine](w) {
		have = append(have, m.Name)
		count[m.Role]++
		if m.Status.ReadyAt.IsZero() || m.Status.Deleting {
			w.t.Errorf("machine %s is not whole: %+v", m.Name, m.Status)
		}
	}
	for _, r := range list[jeroboam.Resource](w) {
		if r.State != jeroboam.ResourceMade {
			w.t.Errorf("ledger line %s is %s", r.ID, r.State)
		}
		if r.Kind == jeroboam.KindMachine {
			ledger = append(ledger, r.Name)
		}
	}
	for _, o := range w.cloud.Held(clusterID) {
		if o.Kind == jeroboam.KindMachine {
			held = append(held, o.Name)
		}
	}
	slices.Sort(have)
	slices.Sort(ledger)
	if !slices.Equal(have, held) || !slices.Equal(ledger, held) || count[jeroboam.RoleMaster] != masters || count[jeroboam.RoleWorker] != workers {
		w.t.Fatalf("want %d+%d machines; records %v, ledger %v, cloud %v\n%s", masters, workers, have, ledger, held, w.journal())
	}
	if count := len(list[store.Token](w)); count != masters+workers {
		w.t.Errorf("%d join tokens for %d machines", count, masters+workers)
	}
}

// requireGone checks that a delete has left nothing but its story.
func (w *world) requireGone() {
	w.t.Helper()
	if held := w.cloud.Held(clusterID); len(held) > 0 {
		w.t.Fatalf("the cloud still holds %v\n%s", held, w.journal())
	}
	for kind, n := range map[string]int{
		"groups": len(list[jeroboam.NodeGroup](w)), "machines": len(list[jeroboam.Machine](w)),
		"ledger lines": len(list[jeroboam.Resource](w)), "authorities": len(list[jeroboam.Authority](w)),
		"tokens": len(list[store.Token](w)), "secrets": len(list[store.Sealed](w)),
	} {
		if n != 0 {
			w.t.Errorf("%d %s are left", n, kind)
		}
	}
	_, err := read(w, func(tx store.Tx) (jeroboam.Cluster, error) { return store.Get[jeroboam.Cluster](tx, clusterID) })
	if jeroboam.KindOf(err) != jeroboam.NotFound {
		w.t.Errorf("the cluster's record is left (%v)", err)
	}
}

// requireLeft: of what the cluster has made for itself these kinds are left, and
// the journal tells that they were kept.
func (w *world) requireLeft(kinds ...string) {
	w.t.Helper()
	var left []string
	for _, d := range w.cloud.Begotten(clusterID) {
		left = append(left, d.Kind)
		if !strings.Contains(w.journal(), "keep "+d.Kind+" "+d.Name) {
			w.t.Errorf("the journal does not tell that %s was kept", d.Name)
		}
	}
	if slices.Sort(left); !slices.Equal(left, kinds) {
		w.t.Errorf("left is %q, want %q\n%s", left, kinds, w.journal())
	}
}
