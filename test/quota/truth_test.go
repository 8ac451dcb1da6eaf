package quota

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/jeroboam-cloud/jeroboam"
	cloudsim "github.com/jeroboam-cloud/jeroboam/cloud/sim"
	coesim "github.com/jeroboam-cloud/jeroboam/coe/sim"
	"github.com/jeroboam-cloud/jeroboam/engine"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/quota"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/service/drivers"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed/keyfile"
)

// wish is one thing that a user asks for, some time after the last.
type wish struct {
	After   time.Duration
	Verb    string // create, resize, group, ungroup, delete, kill
	Cluster int
	Count   int
}

func drawWishes(t *rapid.T) []wish {
	verbs := []string{"create", "create", "resize", "resize", "group", "group", "ungroup", "delete", "kill"}
	var all []wish
	for range rapid.IntRange(1, 14).Draw(t, "wishes") {
		all = append(all, wish{After: time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond,
			Verb: rapid.SampledFrom(verbs).Draw(t, "verb"), Cluster: rapid.IntRange(0, 2).Draw(t, "cluster"),
			Count: rapid.IntRange(0, 5).Draw(t, "count")})
	}
	return all
}

// TestUsageIsAtAnyTimeWhatTheRecordsSay plays random lives of clusters under an
// engine at work, and counts the records by hand after every commit.
func TestUsageIsAtAnyTimeWhatTheRecordsSay(t *testing.T) {
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set("8"); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		wishes := drawWishes(rt)
		var wrong string
		synctest.Test(t, func(t *testing.T) { wrong = live(t, wishes) })
		if wrong != "" {
			rt.Fatalf("%+v\n%s", wishes, wrong)
		}
	})
}

// live plays the wishes and returns the first time that the count was wrong.
func live(t *testing.T, wishes []wish) (wrong string) {
	w := newWorld(t)
	defer w.stop()
	for _, wish := range wishes {
		time.Sleep(wish.After) // virtual
		w.ask(t, wish)
	}
	w.countAnew(t)
	time.Sleep(5 * time.Minute) // until all is at rest
	w.countAnew(t)
	return w.wrong
}

// countAnew forgets all that was counted, as if the records were of a version
// that did not count, and has it counted as a start of the service does.
func (w *world) countAnew(t *testing.T) {
	err := w.store.Update(t.Context(), func(tx store.Tx) error {
		groups, err := store.List[jeroboam.NodeGroup](tx, store.Query{})
		for _, g := range groups {
			g.Claim = jeroboam.Claim{}
			if err := store.Put(tx, &g); err != nil {
				return err
			}
		}
		usage, err2 := store.List[jeroboam.Usage](tx, store.Query{})
		for _, u := range usage {
			err = errors.Join(err, store.Delete(tx, u))
		}
		return errors.Join(err, err2, quota.Recount(tx, func(c jeroboam.Cluster, flavor string) jeroboam.Flavor {
			f, err := w.cloud.FindFlavor(context.Background(), c.Project, flavor)
			if err != nil {
				t.Error(err)
			}
			return f
		}))
	})
	if err != nil {
		t.Error(err)
	}
}

// world is verbs and an engine over one store and a simulated cloud.
type world struct {
	store *memory.Backend
	verbs *service.Service
	cloud *cloudsim.Cloud
	wrong string
	stop  func()
}

