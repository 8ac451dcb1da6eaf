package monitor_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	cloudsim "github.com/jeroboam-cloud/jeroboam/cloud/sim"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/monitor"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
)

// patient is a COE that says what the test wants of each cluster, and counts.
type patient struct {
	coe.COE
	mu     sync.Mutex
	health map[string]coe.Health
	asked  map[string][]time.Time
}

func (p *patient) Health(_ context.Context, a coe.Access) (coe.Health, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[a.Cluster] = append(p.asked[a.Cluster], time.Now())
	return p.health[a.Cluster], nil
}

func (p *patient) is(cluster string, h coe.Health) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.health[cluster] = h
}

func (p *patient) times(cluster string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asked[cluster])
}

var (
	well = coe.Health{Reachable: true, Nodes: []coe.Node{{Name: "n0", Ready: true}, {Name: "n1", Ready: true}}}
	ill  = coe.Health{Reachable: true, Nodes: []coe.Node{{Name: "n0", Ready: true}, {Name: "n1"}}}
	dead = coe.Health{Message: "connection refused"}
)

// ward is a monitor over a store, a cloud and patients.
type ward struct {
	*testing.T
	store   *memory.Backend
	cloud   *cloudsim.Cloud
	patient *patient
	monitor *monitor.Monitor
	mu      sync.Mutex
	woken   []string
}

func newWard(t *testing.T) *ward {
	w := &ward{T: t, store: memory.New(), cloud: cloudsim.New(cloudsim.Options{}),
		patient: &patient{health: map[string]coe.Health{}, asked: map[string][]time.Time{}}}
	w.monitor = monitor.New(monitor.Options{Store: w.store, Clouds: map[string]cloud.Cloud{"d": w.cloud},
		Access: func(_ context.Context, cluster string) (coe.COE, coe.Access, error) {
			return w.patient, coe.Access{Cluster: cluster}, nil
		}})
	return w
}

// run starts the monitor and a worker that notes who is woken; the returned
// function ends them.
func (w *ward) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := w.monitor.Run(ctx); err != nil {
			w.Error(err)
		}
	})
	ended.Go(func() {
		err := w.store.Work(ctx, store.Worker{Run: func(_ context.Context, cluster string, _ <-chan struct{}) (time.Duration, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.woken = append(w.woken, cluster)
			return 0, nil
		}})
		if err != nil {
			w.Error(err)
		}
	})
	return func() { cancel(); ended.Wait() }
}

func (w *ward) awake() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.woken)
}

func (w *ward) put(f func(tx store.Tx) error) {
	w.Helper()
	if err := w.store.Update(context.Background(), f); err != nil {
		w.Fatal(err)
	}
}

func (w *ward) admit(id string, h coe.Health) {
	w.patient.is(id, h)
	w.put(func(tx store.Tx) error {
		c := jeroboam.Cluster{ID: id, Project: "p", Name: id, Spec: jeroboam.ClusterSpec{Driver: "d"}, CreatedAt: time.Now(), UpdatedAt: time.Now(),
			Status: jeroboam.ClusterStatus{State: jeroboam.CreateComplete, APIAddress: "https://10.0.0.2:6443"}}
		return store.Put(tx, &c)
	})
}

