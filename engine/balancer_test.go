package engine_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	cloudsim "github.com/jeroboam-cloud/jeroboam/cloud/sim"
	"github.com/jeroboam-cloud/jeroboam/engine"
)

// fronted is a cloud whose balancers have a floating address.
type fronted struct {
	*cloudsim.Cloud
	mu    sync.Mutex
	asked []cloud.BalancerSpec
}

const floating = "203.0.113.9"

func (f *fronted) EnsureBalancer(ctx context.Context, scope cloud.Scope, spec cloud.BalancerSpec) (cloud.Balancer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, spec)
	b, err := f.Cloud.EnsureBalancer(ctx, scope, spec)
	b.Public = floating
	return b, err
}

func (f *fronted) FindBalancer(ctx context.Context, scope cloud.Scope, name string) (cloud.Balancer, error) {
	b, err := f.Cloud.FindBalancer(ctx, scope, name)
	b.Public = floating
	return b, err
}

func TestABalancerIsReachedFromOutsideAndCalledFromInside(t *testing.T) {
	var front *fronted
	h := open(t, cloudsim.Options{}, func(o *engine.Options) {
		for name, d := range o.Drivers {
			front = &fronted{Cloud: d.Cloud.(*cloudsim.Cloud)}
			d.Cloud = front
			o.Drivers[name] = d
		}
	})
	worker := h.made("c1", 3, 1)["c1-worker-0"]
	front.mu.Lock()
	defer front.mu.Unlock()
	b, err := front.Cloud.EnsureBalancer(t.Context(), cloud.Scope{Cluster: "c1", Project: "p1"}, cloud.BalancerSpec{})
	if err != nil {
		t.Fatal(err)
	}
	if _, access, err := h.engine.Access(t.Context(), "c1"); err != nil || access.Endpoint != "https://"+floating+":6443" {
		t.Errorf("the API is at %q (%v)", access.Endpoint, err)
	}
	if config, ready, err := h.engine.Config(t.Context(), worker.ID); err != nil || !ready || !slices.Contains(config.Services[0].Command, b.Address) {
		t.Errorf("the worker is told %v, want %s (%v)", config.Services, b.Address, err)
	}
	if last := front.asked[len(front.asked)-1]; front.asked[0].Address != "" || last.Address != b.Address || len(last.Backends) != 3 {
		t.Errorf("the balancer was asked for with %+v", front.asked)
	}
	if line := get[jeroboam.Resource](h, "c1/"+jeroboam.KindBalancer+"/c1"); line.Attributes["public"] != floating || line.Attributes["address"] != b.Address {
		t.Errorf("the ledger has %v", line.Attributes)
	}
}
