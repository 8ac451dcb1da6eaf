package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// supersededText is what is said of what a later change took over.
const supersededText = "A later change took over."

// open makes the newest open operation the running one and ends older ones.
// It returns nil when there is none.
func (e *Engine) open(tx store.Tx, s *snapshot) (*jeroboam.Operation, error) {
	if len(s.operations) == 0 {
		return nil, nil
	}
	last := len(s.operations) - 1
	for _, old := range s.operations[:last] {
		if err := e.supersede(tx, old); err != nil {
			return nil, err
		}
	}
	op := s.operations[last]
	if op.State != jeroboam.OperationPending {
		return &op, nil
	}
	op.State, op.StartedAt = jeroboam.OperationRunning, e.Now().UTC()
	if err := store.Put(tx, &op); err != nil {
		return nil, err
	}
	if err := e.operationEvent(tx, op); err != nil {
		return nil, err
	}
	return &op, e.show(tx, op)
}

// states gives an operation's words for a cluster.
func states(verb string) (progress, complete, failed jeroboam.State) {
	switch verb {
	case jeroboam.VerbCreate:
		return jeroboam.CreateInProgress, jeroboam.CreateComplete, jeroboam.CreateFailed
	case jeroboam.VerbDelete:
		return jeroboam.DeleteInProgress, "", jeroboam.DeleteFailed
	}
	return jeroboam.UpdateInProgress, jeroboam.UpdateComplete, jeroboam.UpdateFailed
}

// show shows the operation on its cluster. A repair is the engine's own
// affair: the cluster stays whole in the eyes of who uses it.
func (e *Engine) show(tx store.Tx, op jeroboam.Operation) error {
	_, err := change(tx, op.Cluster, func(c *jeroboam.Cluster) bool {
		before := c.Status
		c.Status.Operation = op.ID
		if op.Verb != jeroboam.VerbRepair {
			c.Status.State, _, _ = states(op.Verb)
			c.Status.Reason = ""
		}
		return c.Status != before
	})
	return err
}

func (e *Engine) supersede(tx store.Tx, op jeroboam.Operation) error {
	steps, err := store.List[jeroboam.Step](tx, store.Query{Parent: op.ID})
	if err != nil {
		return err
	}
	for _, s := range steps {
		if s.State == jeroboam.StepDone || s.State == jeroboam.StepFailed {
			continue
		}
		if err := e.write(tx, op, s.Name, entry{state: jeroboam.StepFailed, message: supersededText}); err != nil {
			return err
		}
	}
	op.State, op.FinishedAt, op.Cause = jeroboam.OperationSuperseded, e.Now().UTC(), nil
	if err := store.Put(tx, &op); err != nil {
		return err
	}
	return e.operationEvent(tx, op)
}

// repair writes down the engine's own operation for a cluster that was whole
// and has lost something.
func (e *Engine) repair(tx store.Tx, c jeroboam.Cluster, summary string) (*jeroboam.Operation, error) {
	now := e.Now().UTC()
	op := jeroboam.Operation{ID: newID(), Cluster: c.ID, Project: c.Project, User: c.User, Verb: jeroboam.VerbRepair,
		Summary: summary, State: jeroboam.OperationRunning, CreatedAt: now, StartedAt: now}
	if err := store.Put(tx, &op); err != nil {
		return nil, err
	}
	return &op, e.operationEvent(tx, op)
}

// mark shows how an open operation stands: running, or blocked by cause.
func (e *Engine) mark(tx store.Tx, op *jeroboam.Operation, cause *jeroboam.Cause) error {
	state := jeroboam.OperationRunning
	if cause != nil {
		state = jeroboam.OperationBlocked
	}
	fresh, err := change(tx, op.ID, func(o *jeroboam.Operation) bool {
		same := o.State == state && sameCause(o.Cause, cause)
		if !o.State.Ended() {
			o.State, o.Cause = state, cause
		}
		return !same && !o.State.Ended()
	})
	if err != nil {
		return err
	}
	if err := e.operationEvent(tx, fresh); err != nil {
		return err
	}
	*op = fresh
	_, err = change(tx, op.Cluster, func(c *jeroboam.Cluster) bool {
		before := c.Status.Reason
		c.Status.Reason = reasonText(cause)
		return c.Status.Reason != before
	})
	return err
}

func sameCause(a, b *jeroboam.Cause) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// reasonText is a cause and its remedy as the wire shows them.
func reasonText(c *jeroboam.Cause) string {
	if c == nil {
		return ""
	}
	return strings.TrimSpace(c.Detail + " " + c.Remedy)
}

// complete ends an operation well, and with it the states of the cluster and
// its groups.
func (e *Engine) complete(tx store.Tx, op jeroboam.Operation) error {
	if err := e.end(tx, op, jeroboam.OperationComplete, nil); err != nil {
		return err
	}
	_, state, _ := states(op.Verb)
	return e.settle(tx, op, state, nil)
}

