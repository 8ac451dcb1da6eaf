package engine

import (
	"context"
	"maps"
	"slices"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/journal"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/snapshot"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// record writes in one transaction what the turn has changed: the journal, how
// the operation stands, the API's address and the groups' addresses. Most turns
// change nothing and cost no write.
func (r *run) record(ctx context.Context, s *snapshot.Snapshot, d Driver) error {
	op := *r.op.Load()
	endpoint := r.endpoint(s, d)
	blocked := r.lines.Cause(jeroboam.StepBlocked)
	standing := journal.SameCause(op.Cause, blocked) && op.State != jeroboam.OperationPending
	if len(r.lines.Dirty()) == 0 && standing && endpoint == s.Cluster.Status.APIAddress && len(movedGroups(s)) == 0 {
		return nil
	}
	err := store.Retry(ctx, r.Store, func(tx store.Tx) error {
		if err := r.lines.Flush(tx, r.journal, op); err != nil {
			return err
		}
		if !standing {
			if err := r.journal.Mark(tx, &op, blocked); err != nil {
				return err
			}
		}
		if err := r.showGroups(tx, s); err != nil {
			return err
		}
		_, err := store.Change(tx, r.id, func(c *jeroboam.Cluster) bool {
			differs := c.Status.APIAddress != endpoint
			c.Status.APIAddress = endpoint
			return differs
		})
		return err
	})
	if err != nil {
		return err
	}
	r.lines.Flushed()
	return nil
}

// endpoint is what the wire calls api_address. A cluster on its way out keeps
// the one it had.
func (r *run) endpoint(s *snapshot.Snapshot, d Driver) string {
	if host := s.APIHost(); host != "" && !s.Cluster.Spec.Deleted {
		return r.Tunnel.endpoint(s.Cluster, d.COE.Traits(), host)
	}
	return s.Cluster.Status.APIAddress
}

// movedGroups lists, by ID, the addresses of groups whose status shows others.
func movedGroups(s *snapshot.Snapshot) map[string][]string {
	addresses := make(map[string][]string, len(s.Groups))
	machines := slices.Clone(s.Machines)
	slices.SortFunc(machines, func(a, b jeroboam.Machine) int { return a.Index - b.Index })
	for _, m := range machines {
		if m.Status.Address != "" {
			addresses[m.Group] = append(addresses[m.Group], m.Status.Reached())
		}
	}
	out := map[string][]string{}
	for _, g := range s.Groups {
		if !slices.Equal(g.Status.Addresses, addresses[g.ID]) {
			out[g.ID] = addresses[g.ID]
		}
	}
	return out
}

func (r *run) showGroups(tx store.Tx, s *snapshot.Snapshot) error {
	moved := movedGroups(s)
	for _, id := range slices.Sorted(maps.Keys(moved)) {
		_, err := store.Edit(tx, id, func(g *jeroboam.NodeGroup) { g.Status.Addresses = moved[id] })
		if err != nil && jeroboam.KindOf(err) != jeroboam.NotFound {
			return err
		}
	}
	return nil
}
