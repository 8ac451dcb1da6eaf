package engine

import (
	"context"
	"fmt"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/gates"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/journal"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/snapshot"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// task is one step being done. It runs beside others; what it reads is the
// snapshot, what it changes are records.
type task struct {
	run    *run
	snap   *snapshot.Snapshot
	driver Driver
	step   plan.Step
	op     jeroboam.Operation // when the step began
}

func (t task) scope() cloud.Scope { return scope(t.snap.Cluster) }

// do does the step. Every step may run twice, and may have been cut off after
// any of its effects the last time.
func (t task) do(ctx context.Context) error {
	switch t.step.Action {
	case plan.MakeAuthorities:
		return t.makeAuthorities(ctx)
	case plan.MakeCredential:
		return t.makeCredential(ctx)
	case plan.MakeNetwork:
		return t.makeNetwork(ctx)
	case plan.MakeBalancer:
		return t.makeBalancer(ctx)
	case plan.MakeAddress:
		return t.makeAddress(ctx)
	case plan.SetBackends:
		return t.setBackends(ctx)
	case plan.MakeMachine:
		return t.makeMachine(ctx)
	case plan.Update:
		return t.update(ctx)
	case plan.Uncordon:
		return t.uncordon(ctx)
	case plan.SetVersion:
		return t.setVersion(ctx)
	case plan.Trust:
		return t.trust(ctx)
	case plan.Reissue:
		return t.reissue(ctx)
	case plan.Retire:
		return t.retire(ctx)
	case plan.Select:
		return t.selectMachines(ctx)
	case plan.Drain:
		return t.drain(ctx)
	case plan.Remove:
		return t.remove(ctx)
	case plan.DeleteObject:
		return t.deleteObject(ctx)
	case plan.Keep:
		return t.keep(ctx)
	case plan.ForgetGroup:
		return t.forgetGroup(ctx)
	case plan.Sweep:
		return t.sweep(ctx)
	}
	return jeroboam.Errorf(jeroboam.Internal, "plan", "The engine cannot do a step %q.", t.step.Action)
}

// commit writes what the step has come to and ends its line of the journal, in
// one transaction.
func (t task) commit(ctx context.Context, f func(store.Tx) error) error {
	return store.Retry(ctx, t.run.Store, func(tx store.Tx) error {
		if err := t.done(tx); err != nil {
			return err
		}
		return f(tx)
	})
}

// intended writes down that an object is about to be made, before the cloud is
// called.
func (t task) intended(ctx context.Context, kind, name string) error {
	return store.Retry(ctx, t.run.Store, func(tx store.Tx) error {
		return t.run.ledger.Intend(tx, t.snap.Cluster, kind, name, nil)
	})
}

// done writes into the journal of the operation that is open now: a later one
// may have taken the step over.
func (t task) done(tx store.Tx) error {
	return t.run.journal.Write(tx, t.operation(), t.step.Name, journal.Entry{State: jeroboam.StepDone})
}

func (t task) operation() jeroboam.Operation {
	if op := t.run.op.Load(); op != nil {
		return *op
	}
	return t.op
}

// call does a cloud call when it is its turn; name is what it is counted as.
func (t task) call(ctx context.Context, name string, f func() error) error {
	leave, err := t.run.enter(ctx, t.snap.Cluster)
	if err != nil {
		return err
	}
	defer leave()
	ended := t.run.Observer.Call(ctx, t.snap.Cluster.Spec.Driver, name)
	err = f()
	ended(err)
	if err != nil {
		return fmt.Errorf("%s: %w", t.step.Name, err)
	}
	return nil
}

// enter waits for the turn of a call for a cluster; leave gives it back.
func (e *Engine) enter(ctx context.Context, c jeroboam.Cluster) (leave func(), err error) {
	return e.gates.Enter(ctx, gates.Gate{Name: "project " + c.Project, Room: e.Limits.PerProject},
		gates.Gate{Name: "driver " + c.Spec.Driver, Room: e.Limits.PerCloud})
}