func get[T store.Noun](w *ward, id string) T {
	w.Helper()
	var v T
	err := w.store.View(context.Background(), func(tx store.Tx) (err error) {
		v, err = store.Get[T](tx, id)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return v
}

func TestHealthInMagnumsWords(t *testing.T) {
	for _, test := range []struct {
		name   string
		says   coe.Health
		want   jeroboam.Health
		reason map[string]string
	}{
		{"all nodes ready", well, jeroboam.Healthy, map[string]string{"api": "ok", "n0.Ready": "True", "n1.Ready": "True"}},
		{"one node not ready", ill, jeroboam.Unhealthy, map[string]string{"api": "ok", "n0.Ready": "True", "n1.Ready": "False"}},
		{"no answer", dead, jeroboam.Unhealthy, map[string]string{"api": "connection refused"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := monitor.Observe(test.says)
			if o.Health != test.want || !maps.Equal(o.HealthReason, test.reason) {
				t.Errorf("%s %v, want %s %v", o.Health, o.HealthReason, test.want, test.reason)
			}
		})
	}
}

func TestAClusterIsAskedAtOnceThenInItsTurnAndWrittenOnlyWhenThereIsNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWard(t)
		defer w.run()()
		time.Sleep(10 * time.Second)
		w.admit("c1", well)
		time.Sleep(2 * time.Second)
		if o := get[jeroboam.Cluster](w, "c1").Observed; o.Health != jeroboam.Healthy {
			t.Fatalf("two seconds after it is there the cluster is %+v", o)
		}
		time.Sleep(28 * time.Second)
		before, times := w.store.Commits(), w.patient.times("c1")
		time.Sleep(5 * time.Minute)
		if n := w.patient.times("c1") - times; n < 9 || n > 11 {
			t.Errorf("a healthy cluster was asked %d times in 5 minutes, want 10", n)
		}
		if n := w.store.Commits() - before; n > 0 {
			t.Errorf("%d writes without news", n)
		}
		w.patient.is("c1", ill)
		time.Sleep(31 * time.Second)
		if o := get[jeroboam.Cluster](w, "c1").Observed; o.Health != jeroboam.Unhealthy || o.HealthReason["n1.Ready"] != "False" {
			t.Errorf("an ill cluster is shown as %+v", o)
		}
		time.Sleep(30 * time.Second)
		w.patient.is("c1", well)
		time.Sleep(7 * time.Second)
		if o := get[jeroboam.Cluster](w, "c1").Observed; o.Health != jeroboam.Healthy {
			t.Errorf("seconds after it is well again it is %+v", o)
		}
		if len(w.awake()) > 0 {
			t.Errorf("the engine was woken for %v though the API answered", w.awake())
		}
	})
}

func TestAClusterThatDoesNotAnswerIsBroughtToTheEnginesNotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWard(t)
		defer w.run()()
		w.admit("c1", dead)
		time.Sleep(2 * time.Second)
		if !slices.Contains(w.awake(), "c1") {
			t.Error("the engine sleeps")
		}
	})
}

func TestADeadMachineWakesTheEngine(t *testing.T) {
	scope := cloud.Scope{Cluster: "c1", Project: "p", Name: "c1"}
	make1 := func(w *ward) {
		network, err := w.cloud.EnsureNetwork(w.Context(), scope, cloud.NetworkSpec{Name: "c1"})
		if err != nil {
			w.Fatal(err)
		}
		_, err = w.cloud.EnsureMachine(w.Context(), scope, cloud.MachineSpec{ID: "m1", Name: "m1", Network: network,
			UserData: func() ([]byte, error) { return nil, nil }})
		if err != nil {
			w.Fatal(err)
		}
		w.put(func(tx store.Tx) error {
			return store.Put(tx, &jeroboam.Machine{ID: "m1", Cluster: "c1", Project: "p", Name: "m1"})
		})
		w.admit("c1", well)
	}
	t.Run("as soon as the cloud tells", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWard(t)
			make1(w)
			defer w.run()()
			time.Sleep(5 * time.Second)
			if n := len(w.awake()); n > 0 {
				t.Fatalf("woken %d times for nothing", n)
			}
			if err := w.cloud.Kill("c1", "m1"); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if !slices.Equal(w.awake(), []string{"c1"}) {
				t.Errorf("woken: %v", w.awake())
			}
		})
	})
	t.Run("also when nobody was watching", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWard(t)
			make1(w)
			if err := w.cloud.Lose("c1", "m1"); err != nil {
				t.Fatal(err)
			}
			defer w.run()()
			synctest.Wait()
			if !slices.Contains(w.awake(), "c1") {
				t.Error("the engine sleeps")
			}
		})
	})
	t.Run("and what stands before machines that live", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWard(t)
			make1(w)
			a, err := w.cloud.EnsureAddress(t.Context(), scope, cloud.AddressSpec{Name: "c1"})
			if err != nil {
				t.Fatal(err)
			}
			w.put(func(tx store.Tx) error {
				return store.Put(tx, &jeroboam.Resource{ID: "c1/address/c1", Cluster: "c1", Project: "p", Kind: jeroboam.KindAddress, Name: "c1",
					State: jeroboam.ResourceMade, CloudID: a.CloudID, Attributes: map[string]string{cloud.AttributeAddress: a.Address}})
			})
			defer w.run()()
			time.Sleep(5 * time.Minute)
			if n := len(w.awake()); n > 0 {
				t.Fatalf("woken %d times for nothing", n)
			}
			if err := w.cloud.Delete(t.Context(), scope, cloud.Object{Kind: jeroboam.KindAddress, Name: "c1"}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if !slices.Contains(w.awake(), "c1") {
				t.Error("the engine sleeps")
			}
		})
	})
}

