package service

import (
	"context"
	"errors"
	"fmt"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Plan is what is to be done for a cluster, and the change that asks for it.
type Plan struct {
	Cluster   jeroboam.Cluster
	Operation jeroboam.Operation // the zero Operation when none was asked for
	Steps     []plan.Step
}

// Rehearse lets verb ask for a change as it would of s, and takes everything
// back: nothing is kept, nobody is woken. It returns what would have to be
// done, or the error that the change would meet. A Plan without a cluster
// means that there would be nothing to do.
func (s *Service) Rehearse(verb func(*Service) error) (Plan, error) {
	scene := &scene{Backend: s.Store, service: s}
	options := s.Options
	options.Store = scene
	err := verb(&Service{Options: options, started: s.started, labels: s.labels})
	return scene.plan, err
}

// scene is a store that forgets each transaction as soon as it knows what would
// follow from it.
type scene struct {
	store.Backend
	service *Service
	plan    Plan
}

var errTakenBack = errors.New("taken back")

// Update implements store.Backend.
func (s *scene) Update(ctx context.Context, f func(store.Tx) error) error {
	err := s.Backend.Update(ctx, func(tx store.Tx) error {
		act := &act{Tx: tx}
		if err := f(act); err != nil {
			return err
		}
		if act.cluster != "" {
			var err error
			if s.plan, err = s.service.planIn(tx, act.cluster); err != nil {
				return err
			}
		}
		return errTakenBack
	})
	if errors.Is(err, errTakenBack) {
		return nil
	}
	return err
}

// act notes whom the engine would have to look at.
type act struct {
	store.Tx
	cluster string
}

// Wake implements store.Tx.
func (a *act) Wake(cluster string) error {
	a.cluster = cluster
	return nil
}

// ClusterPlan is what is still to be done for a cluster as it is known. What
// only the cloud can tell, as a machine that is lost, shows in the operation
// that makes up for it.
func (s *Service) ClusterPlan(ctx context.Context, caller jeroboam.Caller, ident string) (Plan, error) {
	return view(ctx, s, func(tx store.Tx) (Plan, error) {
		c, err := s.visible(tx, caller, ident, "cluster:get_one_all_projects")
		if err != nil {
			return Plan{}, err
		}
		if err := s.allow(caller, "cluster:get", c.Project, c.User); err != nil {
			return Plan{}, err
		}
		return s.planIn(tx, c.ID)
	})
}

// planIn plans from what a transaction sees.
func (s *Service) planIn(tx store.Tx, cluster string) (Plan, error) {
	var p Plan
	var err error
	if p.Cluster, err = store.Get[jeroboam.Cluster](tx, cluster); err != nil {
		return p, err
	}
	if p.Operation, err = openOperation(tx, p.Cluster); err != nil {
		return p, err
	}
	desired := plan.Desired{Cluster: p.Cluster, Authorities: s.authorities(p.Cluster.Spec.Driver)}
	if desired.Groups, err = groupsOf(tx, cluster); err != nil {
		return p, err
	}
	of := store.Query{Parent: cluster}
	var actual plan.Actual
	if actual.Authorities, err = store.List[jeroboam.Authority](tx, of); err != nil {
		return p, err
	}
	if actual.Ledger, err = store.List[jeroboam.Resource](tx, of); err != nil {
		return p, err
	}
	if actual.Machines, err = store.List[jeroboam.Machine](tx, of); err != nil {
		return p, err
	}
	actual.Digests = digests(actual.Machines, p.Operation)
	p.Steps = plan.Next(desired, actual)
	return p, nil
}

// openOperation is the cluster's newest operation unless it has ended.
func openOperation(tx store.Tx, c jeroboam.Cluster) (jeroboam.Operation, error) {
	op, err := store.Get[jeroboam.Operation](tx, c.Status.Operation)
	if jeroboam.KindOf(err) == jeroboam.NotFound || err == nil && op.State.Ended() {
		return jeroboam.Operation{}, nil
	}
	if err != nil {
		return op, fmt.Errorf("operation of %s: %w", c.ID, err)
	}
	return op, nil
}

func (s *Service) authorities(driver string) []string {
	for _, d := range s.Drivers {
		if d.Name == driver {
			return d.Engine.Traits().Authorities
		}
	}
	return nil
}

// digests stand for the configs that machines should run: what they run, or
// something else if the operation changes what every node runs.
func digests(machines []jeroboam.Machine, op jeroboam.Operation) map[string]string {
	all := make(map[string]string, len(machines))
	for _, m := range machines {
		all[m.ID] = m.Status.AppliedConfig
		if op.Verb == jeroboam.VerbUpgrade || op.Verb == jeroboam.VerbRotate {
			all[m.ID] = op.ID
		}
	}
	return all
}
