package service

import (
	"context"
	"slices"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/quota"
	"github.com/jeroboam-cloud/jeroboam/service/access"
	"github.com/jeroboam-cloud/jeroboam/service/internal/placement"
	"github.com/jeroboam-cloud/jeroboam/service/internal/refusal"
	"github.com/jeroboam-cloud/jeroboam/store"
)

var groupFields = map[string]string{
	"uuid": "id", "name": "name", "role": "role", "flavor_id": "spec.flavor", "image_id": "spec.image",
	"node_count": "spec.count", "min_node_count": "spec.min", "max_node_count": "spec.max", "is_default": "default",
	"status": "status.state", "created_at": "created_at", "updated_at": "updated_at", "status_reason": "status.reason",
	"version": "status.version", "docker_volume_size": "spec.docker_volume_size", "cluster_id": "cluster", "stack_id": "cluster", "project_id": "project",
}

// NodeGroups lists the groups of a cluster, those of one role unless it is "".
func (s *Service) NodeGroups(ctx context.Context, caller jeroboam.Caller, ident, role string, p access.Page) ([]jeroboam.NodeGroup, error) {
	q, err := p.Query(groupFields)
	if err != nil {
		return nil, err
	}
	return store.View(ctx, s.Store, func(tx store.Tx) ([]jeroboam.NodeGroup, error) {
		c, err := s.gate.Cluster(tx, caller, ident, access.Everywhere("nodegroup:get_all"))
		if err != nil {
			return nil, err
		}
		if p.Marker != "" {
			if _, err := group(tx, c, p.Marker); err != nil {
				return nil, err
			}
		}
		q.Parent = c.ID
		if role != "" {
			// The role is no column; a cluster's groups are few.
			q.Limit = 0
		}
		groups, err := store.List[jeroboam.NodeGroup](tx, q)
		if role != "" {
			groups = slices.DeleteFunc(groups, func(g jeroboam.NodeGroup) bool { return g.Role != role })
			if p.Limit > 0 {
				groups = groups[:min(len(groups), p.Limit)]
			}
		}
		return groups, err
	})
}

// NodeGroup is a group with the labels and the COE of its cluster.
type NodeGroup struct {
	jeroboam.NodeGroup
	ClusterLabels map[string]string
	COE           string
}

func groupIn(c jeroboam.Cluster, g jeroboam.NodeGroup) NodeGroup {
	return NodeGroup{g, c.Spec.Labels, c.Spec.COE}
}

// NodeGroup shows one group.
func (s *Service) NodeGroup(ctx context.Context, caller jeroboam.Caller, cluster, ident string) (NodeGroup, error) {
	return store.View(ctx, s.Store, func(tx store.Tx) (NodeGroup, error) {
		c, err := s.gate.Cluster(tx, caller, cluster, access.Rule{Name: "nodegroup:get", Wide: "nodegroup:get_one_all_projects"})
		if err != nil {
			return NodeGroup{}, err
		}
		g, err := group(tx, c, ident)
		return groupIn(c, g), err
	})
}

// NodeGroupChange is the whole of what may change of a living group beside its
// size.
type NodeGroupChange struct {
	Min        int
	Max        *int // nil and 0: none
	NodeLabels map[string]string
	NodeTaints []jeroboam.Taint
}

// UpdateNodeGroup changes a group by edit, which is given the group as it is.
// It returns the group with what is wanted of it now, in the state it was in.
func (s *Service) UpdateNodeGroup(ctx context.Context, caller jeroboam.Caller, cluster, ident string,
	edit func(jeroboam.NodeGroup) (NodeGroupChange, error)) (NodeGroup, error) {
	return store.Update(ctx, s.Store, func(tx store.Tx) (NodeGroup, error) {
		c, err := s.gate.Cluster(tx, caller, cluster, access.Own("nodegroup:update"))
		if err != nil {
			return NodeGroup{}, err
		}
		g, err := group(tx, c, ident)
		if err != nil {
			return NodeGroup{}, err
		}
		ch, err := edit(g)
		if err != nil {
			return NodeGroup{}, err
		}
		g.Spec.Min, g.Spec.Max, g.Spec.NodeLabels, g.Spec.NodeTaints = ch.Min, noZero(ch.Max), ch.NodeLabels, ch.NodeTaints
		return groupIn(c, g), s.changeGroup(tx, caller, c, g)
	})
}

// changeGroup keeps a group whose wish has changed.
func (s *Service) changeGroup(tx store.Tx, caller jeroboam.Caller, c jeroboam.Cluster, g jeroboam.NodeGroup) error {
	if c.Spec.Deleted {
		return refusal.State(c.Status.State, "Updating a nodegroup")
	}
	if err := refusal.UnlessResizable(g.Status.State, "Updating a nodegroup"); err != nil {
		return err
	}
	if err := checkBounds(g); err != nil {
		return err
	}
	if err := placement.Check(g); err != nil {
		return err
	}
	g.Status.State, g.Status.Reason, g.UpdatedAt = jeroboam.UpdateInProgress, "", s.now()
	if err := store.Put(tx, &g); err != nil {
		return err
	}
	return s.begin(tx, caller, &c, change{jeroboam.VerbUpdate, "node group " + g.Name, jeroboam.UpdateInProgress, c.Spec.CreateTimeout})
}

// DeleteNodeGroup asks for the end of a group that is not a default one.
func (s *Service) DeleteNodeGroup(ctx context.Context, caller jeroboam.Caller, cluster, ident string) error {
	return s.Store.Update(ctx, func(tx store.Tx) error {
		c, err := s.gate.Cluster(tx, caller, cluster, access.Own("nodegroup:delete"))
		if err != nil {
			return err
		}
		g, err := group(tx, c, ident)
		if err != nil {
			return err
		}
		if g.Default {
			return jeroboam.Errorf(jeroboam.Invalid, "default-group", "Deleting a default nodegroup is not supported.").
				WithRemedy("Resize it to 0, or delete the cluster.")
		}
		if c.Spec.Deleted || g.Spec.Deleted && g.Status.State == jeroboam.DeleteInProgress {
			return nil
		}
		g.Spec.Deleted, g.Status.State, g.Status.Reason, g.UpdatedAt = true, jeroboam.DeleteInProgress, "", s.now()
		if err := quota.Drop(tx, &g); err != nil {
			return err
		}
		if err := store.Put(tx, &g); err != nil {
			return err
		}
		return s.begin(tx, caller, &c, change{jeroboam.VerbUpdate, "delete node group " + g.Name, jeroboam.UpdateInProgress, 0})
	})
}
