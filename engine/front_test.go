package engine_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	cloudsim "github.com/jeroboam-cloud/jeroboam/cloud/sim"
	"github.com/jeroboam-cloud/jeroboam/store"
)

func virtualAddress(s *jeroboam.ClusterSpec) {
	s.Labels = map[string]string{"api_address": "virtual"}
}

// lose takes away what stands before c1's control plane, as an operator would
// by hand, and wakes the engine.
func (h *house) lose(kind string) {
	h.Helper()
	if err := h.cloud.Delete(h.Context(), scopeOf("c1"), cloud.Object{Kind: kind, Name: "c1"}); err != nil {
		h.Fatal(err)
	}
	h.update(func(tx store.Tx) error { return tx.Wake("c1") })
}

func scopeOf(cluster string) cloud.Scope {
	return cloud.Scope{Cluster: cluster, Project: "p1", Name: cluster}
}

// repair is the engine's own operation, nil while there is none.
func (h *house) repair() (found *jeroboam.Operation) {
	for _, op := range list[jeroboam.Operation](h, "c1") {
		if op.Verb == jeroboam.VerbRepair {
			found = &op
		}
	}
	return found
}

func TestWhatStandsBeforeTheControlPlaneIsMadeAgain(t *testing.T) {
	for kind, change := range map[string]func(*jeroboam.ClusterSpec){
		jeroboam.KindAddress:  virtualAddress,
		jeroboam.KindBalancer: func(*jeroboam.ClusterSpec) {},
	} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := open(t, cloudsim.Options{Call: 10 * time.Millisecond}, nil)
				h.made("c1", 3, 1, change)
				line := "c1/" + kind + "/c1"
				before, api := get[jeroboam.Resource](h, line), get[jeroboam.Cluster](h, "c1").Status.APIAddress
				h.lose(kind)
				h.soon("a repair has ended", func() bool { op := h.repair(); return op != nil && op.State.Ended() })
				if op := h.repair(); op.State != jeroboam.OperationComplete || op.Summary != kind {
					t.Errorf("the repair is %+v", op)
				}
				after := get[jeroboam.Resource](h, line)
				if before.Attributes["address"] == "" || after.Attributes["address"] != before.Attributes["address"] || after.Attributes["backends"] != before.Attributes["backends"] {
					t.Errorf("the ledger has %v, and before %v", after.Attributes, before.Attributes)
				}
				if stands, err := cloud.Stands(t.Context(), h.cloud, scopeOf("c1"), after); err != nil || !stands {
					t.Errorf("the cloud does not have %+v (%v)", after, err)
				}
				if c := get[jeroboam.Cluster](h, "c1"); c.Status.State != jeroboam.CreateComplete || c.Status.APIAddress != api {
					t.Errorf("the cluster is %+v, its API was at %s", c.Status, api)
				}
			})
		})
	}
}

func TestAnAddressThatIsAnothersByNowBlocksUntilItIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, cloudsim.Options{}, nil)
		h.made("c1", 3, 1, virtualAddress)
		was := get[jeroboam.Resource](h, "c1/address/c1").Attributes["address"]
		if err := h.cloud.Delete(t.Context(), scopeOf("c1"), cloud.Object{Kind: jeroboam.KindAddress, Name: "c1"}); err != nil {
			t.Fatal(err)
		}
		if _, err := h.cloud.EnsureAddress(t.Context(), scopeOf("c1"), cloud.AddressSpec{Name: "thief", Address: was}); err != nil {
			t.Fatal(err)
		}
		h.update(func(tx store.Tx) error { return tx.Wake("c1") })
		h.soon("the repair is blocked", func() bool { op := h.repair(); return op != nil && op.State == jeroboam.OperationBlocked })
		if c := h.repair().Cause; c == nil || c.Kind != jeroboam.Conflict || c.Remedy == "" {
			t.Errorf("the cause is %+v", c)
		}
		if err := h.cloud.Delete(t.Context(), scopeOf("c1"), cloud.Object{Kind: jeroboam.KindAddress, Name: "thief"}); err != nil {
			t.Fatal(err)
		}
		h.soon("the repair has ended", func() bool { return h.repair().State == jeroboam.OperationComplete })
		if a, err := h.cloud.FindAddress(t.Context(), scopeOf("c1"), "c1"); err != nil || a.Address != was {
			t.Errorf("the address is %+v, and was %s (%v)", a, was, err)
		}
	})
}

// hand counts what is ensured, and breaks calls.
type hand struct {
	mu     sync.Mutex
	calls  map[string]int
	breaks map[string]bool
}

func (p *hand) fault(c cloudsim.Call) cloudsim.Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[c.Name]++
	if p.breaks[c.Name] {
		return cloudsim.Fault{Before: jeroboam.Errorf(jeroboam.Unavailable, "cloud", "The cloud does not answer.")}
	}
	return cloudsim.Fault{}
}

func (p *hand) took(name string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.calls[name]
	p.calls[name] = 0
	return n
}

func TestWhatMachinesShareIsSetRightWhenAUserChangesSomething(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &hand{calls: map[string]int{}}
		h := open(t, cloudsim.Options{Call: 10 * time.Millisecond, Fault: p.fault}, nil)
		h.made("c1", 3, 1)
		time.Sleep(time.Minute) // the engine has left
		p.took("EnsureBalancer")
		p.took("EnsureNetwork")
		h.await(h.ask("grow", jeroboam.VerbUpdate, "c1", func(_ *jeroboam.Cluster, put func(jeroboam.NodeGroup) error) error {
			g := get[jeroboam.NodeGroup](h, "c1-worker")
			g.Spec.Count = 2
			return put(g)
		}))
		if b, n := p.took("EnsureBalancer"), p.took("EnsureNetwork"); b != 1 || n != 1 {
			t.Errorf("the balancer was ensured %d times, the network %d times", b, n)
		}
	})
}

func TestALostMachineIsMendedThoughWhatItSharesCannotBeLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &hand{calls: map[string]int{}}
		h := open(t, cloudsim.Options{Fault: p.fault}, nil)
		h.made("c1", 3, 1)
		p.mu.Lock()
		p.breaks = map[string]bool{"FindBalancer": true}
		p.mu.Unlock()
		if err := h.cloud.Kill("c1", "c1-worker-0"); err != nil {
			t.Fatal(err)
		}
		h.update(func(tx store.Tx) error { return tx.Wake("c1") })
		h.soon("a repair has ended", func() bool { op := h.repair(); return op != nil && op.State.Ended() })
		if op := h.repair(); op.State != jeroboam.OperationComplete || op.Summary != "c1-worker-0" {
			t.Errorf("the repair is %+v", op)
		}
	})
}
