package engine

import (
	"log/slog"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Types of events.
const (
	eventCluster   = "cluster"
	eventOperation = "operation"
	eventStep      = "step"
	eventNode      = "node"
)

// entry is what is to be written about a step.
type entry struct {
	state   jeroboam.StepState
	message string
	cause   *jeroboam.Cause
}

// write brings a step's line of the journal up to date, with an event when it
// says something new. It is for use inside the transaction of what it tells.
func (e *Engine) write(tx store.Tx, op jeroboam.Operation, name string, v entry) error {
	id := op.ID + "/" + name
	step, err := store.Get[jeroboam.Step](tx, id)
	fresh := jeroboam.KindOf(err) == jeroboam.NotFound
	if err != nil && !fresh {
		return err
	}
	if fresh {
		step = jeroboam.Step{ID: id, Operation: op.ID, Cluster: op.Cluster, Project: op.Project, Name: name,
			StartedAt: e.Now().UTC(), Attempt: 1}
	} else if step.State == v.state && step.Message == v.message && sameCause(step.Cause, v.cause) {
		return nil
	} else if again(step.State, v.state) {
		step.Attempt++
	}
	before := step.State
	step.State, step.Message, step.Cause = v.state, v.message, v.cause
	step.FinishedAt = time.Time{}
	if v.state == jeroboam.StepDone || v.state == jeroboam.StepFailed {
		step.FinishedAt = e.Now().UTC()
	}
	if err := store.Put(tx, &step); err != nil {
		return err
	}
	if !fresh && before == v.state {
		return nil
	}
	return e.event(tx, jeroboam.Event{Cluster: op.Cluster, Project: op.Project, Operation: op.ID, Step: name,
		Type: eventStep, State: string(v.state), Message: text(name, v), Cause: v.cause})
}

// again reports whether a change of state begins another attempt.
func again(from, to jeroboam.StepState) bool {
	return to == jeroboam.StepRunning && from != jeroboam.StepRunning && from != jeroboam.StepWaiting
}

func text(name string, v entry) string {
	switch {
	case v.cause != nil:
		return name + ": " + v.cause.Detail
	case v.message != "":
		return name + ": " + v.message
	}
	return name
}

func (e *Engine) event(tx store.Tx, v jeroboam.Event) error {
	v.ID, v.At = newID(), e.Now().UTC()
	return store.Put(tx, &v)
}

// logEntry writes the one log line of a journal entry.
func (e *Engine) logEntry(op *jeroboam.Operation, name string, state jeroboam.StepState, attempt int, err error) {
	attrs := []any{slog.String("project", op.Project), slog.String("cluster", op.Cluster), slog.String("operation", op.ID),
		slog.String("step", name), slog.String("state", string(state)), slog.Int("attempt", attempt)}
	if err == nil {
		e.Log.Info("step", attrs...)
		return
	}
	attrs = append(attrs, slog.String("kind", string(jeroboam.KindOf(err))), slog.String("error", err.Error()))
	e.Log.Warn("step", attrs...)
}