// fail ends an operation; what it has made stays, to be resumed or deleted.
func (e *Engine) fail(tx store.Tx, op jeroboam.Operation, cause *jeroboam.Cause) error {
	steps, err := store.List[jeroboam.Step](tx, store.Query{Parent: op.ID})
	if err != nil {
		return err
	}
	for _, s := range steps {
		if s.State == jeroboam.StepDone || s.State == jeroboam.StepFailed {
			continue
		}
		if err := e.write(tx, op, s.Name, entry{state: jeroboam.StepFailed, message: s.Message, cause: s.Cause}); err != nil {
			return err
		}
	}
	if err := e.end(tx, op, jeroboam.OperationFailed, cause); err != nil {
		return err
	}
	_, _, state := states(op.Verb)
	return e.settle(tx, op, state, cause)
}

func (e *Engine) end(tx store.Tx, op jeroboam.Operation, state jeroboam.OperationState, cause *jeroboam.Cause) error {
	ended, err := change(tx, op.ID, always(func(o *jeroboam.Operation) {
		o.State, o.Cause, o.FinishedAt = state, cause, e.Now().UTC()
	}))
	if err != nil {
		return err
	}
	return e.operationEvent(tx, ended)
}

// settle gives the cluster and its groups their resting or failed state.
func (e *Engine) settle(tx store.Tx, op jeroboam.Operation, state jeroboam.State, cause *jeroboam.Cause) error {
	c, err := change(tx, op.Cluster, always(func(c *jeroboam.Cluster) {
		c.Status.Reason = reasonText(cause)
		if op.Verb != jeroboam.VerbRepair {
			c.Status.State, c.UpdatedAt = state, e.Now().UTC()
		}
	}))
	if err != nil {
		return err
	}
	groups, err := store.List[jeroboam.NodeGroup](tx, store.Query{Parent: op.Cluster})
	if err != nil {
		return err
	}
	for _, g := range groups {
		if err := settleGroup(tx, g, plan.WantedVersion(c, g), cause, e.Now().UTC()); err != nil {
			return err
		}
	}
	return e.event(tx, jeroboam.Event{Cluster: c.ID, Project: c.Project, Operation: op.ID, Type: eventCluster,
		State: string(c.Status.State), Message: fmt.Sprintf("%s: %s", c.Name, c.Status.State), Cause: cause})
}

func settleGroup(tx store.Tx, g jeroboam.NodeGroup, version string, cause *jeroboam.Cause, now time.Time) error {
	if !g.Status.State.InProgress() && !(cause == nil && g.Status.State.Failed()) {
		return nil
	}
	action, _, _ := strings.Cut(string(g.Status.State), "_")
	g.Status.Reason = reasonText(cause)
	switch {
	case cause != nil:
		g.Status.State = jeroboam.State(action + "_FAILED")
	case g.Status.State == jeroboam.CreateInProgress:
		g.Status.State, g.Status.Version = jeroboam.CreateComplete, version
	default:
		g.Status.State, g.Status.Version = jeroboam.UpdateComplete, version
	}
	g.UpdatedAt = now
	return store.Put(tx, &g)
}

func (e *Engine) operationEvent(tx store.Tx, op jeroboam.Operation) error {
	message := op.Verb
	if op.Summary != "" {
		message += " " + op.Summary
	}
	if op.Cause != nil {
		message += ": " + reasonText(op.Cause)
	}
	return e.event(tx, jeroboam.Event{Cluster: op.Cluster, Project: op.Project, Operation: op.ID, Type: eventOperation,
		State: string(op.State), Message: message, Cause: op.Cause})
}

// overdue is why an operation whose time is up has failed: the first thing
// that was in the way, or else what it was still waiting for.
func overdue(op jeroboam.Operation, steps []jeroboam.Step) *jeroboam.Cause {
	limit := op.Deadline.Sub(op.CreatedAt).Round(time.Second)
	cause := jeroboam.Cause{Kind: jeroboam.Timeout, Reason: "deadline",
		Detail: fmt.Sprintf("The %s did not end within %s.", op.Verb, limit),
		Remedy: "Retry to go on from here (jeroboam cluster retry), or delete the cluster."}
	open := slices.DeleteFunc(slices.Clone(steps), func(s jeroboam.Step) bool { return s.State == jeroboam.StepDone })
	for _, s := range open {
		if s.Cause != nil {
			cause.Detail += fmt.Sprintf(" Step %q: %s", s.Name, s.Cause.Detail)
			cause.Remedy = strings.TrimSpace(s.Cause.Remedy + " " + cause.Remedy)
			return &cause
		}
	}
	for _, s := range open {
		cause.Detail += strings.TrimRight(fmt.Sprintf(" Step %q was not done: %s", s.Name, s.Message), ": ")
		return &cause
	}
	return &cause
}
