// Package journal writes down how operations stand: the operation itself, its
// steps, the states of the cluster and its groups that follow from them, and an
// event for each thing that is new. All of it is for use inside the transaction
// of what it tells.
//
// It does nothing and decides nothing.
package journal

import (
	"time"

	"github.com/google/uuid"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Types of events.
const (
	TypeCluster   = "cluster"
	TypeOperation = "operation"
	TypeStep      = "step"
	TypeNode      = "node"
)

// Journal writes.
type Journal struct {
	Now func() time.Time
}

// Entry is what is to be written about a step.
type Entry struct {
	State   jeroboam.StepState
	Message string
	Cause   *jeroboam.Cause
}

func (v Entry) same(o Entry) bool {
	return v.State == o.State && v.Message == o.Message && SameCause(v.Cause, o.Cause)
}

// SameCause compares causes; either may be nil.
func SameCause(a, b *jeroboam.Cause) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// Write brings a step's line up to date, with an event when it says something
// new.
func (j Journal) Write(tx store.Tx, op jeroboam.Operation, name string, v Entry) error {
	id := op.ID + "/" + name
	step, err := store.Get[jeroboam.Step](tx, id)
	fresh := jeroboam.KindOf(err) == jeroboam.NotFound
	if err != nil && !fresh {
		return err
	}
	if fresh {
		step = jeroboam.Step{ID: id, Operation: op.ID, Cluster: op.Cluster, Project: op.Project, Name: name,
			StartedAt: j.now(), Attempt: 1}
	} else if v.same(Entry{step.State, step.Message, step.Cause}) {
		return nil
	} else if again(step.State, v.State) {
		step.Attempt++
	}
	before := step.State
	step.State, step.Message, step.Cause = v.State, v.Message, v.Cause
	step.FinishedAt = time.Time{}
	if ended(v.State) {
		step.FinishedAt = j.now()
	}
	if err := store.Put(tx, &step); err != nil {
		return err
	}
	if !fresh && before == v.State {
		return nil
	}
	return j.Tell(tx, op, jeroboam.Event{Step: name, Type: TypeStep, State: string(v.State), Message: text(name, v), Cause: v.Cause})
}

// Tell writes an event of an operation.
func (j Journal) Tell(tx store.Tx, op jeroboam.Operation, v jeroboam.Event) error {
	v.ID, v.At = uuid.NewString(), j.now()
	v.Cluster, v.Project, v.Operation = op.Cluster, op.Project, op.ID
	return store.Put(tx, &v)
}

func (j Journal) now() time.Time { return j.Now().UTC() }

func ended(s jeroboam.StepState) bool { return s == jeroboam.StepDone || s == jeroboam.StepFailed }

// again reports whether a change of state begins another attempt.
func again(from, to jeroboam.StepState) bool {
	return to == jeroboam.StepRunning && from != jeroboam.StepRunning && from != jeroboam.StepWaiting
}

func text(name string, v Entry) string {
	switch {
	case v.Cause != nil:
		return name + ": " + v.Cause.Detail
	case v.Message != "":
		return name + ": " + v.Message
	}
	return name
}
