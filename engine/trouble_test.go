package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	cloudsim "github.com/jeroboam-cloud/jeroboam/cloud/sim"
	"github.com/jeroboam-cloud/jeroboam/engine"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// ask changes a cluster and its groups as service would, under a new operation.
func (h *house) ask(operation, verb, cluster string, change func(*jeroboam.Cluster, func(jeroboam.NodeGroup) error) error) string {
	h.Helper()
	h.update(func(tx store.Tx) error {
		c, err := store.Get[jeroboam.Cluster](tx, cluster)
		if err != nil {
			return err
		}
		put := func(g jeroboam.NodeGroup) error { return store.Put(tx, &g) }
		if err := change(&c, put); err != nil {
			return err
		}
		c.Status.State = jeroboam.UpdateInProgress
		op := jeroboam.Operation{ID: operation, Cluster: cluster, Project: "p1", Verb: verb, State: jeroboam.OperationPending, CreatedAt: time.Now()}
		return errors.Join(store.Put(tx, &c), store.Put(tx, &op), tx.Wake(cluster))
	})
	return operation
}

func (h *house) delete(cluster string) string {
	h.Helper()
	return h.ask("delete-"+cluster, jeroboam.VerbDelete, cluster, func(c *jeroboam.Cluster, _ func(jeroboam.NodeGroup) error) error {
		c.Spec.Deleted = true
		return nil
	})
}

// soon waits, in virtual time, for something to become true.
func (h *house) soon(what string, yes func() bool) {
	h.Helper()
	for end := time.Now().Add(5 * time.Minute); !yes(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			h.Fatalf("not within five minutes: %s", what)
		}
	}
}

func TestDeleteFindsByTheTagWhatTheLedgerDoesNotKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, cloudsim.Options{Call: 10 * time.Millisecond}, nil)
		h.made("c1", 1, 1)
		scope := cloud.Scope{Cluster: "c1", Project: "p1", Name: "c1"}
		_, err := h.cloud.EnsureMachine(t.Context(), scope, cloud.MachineSpec{ID: "stray", Name: "stray",
			UserData: func() ([]byte, error) { return nil, nil }})
		if err != nil {
			t.Fatal(err)
		}
		if op := h.await(h.delete("c1")); op.State != jeroboam.OperationComplete {
			t.Errorf("the delete is %s: %+v", op.State, op.Cause)
		}
		if held := h.cloud.Held("c1"); len(held) > 0 {
			t.Errorf("the cloud still holds %v", held)
		}
	})
}

func TestANodeGroupComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, cloudsim.Options{}, nil)
		h.made("c1", 1, 1)
		gpu := jeroboam.NodeGroup{ID: "gpu", Cluster: "c1", Project: "p1", Name: "GPU nodes", Role: "gpu",
			Spec: jeroboam.NodeGroupSpec{Count: 2, Flavor: "large", Image: "sim"}, Status: jeroboam.NodeGroupStatus{State: jeroboam.CreateInProgress}}
		h.await(h.ask("add", jeroboam.VerbUpdate, "c1", func(_ *jeroboam.Cluster, put func(jeroboam.NodeGroup) error) error { return put(gpu) }))
		made := get[jeroboam.NodeGroup](h, "gpu")
		if made.Status.State != jeroboam.CreateComplete || len(made.Status.Addresses) != 2 || made.Status.Version != "1" {
			t.Errorf("the group is %+v", made.Status)
		}
		if c := get[jeroboam.Cluster](h, "c1"); c.Status.State != jeroboam.UpdateComplete {
			t.Errorf("the cluster is %s", c.Status.State)
		}
		var names []string
		for _, m := range list[jeroboam.Machine](h, "c1") {
			names = append(names, m.Name)
		}
		slices.Sort(names)
		if want := []string{"c1-gpu-nodes-0", "c1-gpu-nodes-1", "c1-master-0", "c1-worker-0"}; !slices.Equal(names, want) {
			t.Errorf("the machines are %v, want %v", names, want)
		}
		h.await(h.ask("remove", jeroboam.VerbUpdate, "c1", func(_ *jeroboam.Cluster, put func(jeroboam.NodeGroup) error) error {
			made.Spec.Deleted, made.Status.State = true, jeroboam.DeleteInProgress
			return put(made)
		}))
		if groups, machines := list[jeroboam.NodeGroup](h, "c1"), list[jeroboam.Machine](h, "c1"); len(groups) != 2 || len(machines) != 2 {
			t.Errorf("left are %d groups and %d machines", len(groups), len(machines))
		}
	})
}

func TestAnUnknownDriverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, cloudsim.Options{}, func(o *engine.Options) { o.Drivers = nil })
		op := h.create("c1", 1, 1)
		h.soon("the operation is blocked", func() bool { return get[jeroboam.Operation](h, op).State == jeroboam.OperationBlocked })
		if c := get[jeroboam.Operation](h, op).Cause; c == nil || c.Kind != jeroboam.Unsupported || c.Remedy == "" {
			t.Errorf("the cause is %+v", c)
		}
		if reason := get[jeroboam.Cluster](h, "c1").Status.Reason; !strings.Contains(reason, `"k8s_sim"`) {
			t.Errorf("the cluster's reason is %q", reason)
		}
		told := func() (n int) {
			for _, e := range list[jeroboam.Event](h, "c1") {
				if e.State == string(jeroboam.OperationBlocked) {
					n++
				}
			}
			return n
		}
		time.Sleep(time.Minute) // some looks later
		if n := told(); n != 1 {
			t.Errorf("that it is blocked is told %d times", n)
		}
	})
}

func TestAMissingBundleBlocksACreateAndLeavesARunningClusterAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var there atomic.Bool
		h := open(t, cloudsim.Options{}, func(o *engine.Options) {
			find := o.Bundle
			o.Bundle = func(ctx context.Context, coe, version string) (node.Bundle, error) {
				if there.Load() {
					return find(ctx, coe, version)
				}
				return node.Bundle{}, jeroboam.Errorf(jeroboam.NotFound, "bundle", "There is no bundle of version %s.", version).WithRemedy("Build it.")
			}
		})
		op := h.create("c1", 1, 1)
		h.soon("the operation is blocked", func() bool { return get[jeroboam.Operation](h, op).State == jeroboam.OperationBlocked })
		if c := get[jeroboam.Operation](h, op).Cause; c == nil || c.Remedy != "Build it." {
			t.Errorf("the cause is %+v", c)
		}
		there.Store(true)
		h.await(op)
		there.Store(false)
		h.update(func(tx store.Tx) error { return tx.Wake("c1") })
		time.Sleep(time.Minute)
		if n := len(list[jeroboam.Operation](h, "c1")); n != 1 {
			t.Errorf("there are %d operations, want the create alone", n)
		}
	})
}

func TestWhatLooksLikeOurOwnFaultIsGivenUpAfterAFewAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		h := open(t, cloudsim.Options{Fault: func(c cloudsim.Call) cloudsim.Fault {
			if c.Name != "EnsureNetwork" {
				return cloudsim.Fault{}
			}
			calls.Add(1)
			return cloudsim.Fault{Before: errors.New("nil pointer at 0xdeadbeef")}
		}}, nil)
		op := h.await(h.create("c1", 1, 1))
		if op.State != jeroboam.OperationFailed || op.Cause.Kind != jeroboam.Internal || strings.Contains(op.Cause.Detail, "0xdeadbeef") {
			t.Errorf("the operation is %s: %+v", op.State, op.Cause)
		}
		c := get[jeroboam.Cluster](h, "c1")
		if c.Status.State != jeroboam.CreateFailed || get[jeroboam.NodeGroup](h, "c1-worker").Status.State != jeroboam.CreateFailed {
			t.Errorf("the cluster is %+v", c.Status)
		}
		if n := calls.Load(); n != 8 {
			t.Errorf("it was tried %d times", n)
		}
	})
}

func TestWhatAnAgentCannotDoBlocksUntilItCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, cloudsim.Options{Apply: time.Minute}, nil)
		op := h.create("c1", 1, 0)
		joined := func() bool {
			all := list[jeroboam.Machine](h, "c1")
			return len(all) == 1 && all[0].Status.Connected
		}
		h.soon("the machine has joined", joined)
		cause := &jeroboam.Cause{Kind: jeroboam.Invalid, Reason: "digest", Detail: "The bundle has another digest.", Remedy: "Build it again."}
		report := node.Report{Cause: cause, Services: []jeroboam.ServiceState{{Name: "kubelet", State: "waiting"}}}
		if err := h.engine.Report(t.Context(), list[jeroboam.Machine](h, "c1")[0].ID, report); err != nil {
			t.Fatal(err)
		}
		h.soon("the operation is blocked", func() bool { return get[jeroboam.Operation](h, op).State == jeroboam.OperationBlocked })
		if got := get[jeroboam.Operation](h, op).Cause; *got != *cause {
			t.Errorf("the cause is %+v", got)
		}
		if done := h.await(op); done.State != jeroboam.OperationComplete || done.Cause != nil {
			t.Errorf("the operation is %s: %+v", done.State, done.Cause)
		}
		if reason := get[jeroboam.Cluster](h, "c1").Status.Reason; reason != "" {
			t.Errorf("the reason stays: %q", reason)
		}
	})
}

func TestEveryCertificateOfAClusterIsSigned(t *testing.T) {
	h := open(t, cloudsim.Options{Sign: true}, nil)
	h.made("c1", 1, 2)
}
