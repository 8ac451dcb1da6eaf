package service

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// change is what one verb does to a cluster.
type change struct {
	verb    string
	summary string
	state   jeroboam.State // the cluster's from now on
	timeout time.Duration  // 0: none
}

// begin writes a changed cluster together with the operation that will bring
// the change about, and wakes the engine.
func (s *Service) begin(tx store.Tx, caller jeroboam.Caller, c *jeroboam.Cluster, ch change) error {
	now := s.now()
	op := jeroboam.Operation{ID: s.NewID(), Cluster: c.ID, Project: c.Project, User: caller.UserID, Request: caller.RequestID, Trace: caller.Trace,
		Verb: ch.verb, Summary: ch.summary, State: jeroboam.OperationPending, CreatedAt: now}
	if ch.timeout > 0 {
		op.Deadline = now.Add(ch.timeout)
	}
	c.Status.State, c.Status.Reason, c.Status.Operation = ch.state, "", op.ID
	if ch.verb != jeroboam.VerbCreate {
		c.UpdatedAt = now
	}
	if err := store.Put(tx, c); err != nil {
		return err
	}
	if err := store.Put(tx, &op); err != nil {
		return err
	}
	event := jeroboam.Event{ID: s.NewID(), Cluster: c.ID, Project: c.Project, Operation: op.ID, Type: "operation",
		State: string(op.State), Message: strings.TrimSpace(ch.verb + " " + ch.summary), At: now}
	if err := store.Put(tx, &event); err != nil {
		return err
	}
	return tx.Wake(c.ID)
}

// Progress is an operation and its journal.
type Progress struct {
	jeroboam.Operation
	Steps []jeroboam.Step
}

// Operations lists what was done to a cluster, the newest first.
func (s *Service) Operations(ctx context.Context, caller jeroboam.Caller, ident string) ([]jeroboam.Operation, error) {
	return store.View(ctx, s.Store, func(tx store.Tx) ([]jeroboam.Operation, error) {
		c, err := s.gate.Cluster(tx, caller, ident, readCluster)
		if err != nil {
			return nil, err
		}
		return store.List[jeroboam.Operation](tx, store.Query{Parent: c.ID, Desc: true})
	})
}

// Operation shows one operation with its journal in the order of its steps.
func (s *Service) Operation(ctx context.Context, caller jeroboam.Caller, id string) (Progress, error) {
	return store.View(ctx, s.Store, func(tx store.Tx) (Progress, error) {
		missing := jeroboam.Errorf(jeroboam.NotFound, "operation", "Operation %s could not be found.", id)
		op, err := store.Get[jeroboam.Operation](tx, strings.ToLower(id))
		if jeroboam.KindOf(err) == jeroboam.NotFound {
			return Progress{}, missing
		}
		if err != nil {
			return Progress{}, err
		}
		project, err := s.gate.Reach(caller, readCluster.Wide)
		if err != nil {
			return Progress{}, err
		}
		if project != "" && project != op.Project {
			return Progress{}, missing
		}
		if err := s.gate.Allow(caller, readCluster.Name, op.Project, op.User); err != nil {
			return Progress{}, err
		}
		steps, err := store.List[jeroboam.Step](tx, store.Query{Parent: op.ID})
		return Progress{op, steps}, err
	})
}

// Machines lists the machines of a cluster by name.
func (s *Service) Machines(ctx context.Context, caller jeroboam.Caller, ident string) ([]jeroboam.Machine, error) {
	return store.View(ctx, s.Store, func(tx store.Tx) ([]jeroboam.Machine, error) {
		c, err := s.gate.Cluster(tx, caller, ident, readCluster)
		if err != nil {
			return nil, err
		}
		machines, err := store.List[jeroboam.Machine](tx, store.Query{Parent: c.ID})
		slices.SortFunc(machines, func(a, b jeroboam.Machine) int { return strings.Compare(a.Name, b.Name) })
		return machines, err
	})
}
