package crash

import (
	"context"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/engine"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// given is every config that an agent was ever given, by digest.
type given struct {
	mu      sync.Mutex
	configs map[string]node.Config
}

// watchedRegistry is an engine whose answers to agents are kept.
type watchedRegistry struct {
	*engine.Engine
	given *given
}

func (r watchedRegistry) Config(ctx context.Context, machine string) (node.Config, bool, error) {
	c, ready, err := r.Engine.Config(ctx, machine)
	if ready {
		r.given.mu.Lock()
		defer r.given.mu.Unlock()
		r.given.configs[c.Digest()] = c
	}
	return c, ready, err
}

// running is the config that a machine has said to be in force.
func (w *world) running(m jeroboam.Machine) (node.Config, bool) {
	w.given.mu.Lock()
	defer w.given.mu.Unlock()
	c, ok := w.given.configs[m.Status.AppliedConfig]
	return c, ok
}

// upgrade asks for another version of the whole cluster.
func (w *world) upgrade(version string) string {
	return w.request(jeroboam.VerbUpgrade, func(c *jeroboam.Cluster, groups []*jeroboam.NodeGroup) {
		c.Spec.Version = version
		for _, g := range groups {
			g.Status.State = jeroboam.UpdateInProgress
		}
	})
}

func (w *world) rotate() string {
	return w.request(jeroboam.VerbRotate, func(c *jeroboam.Cluster, _ []*jeroboam.NodeGroup) { c.Spec.Rotation = 1 })
}

func (w *world) renew() string {
	return w.request(jeroboam.VerbRotate, func(c *jeroboam.Cluster, _ []*jeroboam.NodeGroup) { c.Spec.Credential = 1 })
}

// requireVersion checks that everything and everybody says that it runs one version.
func (w *world) requireVersion(version string) {
	w.t.Helper()
	for _, g := range list[jeroboam.NodeGroup](w) {
		if g.Status.Version != version {
			w.t.Errorf("group %s says that it runs %q", g.Name, g.Status.Version)
		}
	}
	for _, m := range list[jeroboam.Machine](w) {
		if m.Status.Version != version || m.Status.Cordoned || m.Status.Drained || w.cloud.Version(clusterID, m.Name) != version {
			w.t.Errorf("%s runs %q: %+v", m.Name, w.cloud.Version(clusterID, m.Name), m.Status)
		}
	}
	if c := w.cluster(); c.Status.COEVersion != version {
		w.t.Errorf("the cluster says that it runs %q", c.Status.COEVersion)
	}
}

// requireGeneration checks that one generation of the authority is left, and
// the secrets of no other.
func (w *world) requireGeneration(n int) {
	w.t.Helper()
	for _, a := range list[jeroboam.Authority](w) {
		if a.Generation != n || a.Next != "" || a.Former != "" {
			w.t.Errorf("authority %s is of generation %d: %+v", a.Name, a.Generation, a)
		}
		w.requireSecrets(a.KeyName(n), "encryption", "credential/Demo_1-0")
		for _, m := range list[jeroboam.Machine](w) {
			if c, ok := w.running(m); !ok || c.Files[0].Content.Reveal() != a.PEM || c.Certificates[0].Generation != n {
				w.t.Errorf("%s has a config of another generation: %+v", m.Name, c)
			}
		}
	}
}

// requireCredential checks that the cloud holds one credential, that the
// control plane has it and that the vault keeps no other.
func (w *world) requireCredential(name string) {
	w.t.Helper()
	var held []string
	for _, o := range w.cloud.Held(clusterID) {
		if o.Kind == jeroboam.KindCredential {
			held = append(held, o.Name)
		}
	}
	if strings.Join(held, " ") != name {
		w.t.Errorf("the cloud holds the credentials %v, want %s", held, name)
	}
	w.requireSecrets(jeroboam.AuthorityMain, "encryption", "credential/"+name)
	kept, err := read(w, func(tx store.Tx) (store.Sealed, error) {
		return store.Get[store.Sealed](tx, clusterID+"/credential/"+name)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range list[jeroboam.Machine](w) {
		c, _ := w.running(m)
		has := strings.Contains(string(kept.Box), c.Files[len(c.Files)-1].Content.Reveal())
		if has != m.IsMaster() {
			w.t.Errorf("%s has the credential: %v", m.Name, has)
		}
	}
}

func (w *world) requireSecrets(names ...string) {
	w.t.Helper()
	want := map[string]bool{}
	for _, name := range names {
		want[clusterID+"/"+name] = true
	}
	for _, s := range list[store.Sealed](w) {
		if !want[s.ID] {
			w.t.Errorf("the vault still keeps %s", s.ID)
		}
		delete(want, s.ID)
	}
	if len(want) > 0 {
		w.t.Errorf("the vault lacks %v", want)
	}
}

// while looks at the cluster again and again until an operation has ended.
func (w *world) while(op string, look func()) {
	w.t.Helper()
	for range 4000 {
		look()
		if w.ended(op)() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.t.Fatalf("operation %s did not end\n%s", op, w.journal())
}

// TestAnUpgradeGoesByTurns: the control plane one by one, then the workers, at
// most a batch of them down at once, each of them empty; no worker is ever ahead
// of a control-plane node, nor a new one that comes meanwhile.
func TestAnUpgradeGoesByTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := drains()
		var mu sync.Mutex
		emptied, filled := map[string]int{}, map[string]int{}
		count := func(m map[string]int) func(string, string) {
			return func(_, node string) {
				mu.Lock()
				defer mu.Unlock()
				m[node]++
			}
		}
		live.Drained, live.Uncordoned = count(emptied), count(filled)
		w := newWorld(t, pace(), live)
		w.start()
		defer func() { w.stop() }()
		w.await(w.create(3, 6))
		w.request(jeroboam.VerbUpgrade, func(c *jeroboam.Cluster, groups []*jeroboam.NodeGroup) {
			c.Spec.Version, groups[1].Spec.Batch = "2", 2
		})
		op := w.request(jeroboam.VerbResize, func(_ *jeroboam.Cluster, groups []*jeroboam.NodeGroup) { groups[1].Spec.Count = 7 })
		most := 0
		w.while(op, func() {
			down, oldest := map[string]int{}, "2"
			for _, m := range list[jeroboam.Machine](w) {
				if v := w.cloud.Version(clusterID, m.Name); m.IsMaster() && v < oldest {
					oldest = v
				}
			}
			for _, m := range list[jeroboam.Machine](w) {
				if (m.Status.ReadyAt.IsZero() || m.Status.Drained) && m.Index < 6 {
					down[m.Role]++
				}
				if v := w.cloud.Version(clusterID, m.Name); !m.IsMaster() && v > oldest {
					t.Fatalf("%s runs %s ahead of the control plane\n%s", m.Name, v, w.journal())
				}
			}
			most = max(most, down[jeroboam.RoleWorker])
			if down[jeroboam.RoleMaster] > 1 || down[jeroboam.RoleWorker] > 2 || len(down) > 1 {
				t.Fatalf("%v are down at once\n%s", down, w.journal())
			}
		})
		w.requireWhole(jeroboam.UpdateComplete, 3, 7)
		w.requireVersion("2")
		if most != 2 {
			t.Errorf("%d workers were down at once, want a batch of 2", most)
		}
		if len(emptied) != 7 || !maps.Equal(emptied, filled) {
			t.Errorf("drained were %v, uncordoned %v, want all workers", emptied, filled)
		}
	})
}

// TestABudgetBlocksAnUpgradeWithItsRemedy: nothing is forced, and it goes on by
// itself when the budget lets it.
func TestABudgetBlocksAnUpgradeWithItsRemedy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mended atomic.Bool
		live := drains()
		live.Fault = func(call, _, _ string) error {
			if call != "Drain" || mended.Load() {
				return nil
			}
			return jeroboam.Errorf(jeroboam.Conflict, "disruption-budget", "The budget keeps the pod.").WithRemedy("Change the budget.")
		}
		w := newWorld(t, pace(), live)
		w.start()
		defer w.stop()
		w.await(w.create(1, 2))
		op := w.upgrade("2")
		time.Sleep(time.Minute)
		blocked := w.operation(op)
		if blocked.State != jeroboam.OperationBlocked || blocked.Cause.Reason != "disruption-budget" {
			t.Fatalf("the operation is %s, %+v\n%s", blocked.State, blocked.Cause, w.journal())
		}
		if g := list[jeroboam.NodeGroup](w); g[0].Status.Version != "2" || g[1].Status.Version != "1" {
			t.Errorf("the groups say %s and %s; the control plane is done", g[0].Status.Version, g[1].Status.Version)
		}
		mended.Store(true)
		w.await(op)
		w.requireVersion("2")
	})
}

