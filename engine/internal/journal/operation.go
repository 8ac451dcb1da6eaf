package journal

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// supersededText is what is said of what a later change took over.
const supersededText = "A later change took over."

// Open makes the newest of open operations, oldest first, the running one and ends
// the others.
// It returns nil when there is none.
func (j Journal) Open(tx store.Tx, operations []jeroboam.Operation) (*jeroboam.Operation, error) {
	if len(operations) == 0 {
		return nil, nil
	}
	last := len(operations) - 1
	for _, old := range operations[:last] {
		if err := j.supersede(tx, old); err != nil {
			return nil, err
		}
	}
	op := operations[last]
	if op.State != jeroboam.OperationPending {
		return &op, nil
	}
	op.State, op.StartedAt = jeroboam.OperationRunning, j.now()
	if err := store.Put(tx, &op); err != nil {
		return nil, err
	}
	if err := j.tellOperation(tx, op); err != nil {
		return nil, err
	}
	return &op, j.show(tx, op)
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
func (j Journal) show(tx store.Tx, op jeroboam.Operation) error {
	_, err := store.Change(tx, op.Cluster, func(c *jeroboam.Cluster) bool {
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

func (j Journal) supersede(tx store.Tx, op jeroboam.Operation) error {
	err := j.giveUp(tx, op, func(jeroboam.Step) Entry { return Entry{State: jeroboam.StepFailed, Message: supersededText} })
	if err != nil {
		return err
	}
	op.State, op.FinishedAt, op.Cause = jeroboam.OperationSuperseded, j.now(), nil
	if err := store.Put(tx, &op); err != nil {
		return err
	}
	return j.tellOperation(tx, op)
}

// giveUp ends the steps of an operation that are not done.
func (j Journal) giveUp(tx store.Tx, op jeroboam.Operation, say func(jeroboam.Step) Entry) error {
	steps, err := store.List[jeroboam.Step](tx, store.Query{Parent: op.ID})
	if err != nil {
		return err
	}
	for _, s := range steps {
		if ended(s.State) {
			continue
		}
		if err := j.Write(tx, op, s.Name, say(s)); err != nil {
			return err
		}
	}
	return nil
}

// Repair writes down the engine's own operation for a cluster that was whole
// and has lost something.
func (j Journal) Repair(tx store.Tx, c jeroboam.Cluster, summary string) (*jeroboam.Operation, error) {
	now := j.now()
	op := jeroboam.Operation{ID: uuid.NewString(), Cluster: c.ID, Project: c.Project, User: c.User, Verb: jeroboam.VerbRepair,
		Summary: summary, State: jeroboam.OperationRunning, CreatedAt: now, StartedAt: now}
	if err := store.Put(tx, &op); err != nil {
		return nil, err
	}
	return &op, j.tellOperation(tx, op)
}

// Mark shows how an open operation stands: running, or blocked by cause. That it
// still stands so is no news.
func (j Journal) Mark(tx store.Tx, op *jeroboam.Operation, cause *jeroboam.Cause) error {
	state := jeroboam.OperationRunning
	if cause != nil {
		state = jeroboam.OperationBlocked
	}
	news := false
	fresh, err := store.Change(tx, op.ID, func(o *jeroboam.Operation) bool {
		news = !o.State.Ended() && (o.State != state || !SameCause(o.Cause, cause))
		if news {
			o.State, o.Cause = state, cause
		}
		return news
	})
	if err != nil {
		return err
	}
	if *op = fresh; !news {
		return nil
	}
	if err := j.tellOperation(tx, fresh); err != nil {
		return err
	}
	_, err = store.Change(tx, op.Cluster, func(c *jeroboam.Cluster) bool {
		before := c.Status.Reason
		c.Status.Reason = cause.Text()
		return c.Status.Reason != before
	})
	return err
}

// Complete ends an operation well, and with it the states of the cluster and
// its groups.
func (j Journal) Complete(tx store.Tx, op jeroboam.Operation) error {
	if err := j.End(tx, op, jeroboam.OperationComplete, nil); err != nil {
		return err
	}
	_, state, _ := states(op.Verb)
	return j.settle(tx, op, state, nil)
}

// Fail ends an operation; what it has made stays, to be resumed or deleted.
func (j Journal) Fail(tx store.Tx, op jeroboam.Operation, cause *jeroboam.Cause) error {
	if err := j.giveUp(tx, op, func(s jeroboam.Step) Entry {
		return Entry{State: jeroboam.StepFailed, Message: s.Message, Cause: s.Cause}
	}); err != nil {
		return err
	}
	if err := j.End(tx, op, jeroboam.OperationFailed, cause); err != nil {
		return err
	}
	_, _, state := states(op.Verb)
	return j.settle(tx, op, state, cause)
}

// End ends an operation and nothing else.
func (j Journal) End(tx store.Tx, op jeroboam.Operation, state jeroboam.OperationState, cause *jeroboam.Cause) error {
	ended, err := store.Edit(tx, op.ID, func(o *jeroboam.Operation) {
		o.State, o.Cause, o.FinishedAt = state, cause, j.now()
	})
	if err != nil {
		return err
	}
	return j.tellOperation(tx, ended)
}

// settle gives the cluster and its groups their resting or failed state.
func (j Journal) settle(tx store.Tx, op jeroboam.Operation, state jeroboam.State, cause *jeroboam.Cause) error {
	c, err := store.Edit(tx, op.Cluster, func(c *jeroboam.Cluster) {
		c.Status.Reason = cause.Text()
		if op.Verb != jeroboam.VerbRepair {
			c.Status.State, c.UpdatedAt = state, j.now()
		}
	})
	if err != nil {
		return err
	}
	groups, err := store.List[jeroboam.NodeGroup](tx, store.Query{Parent: op.Cluster})
	if err != nil {
		return err
	}
	for _, g := range groups {
		if err := settleGroup(tx, g, plan.WantedVersion(c, g), cause, j.now()); err != nil {
			return err
		}
	}
	return j.Tell(tx, op, jeroboam.Event{Type: TypeCluster,
		State: string(c.Status.State), Message: fmt.Sprintf("%s: %s", c.Name, c.Status.State), Cause: cause})
}

func settleGroup(tx store.Tx, g jeroboam.NodeGroup, version string, cause *jeroboam.Cause, now time.Time) error {
	if !g.Status.State.InProgress() && !(cause == nil && g.Status.State.Failed()) {
		return nil
	}
	action, _, _ := strings.Cut(string(g.Status.State), "_")
	g.Status.Reason = cause.Text()
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

func (j Journal) tellOperation(tx store.Tx, op jeroboam.Operation) error {
	message := op.Verb
	if op.Summary != "" {
		message += " " + op.Summary
	}
	if op.Cause != nil {
		message += ": " + op.Cause.Text()
	}
	return j.Tell(tx, op, jeroboam.Event{Type: TypeOperation,
		State: string(op.State), Message: message, Cause: op.Cause})
}

// Overdue is why an operation whose time is up has failed: the first thing
// that was in the way, or else what it was still waiting for.
func Overdue(op jeroboam.Operation, steps []jeroboam.Step) *jeroboam.Cause {
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