func TestWhatACloudHoldsForNobodyIsAnOrphan(t *testing.T) {
	w := newWard(t)
	for _, id := range []string{"known", "unknown"} {
		if _, err := w.cloud.EnsureNetwork(t.Context(), cloud.Scope{Cluster: id, Project: "p", Name: id}, cloud.NetworkSpec{Name: id}); err != nil {
			t.Fatal(err)
		}
	}
	w.admit("known", well)
	orphans, err := w.monitor.Orphans(t.Context())
	if err != nil || len(orphans) != 1 || orphans[0].Scope.Cluster != "unknown" || orphans[0].Driver != "d" {
		t.Errorf("the orphans are %v (%v)", orphans, err)
	}
}

func TestAnAuthorityThatRunsOutIsWarnedOfOnceAWeek(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWard(t)
		w.put(func(tx store.Tx) error {
			for name, left := range map[string]time.Duration{"kubernetes": 29 * 24 * time.Hour, "etcd": 90 * 24 * time.Hour} {
				a := jeroboam.Authority{ID: "c1/" + name, Cluster: "c1", Project: "p", Name: name, NotAfter: time.Now().Add(left)}
				if err := store.Put(tx, &a); err != nil {
					return err
				}
			}
			return nil
		})
		warnings := func() int {
			var n int
			w.put(func(tx store.Tx) (err error) {
				n, err = store.Count[jeroboam.Event](tx, store.Query{Parent: "c1", Name: "warning"})
				return err
			})
			return n
		}
		for day, want := range []int{1, 1, 1, 1, 1, 1, 1, 2} {
			if err := w.monitor.CheckAuthorities(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := warnings(); got != want {
				t.Errorf("%d warnings on day %d, want %d", got, day, want)
			}
			time.Sleep(24 * time.Hour)
		}
	})
}

func TestOldStoriesAreForgottenAndYoungOnesKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWard(t)
		tell := func(op, cluster string) {
			w.put(func(tx store.Tx) error {
				o := jeroboam.Operation{ID: op, Cluster: cluster, State: jeroboam.OperationComplete, FinishedAt: time.Now()}
				s := jeroboam.Step{ID: op + "/network", Operation: op, Cluster: cluster}
				e := jeroboam.Event{ID: "event of " + op, Cluster: cluster, At: time.Now()}
				for _, err := range []error{store.Put(tx, &o), store.Put(tx, &s), store.Put(tx, &e)} {
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
		w.admit("c1", well)
		tell("old", "gone")
		tell("current", "c1")
		w.put(func(tx store.Tx) error {
			c, err := store.Get[jeroboam.Cluster](tx, "c1")
			c.Status.Operation = "current"
			if err != nil {
				return err
			}
			return store.Put(tx, &c)
		})
		time.Sleep(40 * 24 * time.Hour)
		tell("young", "gone")
		if err := w.monitor.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
		var kept []string
		w.put(func(tx store.Tx) error {
			ops, err := store.List[jeroboam.Operation](tx, store.Query{})
			for _, o := range ops {
				kept = append(kept, o.ID)
			}
			steps, _ := store.List[jeroboam.Step](tx, store.Query{})
			for _, s := range steps {
				kept = append(kept, s.ID)
			}
			events, _ := store.List[jeroboam.Event](tx, store.Query{})
			for _, e := range events {
				kept = append(kept, e.ID)
			}
			return err
		})
		if got, want := strings.Join(kept, ", "), "current, young, current/network, young/network, event of young"; got != want {
			t.Errorf("kept are %s; want %s", got, want)
		}
	})
}
