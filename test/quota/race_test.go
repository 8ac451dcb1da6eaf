// Package quota lets many ask for the last of something at once, on every
// store, and compares what is counted with what there is.
package quota

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/quota"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/service/drivers"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
	"github.com/jeroboam-cloud/jeroboam/store/postgres"
	"github.com/jeroboam-cloud/jeroboam/store/sqlite"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
	pg "github.com/jeroboam-cloud/jeroboam/test/postgres"
)

var server pg.Server

func TestMain(m *testing.M) {
	code := m.Run()
	server.Stop()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var (
	olga = jeroboam.Caller{UserID: "olga", ProjectID: "p1", Roles: []string{"member", "reader"}}
	anna = jeroboam.Caller{UserID: "anna", ProjectID: "p0", Roles: []string{"admin", "member", "reader"}}
)

// stores opens each kind of store twice, as two servers would, where two can be.
var stores = map[string]func(t *testing.T) []store.Backend{
	"memory": func(*testing.T) []store.Backend { return []store.Backend{memory.New()} },
	"sqlite": func(t *testing.T) []store.Backend {
		b, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		return []store.Backend{b}
	},
	"postgres": func(t *testing.T) []store.Backend {
		url := server.Database(t)
		var both []store.Backend
		for range 2 {
			b, err := postgres.Open(t.Context(), postgres.Options{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			both = append(both, b)
		}
		return both
	},
}

// services are the verbs of every server on a store.
func services(t *testing.T, backends []store.Backend) []*service.Service {
	t.Helper()
	var all []*service.Service
	for _, b := range backends {
		t.Cleanup(func() {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
		all = append(all, service.New(service.Options{Store: b, Drivers: []drivers.Driver{{
			Driver: jeroboam.Driver{Name: apikit.Driver, ServerType: "vm", Distro: "fedora-coreos", COE: apikit.COE, Cloud: "testcloud"},
			Engine: apikit.Engine{}, Catalogue: apikit.Catalogue{}, Preflight: apikit.Catalogue{},
		}}, Versions: func(string) []string { return apikit.Versions }}))
	}
	_, err := all[0].CreateTemplate(t.Context(), olga, jeroboam.Template{Name: "k8s", COE: apikit.COE, Image: apikit.Image,
		Flavor: apikit.Flavor, ServerType: "vm"})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func limit(t *testing.T, s *service.Service, resource string, n int) {
	t.Helper()
	if _, err := s.Quotas.Create(t.Context(), anna, jeroboam.Quota{Project: "p1", Resource: resource, HardLimit: n}); err != nil {
		t.Fatal(err)
	}
}

// race does something a hundred times at once, by every server in turn, and
// counts how often it was not refused for want of quota.
func race(t *testing.T, all []*service.Service, do func(s *service.Service, i int) error) int {
	t.Helper()
	var wg sync.WaitGroup
	errs := make([]error, 100)
	for i := range errs {
		wg.Go(func() { errs[i] = do(all[i%len(all)], i) })
	}
	wg.Wait()
	done := 0
	for _, err := range errs {
		switch jeroboam.KindOf(err) {
		case "":
			done++
		case jeroboam.QuotaExceeded:
		default:
			t.Error(err)
		}
	}
	return done
}

func create(ctx context.Context, s *service.Service, i, workers int) error {
	_, err := s.CreateCluster(ctx, olga, service.ClusterRequest{Template: "k8s", Name: fmt.Sprintf("c%d", i), Workers: &workers})
	return err
}

func used(t *testing.T, b store.Backend) (u jeroboam.Usage) {
	t.Helper()
	err := b.View(t.Context(), func(tx store.Tx) (err error) {
		u, err = quota.Used(tx, "p1")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestWhatRacesForTheLastOfItNeverGetsMore(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			backends := open(t)
			all := services(t, backends)
			limit(t, all[0], jeroboam.QuotaCluster, 10)
			if n := race(t, all, func(s *service.Service, i int) error { return create(t.Context(), s, i, 0) }); n != 10 {
				t.Errorf("%d clusters at a limit of 10", n)
			}
			limit(t, all[0], jeroboam.QuotaNode, 20) // 10 are left
			if _, err := all[0].Quotas.Update(t.Context(), anna, "p1", jeroboam.QuotaCluster, 1000); err != nil {
				t.Fatal(err)
			}
			if n := race(t, all, func(s *service.Service, i int) error { return create(t.Context(), s, 100+i, 2) }); n != 3 {
				t.Errorf("%d clusters of 3 nodes where 10 nodes are left", n)
			}
			want := jeroboam.Amounts{Clusters: 13, Nodes: 19, Cores: 19, Memory: 19 * 1024, Volume: 190}
			if u := used(t, backends[0]); u.Amounts != want {
				t.Errorf("used %+v, want %+v", u.Amounts, want)
			}
		})
	}
}

func TestRacingResizesOfOneProjectStayUnderItsLimit(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			backends := open(t)
			all := services(t, backends)
			for i := range 10 {
				if err := create(t.Context(), all[0], i, 0); err != nil {
					t.Fatal(err)
				}
			}
			rest(t, backends[0])
			limit(t, all[0], jeroboam.QuotaNode, 20)
			race(t, all, func(s *service.Service, i int) error {
				_, err := s.ResizeCluster(t.Context(), olga, fmt.Sprintf("c%d", i%10), service.Resize{Count: 1 + i/10})
				return err
			})
			u, counted := used(t, backends[0]), 0
			for _, g := range groups(t, backends[0]) {
				counted += g.Spec.Count
			}
			if u.Nodes > 20 || u.Nodes != counted {
				t.Errorf("counted %d nodes, groups want %d, the limit is 20", u.Nodes, counted)
			}
		})
	}
}

// rest brings every cluster to rest as an engine that was done would.
func rest(t *testing.T, b store.Backend) {
	t.Helper()
	err := b.Update(t.Context(), func(tx store.Tx) error {
		clusters, err := store.List[jeroboam.Cluster](tx, store.Query{})
		for _, c := range clusters {
			c.Status.State = jeroboam.CreateComplete
			if err := store.Put(tx, &c); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func groups(t *testing.T, b store.Backend) (all []jeroboam.NodeGroup) {
	t.Helper()
	err := b.View(t.Context(), func(tx store.Tx) (err error) {
		all, err = store.List[jeroboam.NodeGroup](tx, store.Query{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