func newWorld(t *testing.T) *world {
	w := &world{store: memory.New(), cloud: cloudsim.New(cloudsim.Options{Call: 20 * time.Millisecond, Boot: 300 * time.Millisecond,
		Apply: 100 * time.Millisecond, Start: 500 * time.Millisecond, Delete: 50 * time.Millisecond, Jitter: 0.5, Seed: 1})}
	secrets, err := sealed.Open(t.Context(), sealed.Options{Store: w.store, Roots: []sealed.Root{keyfile.New(t.TempDir() + "/keys")}})
	if err != nil {
		t.Fatal(err)
	}
	k := coesim.New(coesim.Plain{}, w.cloud, coesim.Options{})
	row := jeroboam.Driver{Name: "k8s_sim", ServerType: "vm", Distro: "sim", COE: "sim", Cloud: "sim"}
	e := engine.New(engine.Options{Store: w.store, Vault: secrets,
		Drivers: map[string]engine.Driver{row.Name: {Cloud: w.cloud, COE: k, Catalogue: w.cloud}},
		Bundle: func(context.Context, string, string) (node.Bundle, error) {
			return node.Bundle{Name: "sim", Version: "1", Digest: strings.Repeat("0", 64)}, nil
		},
		Gateway: engine.Gateway{URL: "unix:///run/gateway.sock", CA: "CA"}})
	w.verbs = service.New(service.Options{Store: w.store, Versions: func(string) []string { return []string{"1"} },
		Drivers: []drivers.Driver{{Driver: row, Engine: k, Catalogue: w.cloud, Preflight: w.cloud}},
		Limits:  service.Limits{Quotas: quota.Limits{jeroboam.QuotaNode: 12}}})
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	commits := w.store.Watch(ctx, "", "")
	ended.Go(func() { w.cloud.Serve(ctx, e) })
	ended.Go(func() { _ = e.Run(ctx) }) // ends with ctx
	ended.Go(func() {
		for range commits {
			w.count(ctx)
		}
	})
	w.stop = func() {
		cancel()
		ended.Wait()
		_ = w.store.Close()
	}
	_, err = w.verbs.CreateTemplate(ctx, olga, jeroboam.Template{Name: "t", COE: "sim", Image: "sim", ServerType: "vm",
		Flavor: "small", MasterFlavor: "medium", DockerVolumeSize: 5, Labels: map[string]string{"etcd_volume_size": "7"}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// ask does what a user would; what is refused, for whatever reason, is refused.
func (w *world) ask(t *testing.T, wish wish) {
	ctx, name, group := t.Context(), fmt.Sprint("c", wish.Cluster), fmt.Sprint("g", wish.Count%2)
	var err error
	switch wish.Verb {
	case "create":
		_, err = w.verbs.CreateCluster(ctx, olga, service.ClusterRequest{Template: "t", Name: name, Workers: &wish.Count})
	case "resize":
		_, err = w.verbs.ResizeCluster(ctx, olga, name, service.Resize{Count: wish.Count})
	case "group":
		_, err = w.verbs.CreateNodeGroup(ctx, olga, name, service.NodeGroupRequest{Name: group, Count: &wish.Count, Flavor: "medium"})
	case "ungroup":
		err = w.verbs.DeleteNodeGroup(ctx, olga, name, group)
	case "delete":
		err = w.verbs.DeleteCluster(ctx, olga, name, "")
	case "kill":
		w.kill(name, wish.Count)
	}
	if kind := jeroboam.KindOf(err); kind == jeroboam.Internal {
		t.Error(err)
	}
}

// kill ends a worker, if there is one.
func (w *world) kill(name string, n int) {
	_ = w.store.View(context.Background(), func(tx store.Tx) error {
		found, _ := store.List[jeroboam.Cluster](tx, store.Query{Name: name, Limit: 1})
		for _, c := range found {
			_ = w.cloud.Kill(c.ID, fmt.Sprintf("%s-worker-%d", name, n)) // none there: nothing dies
		}
		return nil
	})
}

// each is what a node takes, by hand.
func each(g jeroboam.NodeGroup) jeroboam.Amounts {
	n := map[string]jeroboam.Amounts{"small": {Nodes: 1, Cores: 1, Memory: 1024, Volume: 10 + 5},
		"medium": {Nodes: 1, Cores: 2, Memory: 2048, Volume: 20 + g.Spec.DockerVolumeSize}}[g.Spec.Flavor]
	if g.IsMaster() {
		n.Volume += 7
	}
	return n
}

// count compares the usage with the records of the same moment.
func (w *world) count(ctx context.Context) {
	_ = w.store.View(ctx, func(tx store.Tx) error { // refused only at the end
		want := jeroboam.Amounts{}
		deleted, machines := map[string]bool{}, map[string]int{}
		clusters, _ := store.List[jeroboam.Cluster](tx, store.Query{})
		for _, c := range clusters {
			want.Clusters++
			deleted[c.ID] = c.Spec.Deleted
		}
		all, _ := store.List[jeroboam.Machine](tx, store.Query{})
		for _, m := range all {
			machines[m.Group]++
		}
		groups, _ := store.List[jeroboam.NodeGroup](tx, store.Query{})
		for _, g := range groups {
			wanted := g.Spec.Count
			if g.Spec.Deleted || deleted[g.Cluster] {
				wanted = 0
			}
			want = want.Plus(each(g).Times(max(wanted, machines[g.ID])))
		}
		u, err := quota.Used(tx, "p1")
		if u.Amounts != want && w.wrong == "" {
			w.wrong = fmt.Sprintf("counted %+v, there are %+v: %v", u.Amounts, want, err)
		}
		if want.Nodes > 12 && w.wrong == "" {
			w.wrong = fmt.Sprintf("%d nodes at a limit of 12", want.Nodes)
		}
		return nil
	})
}
