package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	cloudsim "github.com/jeroboam-cloud/jeroboam/cloud/sim"
	coesim "github.com/jeroboam-cloud/jeroboam/coe/sim"
	"github.com/jeroboam-cloud/jeroboam/engine"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed/keyfile"
)

// house is an engine at work on a simulated cloud.
type house struct {
	*testing.T
	store  store.Backend
	cloud  *cloudsim.Cloud
	engine *engine.Engine
}

// open starts an engine that ends with the test.
func open(t *testing.T, model cloudsim.Options, change func(*engine.Options)) *house {
	h := &house{T: t, store: memory.New(), cloud: cloudsim.New(model)}
	secrets, err := sealed.Open(t.Context(), sealed.Options{Store: h.store, Roots: []sealed.Root{keyfile.New(t.TempDir() + "/keys")}})
	if err != nil {
		t.Fatal(err)
	}
	options := engine.Options{
		Store: h.store, Vault: secrets,
		Drivers: map[string]engine.Driver{"k8s_sim": {Cloud: h.cloud, Catalogue: h.cloud, COE: coesim.New(coesim.Plain{}, h.cloud, coesim.Options{})}},
		Bundle: func(context.Context, string, string) (node.Bundle, error) {
			return node.Bundle{Name: "sim", Version: "1", Digest: strings.Repeat("0", 64)}, nil
		},
		Gateway: engine.Gateway{URL: "unix:///run/gateway.sock", CA: "CA"},
	}
	if change != nil {
		change(&options)
	}
	h.engine = engine.New(options)
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() { h.cloud.Serve(ctx, h.engine) })
	ended.Go(func() {
		if err := h.engine.Run(ctx); err != nil {
			t.Errorf("the engine ended with %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		ended.Wait()
		if err := h.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// create asks for a cluster and returns its operation's ID.
func (h *house) create(cluster string, masters, workers int, change ...func(*jeroboam.ClusterSpec)) string {
	h.Helper()
	h.update(func(tx store.Tx) error {
		c := jeroboam.Cluster{ID: cluster, Project: "p1", Name: cluster, CreatedAt: time.Now(), Spec: jeroboam.ClusterSpec{
			Driver: "k8s_sim", COE: "sim", Version: "1", Image: "sim", Flavor: "small", MasterFlavor: "small"}}
		for _, f := range change {
			f(&c.Spec)
		}
		c.Status.State = jeroboam.CreateInProgress
		for i, count := range []int{masters, workers} {
			role := []string{jeroboam.RoleMaster, jeroboam.RoleWorker}[i]
			g := jeroboam.NodeGroup{ID: cluster + "-" + role, Cluster: cluster, Project: "p1", Name: "default-" + role, Role: role, Default: true,
				Spec: jeroboam.NodeGroupSpec{Count: count, Flavor: "small", Image: "sim", DockerVolumeSize: c.Spec.DockerVolumeSize}, Status: jeroboam.NodeGroupStatus{State: jeroboam.CreateInProgress}}
			if err := store.Put(tx, &g); err != nil {
				return err
			}
		}
		if err := store.Put(tx, &c); err != nil {
			return err
		}
		op := jeroboam.Operation{ID: "create-" + cluster, Cluster: cluster, Project: "p1", Verb: jeroboam.VerbCreate,
			State: jeroboam.OperationPending, CreatedAt: time.Now()}
		if err := store.Put(tx, &op); err != nil {
			return err
		}
		return tx.Wake(cluster)
	})
	return "create-" + cluster
}

func (h *house) update(f func(store.Tx) error) {
	h.Helper()
	if err := h.store.Update(context.Background(), f); err != nil {
		h.Fatal(err)
	}
}

func get[T store.Noun](h *house, id string) T {
	h.Helper()
	var v T
	err := h.store.View(context.Background(), func(tx store.Tx) (err error) {
		v, err = store.Get[T](tx, id)
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return v
}

func list[T store.Noun](h *house, cluster string) []T {
	h.Helper()
	var v []T
	err := h.store.View(context.Background(), func(tx store.Tx) (err error) {
		v, err = store.List[T](tx, store.Query{Parent: cluster})
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return v
}

// await waits, on the store's watch, until the operation has ended.
func (h *house) await(operation string) jeroboam.Operation {
	h.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	changed := h.store.Watch(ctx, store.KindOperation, "")
	for {
		if op := get[jeroboam.Operation](h, operation); op.State.Ended() {
			return op
		}
		select {
		case <-changed:
		case <-ctx.Done():
			h.Fatalf("the operation %s has not ended: %+v", operation, get[jeroboam.Operation](h, operation))
		}
	}
}

// made makes a whole cluster and returns its machines by name.
func (h *house) made(cluster string, masters, workers int, change ...func(*jeroboam.ClusterSpec)) map[string]jeroboam.Machine {
	h.Helper()
	if op := h.await(h.create(cluster, masters, workers, change...)); op.State != jeroboam.OperationComplete {
		h.Fatalf("the create is %s: %+v", op.State, op.Cause)
	}
	out := map[string]jeroboam.Machine{}
	for _, m := range list[jeroboam.Machine](h, cluster) {
		out[m.Name] = m
	}
	return out
}

func (h *house) want(err error, kind jeroboam.Kind) {
	h.Helper()
	if jeroboam.KindOf(err) != kind {
		h.Errorf("the error is %v (%s), want %q", err, jeroboam.KindOf(err), fmt.Sprint(kind))
	}
}
