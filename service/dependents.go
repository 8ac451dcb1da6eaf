package service

import (
	"context"
	"fmt"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/service/drivers"
	"github.com/jeroboam-cloud/jeroboam/store"
)

func checkDataWish(data jeroboam.DataWish) error {
	switch data {
	case "", jeroboam.KeepData, jeroboam.RemoveData:
		return nil
	}
	return jeroboam.Errorf(jeroboam.Invalid, "data", "Invalid input for field/attribute data. Value: %s. Value should be one of: %s, %s",
		jeroboam.QuoteLabel(string(data)), jeroboam.KeepData, jeroboam.RemoveData)
}

// dataWish is what counts: the word of the request, the one before, the label.
func dataWish(c jeroboam.ClusterSpec, data jeroboam.DataWish) jeroboam.DataWish {
	switch {
	case data != "":
		return data
	case c.Data != "":
		return c.Data
	}
	return jeroboam.DataWish(dataOnDelete.In(c.Labels))
}

// rethink lets the last word count for the data of a cluster that is on its way
// out, as far as it is still there.
func (s *Service) rethink(tx store.Tx, c jeroboam.Cluster, before jeroboam.DataWish) error {
	if c.Spec.Data == before {
		return nil
	}
	if err := store.Put(tx, &c); err != nil {
		return err
	}
	return tx.Wake(c.ID)
}

// withDependents adds to the plan of a deletion what the cluster has made for
// itself: the records know of it only when nothing else is left. A cloud that
// does not answer is an error: a list that lacks something would be believed.
func (s *Service) withDependents(ctx context.Context, p Plan) (Plan, error) {
	d, err := s.drivers.Of(p.Cluster)
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
