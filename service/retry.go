package service

import (
	"context"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// RetryCluster takes up again what failed, from where it stopped: what exists
// stays, and the plan is made anew. It is not Magnum's.
func (s *Service) RetryCluster(ctx context.Context, caller jeroboam.Caller, ident string) (jeroboam.Cluster, error) {
	return store.Update(ctx, s.Store, func(tx store.Tx) (jeroboam.Cluster, error) {
		c, err := s.gate.Cluster(tx, caller, ident, updateCluster)
		if err != nil {
			return c, err
		}
		ch := change{summary: c.Name + " again", timeout: c.Spec.CreateTimeout}
		switch c.Status.State {
		case jeroboam.CreateFailed:
			ch.verb, ch.state = jeroboam.VerbCreate, jeroboam.CreateInProgress
		case jeroboam.UpdateFailed:
			ch.verb, ch.state = jeroboam.VerbUpdate, jeroboam.UpdateInProgress
		case jeroboam.DeleteFailed:
			ch.verb, ch.state, ch.timeout = jeroboam.VerbDelete, jeroboam.DeleteInProgress, 0
		default:
			return c, jeroboam.Errorf(jeroboam.Conflict, "state", "Retrying a cluster when status is %q is not supported.", c.Status.State).
				WithRemedy("Only what has failed can be retried.")
		}
		if err := s.retryGroups(tx, c.ID); err != nil {
			return c, err
		}
		return c, s.begin(tx, caller, &c, ch)
	})
}

// retryGroups puts the groups that failed under way again.
func (s *Service) retryGroups(tx store.Tx, cluster string) error {
	groups, err := groupsOf(tx, cluster)
	if err != nil {
		return err
	}
	for _, g := range groups {
		if !g.Status.State.Failed() {
			continue
		}
		action := strings.TrimSuffix(string(g.Status.State), "_FAILED")
		g.Status.State, g.Status.Reason, g.UpdatedAt = jeroboam.State(action+"_IN_PROGRESS"), "", s.now()
		if err := store.Put(tx, &g); err != nil {
			return err
		}
	}
	return nil
}
