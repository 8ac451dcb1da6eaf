package service

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/service/forecast"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Rehearse lets verb ask for a change as it would of s, and takes everything
// back: nothing is kept, nobody is woken. It returns what would have to be
// done, or the error that the change would meet. A Plan without a cluster
// means that there would be nothing to do.
func (s *Service) Rehearse(ctx context.Context, verb func(*Service) error) (forecast.Plan, error) {
	stage := &forecast.Stage{Backend: s.Store, Drivers: s.drivers}
	if err := verb(s.on(stage)); err != nil {
		return stage.Plan, err
	}
	return stage.Plan.WithDependents(ctx, s.drivers)
}

// ClusterPlan is what is still to be done for a cluster as it is known. What
// only the cloud can tell, as a machine that is lost, shows in the operation
// that makes up for it.
func (s *Service) ClusterPlan(ctx context.Context, caller jeroboam.Caller, ident string) (forecast.Plan, error) {
	return store.View(ctx, s.Store, func(tx store.Tx) (forecast.Plan, error) {
		c, err := s.gate.Cluster(tx, caller, ident, readCluster)
		if err != nil {
			return forecast.Plan{}, err
		}
		return forecast.Of(tx, s.drivers, c.ID)
	})
}
