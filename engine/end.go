package engine

import (
	"context"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/journal"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/snapshot"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/trouble"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// conclude ends the operation well; nothing is left to do.
func (r *run) conclude(ctx context.Context, s *snapshot.Snapshot) (bool, time.Duration, error) {
	op := *r.op.Load()
	r.lines.Finish(func(string) bool { return false })
	err := store.Retry(ctx, r.Store, func(tx store.Tx) error {
		if err := r.lines.Flush(tx, r.journal, op); err != nil {
			return err
		}
		if err := r.showGroups(tx, s); err != nil {
			return err
		}
		return r.journal.Complete(tx, op)
	})
	if err != nil {
		return true, 0, err
	}
	r.ended(op, jeroboam.OperationComplete, nil)
	r.op.Store(nil)
	r.lines = journal.NewLines()
	// One more turn: what came meanwhile is found at once, not at the next wake.
	return false, time.Nanosecond, nil
}

// hopeless tells why the operation cannot go on: its time is up, or a step was
// given up.
func (r *run) hopeless(steps []plan.Step) *jeroboam.Cause {
	if cause := r.lines.Cause(jeroboam.StepFailed); cause != nil {
		return cause
	}
	op := r.op.Load()
	if op.Deadline.IsZero() || r.Now().Before(op.Deadline) {
		return nil
	}
	var open []jeroboam.Step
	for _, s := range steps {
		if v, ok := r.lines.Said(s.Name); ok {
			open = append(open, jeroboam.Step{Name: s.Name, State: v.State, Message: v.Message, Cause: v.Cause})
		}
	}
	return journal.Overdue(*op, open)
}

// abandon ends the operation badly; what exists stays.
func (r *run) abandon(ctx context.Context, cause *jeroboam.Cause) (bool, time.Duration, error) {
	op := *r.op.Load()
	r.cancelAllBut(nil)
	err := store.Retry(ctx, r.Store, func(tx store.Tx) error {
		if err := r.lines.Flush(tx, r.journal, op); err != nil {
			return err
		}
		return r.journal.Fail(tx, op, cause)
	})
	if err != nil {
		return true, 0, err
	}
	r.ended(op, jeroboam.OperationFailed, cause)
	r.op.Store(nil)
	r.pauses.Keep(r.id, nil)
	r.lines = journal.NewLines()
	return false, time.Nanosecond, nil
}

// stuck ends a run that cannot even plan; the operation tells why.
func (r *run) stuck(ctx context.Context, cause error) (bool, time.Duration, error) {
	op := r.op.Load()
	if op == nil {
		return true, 0, nil
	}
	r.cancelAllBut(nil)
	marked := *op
	err := store.Retry(ctx, r.Store, func(tx store.Tx) error { return r.journal.Mark(tx, &marked, jeroboam.CauseOf(cause)) })
	return true, trouble.Blocked, err
}
