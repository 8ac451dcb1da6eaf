package service

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/service/drivers"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Plan is what is to be done for a cluster, and the change that asks for it.
type Plan struct {
	Cluster   jeroboam.Cluster
	Operation jeroboam.Operation // the zero Operation when none was asked for
	Steps     []plan.Step
	desired   plan.Desired // what Steps are made of
	actual    plan.Actual
}

// Rehearse lets verb ask for a change as it would of s, and takes everything
// back: nothing is kept, nobody is woken. It returns what would have to be
// done, or the error that the change would meet. A Plan without a cluster
// means that there would be nothing to do.
func (s *Service) Rehearse(ctx context.Context, verb func(*Service) error) (Plan, error) {
	scene := &scene{Backend: s.Store, service: s}
	if err := verb(s.on(scene)); err != nil {
		return scene.plan, err
	}
	return s.withDependents(ctx, scene.plan)
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
	return store.View(ctx, s.Store, func(tx store.Tx) (Plan, error) {
		c, err := s.gate.Cluster(tx, caller, ident, readCluster)
		if err != nil {
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
	desired := plan.Desired{Cluster: p.Cluster}
	d, unknown := s.drivers.Of(p.Cluster) // a cluster can go without its driver
	if unknown == nil {
		desired.Authorities, desired.Credential = d.Engine.Traits().Authorities, d.Credentials
	}
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
	actual.Digests = digests(desired, actual, p.Operation)
	actual.Disrupted = disrupted(d, desired, actual)
	p.desired, p.actual, p.Steps = desired, actual, plan.Next(desired, actual)
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

// digests stand for the configs that machines should run: what they run, or
// something else if the operation changes what they run. Of a change in stages
// that is the stage at hand.
func digests(desired plan.Desired, actual plan.Actual, op jeroboam.Operation) map[string]string {
	all := make(map[string]string, len(actual.Machines))
	for _, m := range actual.Machines {
		all[m.ID] = m.Status.AppliedConfig
		if changes(desired, actual, op, m) {
			all[m.ID] = op.ID
		}
	}
	return all
}

func changes(desired plan.Desired, actual plan.Actual, op jeroboam.Operation, m jeroboam.Machine) bool {
	switch op.Verb {
	case jeroboam.VerbUpgrade:
		want := wantedVersion(desired, m)
		return want != "" && m.Status.Version != want
	case jeroboam.VerbRotate:
		rotates := slices.ContainsFunc(actual.Authorities, func(a jeroboam.Authority) bool {
			return a.Generation != desired.Cluster.Spec.Generation(a.Name) || a.Former != ""
		})
		return rotates || m.IsMaster() // only they have the credential
	}
	return false
}

// wantedVersion is the version that a machine is to come to if its group is on
// its way, else "".
func wantedVersion(desired plan.Desired, m jeroboam.Machine) string {
	for _, g := range desired.Groups {
		if want := versionOf(desired.Cluster, g); g.ID == m.Group && g.Status.Version != want {
			return want
		}
	}
	return ""
}

// disrupted finds the workers that would have to be emptied.
func disrupted(d drivers.Driver, desired plan.Desired, actual plan.Actual) map[string]bool {
	out := map[string]bool{}
	upgrader, ok := d.Engine.(coe.Upgrader)
	if !ok {
		return out
	}
	for _, m := range actual.Machines {
		if want := wantedVersion(desired, m); want != "" && !m.IsMaster() && m.Status.Version != "" {
			out[m.ID] = upgrader.Disrupts(m.Status.Version, want)
		}
	}
	return out
}