// TestEverybodyTrustsEverybodyThroughARotation: at every moment each machine
// trusts the authority that signed the certificates of every other.
func TestEverybodyTrustsEverybodyThroughARotation(t *testing.T) {
	for _, cut := range []int{0, 13} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, pace(), drains())
			w.start()
			defer func() { w.stop() }()
			w.await(w.create(3, 1))
			op := w.rotate()
			if cut > 0 {
				w.life.store.StopAfter(cut)
			}
			certificates, stages := map[int]string{}, map[string]bool{}
			w.while(op, func() {
				w.revive()
				w.requireTurns()
				for _, a := range list[jeroboam.Authority](w) {
					certificates[a.Generation] = a.PEM
					stages[strings.Repeat("+", strings.Count(a.Trust(), "BEGIN"))] = true
				}
				for _, one := range list[jeroboam.Machine](w) {
					for _, other := range list[jeroboam.Machine](w) {
						w.requireTrust(one, other, certificates)
					}
				}
			})
			w.requireGeneration(1)
			if len(stages) != 2 || len(certificates) != 2 {
				t.Errorf("%d stages and %d generations were seen", len(stages), len(certificates))
			}
		})
	}
}

func (w *world) requireTrust(one, other jeroboam.Machine, certificates map[int]string) {
	w.t.Helper()
	a, known := w.running(one)
	b, both := w.running(other)
	if known && both && !strings.Contains(a.Files[0].Content.Reveal(), certificates[b.Certificates[0].Generation]) {
		w.t.Fatalf("%s does not trust the certificate of %s\n%s", one.Name, other.Name, w.journal())
	}
}
