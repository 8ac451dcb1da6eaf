// Package forecast tells what would have to be done for a cluster: the steps that
// the engine's plan names, from what the records know, and for a change that is
// only tried, on a stage where nothing is kept. What only a cloud can tell, as a
// machine that is lost, it does not know.
package forecast

import (
	"context"
	"fmt"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
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

// Of plans from what a transaction sees.
func Of(tx store.Tx, table *drivers.Table, cluster string) (Plan, error) {
	var p Plan
	var err error
	if p.Cluster, err = store.Get[jeroboam.Cluster](tx, cluster); err != nil {
		return p, err
	}
	if p.Operation, err = openOperation(tx, p.Cluster); err != nil {
		return p, err
	}
	desired := plan.Desired{Cluster: p.Cluster}
	d, unknown := table.Of(p.Cluster) // a cluster can go without its driver
	if unknown == nil {
		desired.Authorities, desired.Credential = d.Engine.Traits().Authorities, d.Credentials
	}
	of := store.Query{Parent: cluster}
	if desired.Groups, err = store.List[jeroboam.NodeGroup](tx, of); err != nil {
		return p, err
	}
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

// WithDependents adds to the plan of a deletion what the cluster has made for
// itself: the records know of it only when nothing else is left. A cloud that
// does not answer is an error: a list that lacks something would be believed.
func (p Plan) WithDependents(ctx context.Context, table *drivers.Table) (Plan, error) {
	d, err := table.Of(p.Cluster)
	if err != nil || d.Dependents == nil || !p.Cluster.Spec.Deleted {
		return p, nil
	}
	ctx, stop := context.WithTimeout(ctx, drivers.Patience)
	defer stop()
	c := p.Cluster
	found, err := d.Dependents.Dependents(ctx, cloud.Scope{Cluster: c.ID, Project: c.Project, Name: c.Name})
	if err != nil {
		return p, fmt.Errorf("what the cluster has made for itself: %w", err)
	}
	known := map[string]bool{}
	for _, r := range p.actual.Ledger {
		known[r.ID] = true
	}
	for _, one := range found {
		if line := one.Line(c); !known[line.ID] {
			p.actual.Ledger = append(p.actual.Ledger, line)
		}
	}
	p.Steps = plan.Next(p.desired, p.actual)
	return p, nil
}
