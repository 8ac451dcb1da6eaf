package engine_test

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	cloudsim "github.com/jeroboam-cloud/jeroboam/cloud/sim"
	"github.com/jeroboam-cloud/jeroboam/engine"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// diary writes down what an engine tells its observer.
type diary struct {
	mu    sync.Mutex
	steps []string // action and how the attempt ended
	calls []string
	ended []string // verb and state
	open  int      // attempts and calls that have not ended
	inner int      // calls made in the context of an attempt
}

type attemptKey struct{}

func (d *diary) Step(ctx context.Context, op jeroboam.Operation, action, _ string) (context.Context, func(jeroboam.StepState, error)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open++
	return context.WithValue(ctx, attemptKey{}, op.ID), func(state jeroboam.StepState, _ error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.open--
		d.steps = append(d.steps, action+" "+string(state))
	}
}

func (d *diary) Call(ctx context.Context, driver, call string) func(error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open++
	if ctx.Value(attemptKey{}) != nil {
		d.inner++
	}
	return func(error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.open--
		d.calls = append(d.calls, driver+" "+call)
	}
}

func (d *diary) Ended(op jeroboam.Operation) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = append(d.ended, op.Verb+" "+string(op.State))
}

func TestAnObserverIsToldOfEveryAttemptAndEnd(t *testing.T) {
	t.Parallel()
	var d diary
	t.Run("a life", func(t *testing.T) {
		h := open(t, cloudsim.Options{}, func(o *engine.Options) { o.Observer = &d })
		h.made("c1", 1, 1)
		h.update(func(tx store.Tx) error {
			c, err := store.Get[jeroboam.Cluster](tx, "c1")
			if err != nil {
				return err
			}
			c.Spec.Deleted, c.Status.State = true, jeroboam.DeleteInProgress
			op := jeroboam.Operation{ID: "delete-c1", Cluster: "c1", Project: "p1", Verb: jeroboam.VerbDelete, State: jeroboam.OperationPending}
			if err := store.Put(tx, &op); err != nil {
				return err
			}
			if err := store.Put(tx, &c); err != nil {
				return err
			}
			return tx.Wake("c1")
		})
		h.await("delete-c1")
	}) // its engine has ended, and with it every attempt
	for _, want := range []string{"network done", "machine done", "sweep done"} {
		if !slices.Contains(d.steps, want) {
			t.Errorf("no %q among %q", want, d.steps)
		}
	}
	for _, want := range []string{"k8s_sim ensure network", "k8s_sim ensure machine", "k8s_sim delete machine", "k8s_sim list"} {
		if !slices.Contains(d.calls, want) {
			t.Errorf("no %q among %q", want, d.calls)
		}
	}
	if want := []string{"create complete", "delete complete"}; !reflect.DeepEqual(d.ended, want) || d.open != 0 || d.inner == 0 {
		t.Errorf("ended %q, want %q; %d are open, %d calls in attempts", d.ended, want, d.open, d.inner)
	}
}
