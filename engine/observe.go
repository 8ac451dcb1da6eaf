package engine

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam"
)

// Observer is told what the engine does. Its methods do not block.
type Observer interface {
	// Step is told of an attempt of a step that begins: its plan.Action and its
	// name. The attempt goes on in the context it returns; the function is told
	// how it ended, with the state "" when it was cut short.
	Step(ctx context.Context, op jeroboam.Operation, action, name string) (context.Context, func(jeroboam.StepState, error))
	// Call is told of a call of a driver's cloud that begins.
	Call(ctx context.Context, driver, call string) func(error)
	// Ended is told of an operation that is over, as it was written down.
	Ended(op jeroboam.Operation)
}

// nobody observes nothing.
type nobody struct{}

func (nobody) Step(ctx context.Context, _ jeroboam.Operation, _, _ string) (context.Context, func(jeroboam.StepState, error)) {
	return ctx, func(jeroboam.StepState, error) {}
}
func (nobody) Call(context.Context, string, string) func(error) { return func(error) {} }
func (nobody) Ended(jeroboam.Operation)                         {}

// ended tells the observer of an operation whose end has been committed.
func (e *Engine) ended(op jeroboam.Operation, state jeroboam.OperationState, cause *jeroboam.Cause) {
	op.State, op.Cause, op.FinishedAt = state, cause, e.Now().UTC()
	e.Observer.Ended(op)
}

// Working is how many clusters the engine is at.
func (e *Engine) Working() int { return int(e.working.Load()) }
