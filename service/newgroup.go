package service

import (
	"context"
	"fmt"
	"slices"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/quota"
	"github.com/jeroboam-cloud/jeroboam/service/access"
	"github.com/jeroboam-cloud/jeroboam/service/internal/placement"
	"github.com/jeroboam-cloud/jeroboam/service/internal/refusal"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// NodeGroupRequest is a wish for a group. Empty and nil members take the
// cluster's value; empty Labels that are not nil stay empty.
type NodeGroupRequest struct {
	Name             string
	Role             string // "": worker
	Count            *int   // nil: 1
	Min              int
	Max              *int // nil and 0: none
	Flavor           string
	Image            string
	DockerVolumeSize *int
	Labels           map[string]string
	MergeLabels      bool
	NodeLabels       map[string]string
	NodeTaints       []jeroboam.Taint
}

// CreateNodeGroup adds a group of workers to a cluster that has an API address.
func (s *Service) CreateNodeGroup(ctx context.Context, caller jeroboam.Caller, ident string, r NodeGroupRequest) (NodeGroup, error) {
	c, err := store.View(ctx, s.Store, func(tx store.Tx) (jeroboam.Cluster, error) {
		return s.gate.Cluster(tx, caller, ident, access.Own("nodegroup:create"))
	})
	if err != nil {
		return NodeGroup{}, err
	}
	g := s.newGroup(c, r)
	if err := s.checkGroup(c, g); err != nil {
		return NodeGroup{}, err
	}
	if err := s.preflightGroup(ctx, c, g, g.Spec.Count); err != nil {
		return NodeGroup{}, err
	}
	if err := s.claimGroup(ctx, c, &g); err != nil {
		return NodeGroup{}, err
	}
	return store.Update(ctx, s.Store, func(tx store.Tx) (NodeGroup, error) {
		c, err := s.gate.Cluster(tx, caller, c.ID, access.Rule{})
		if err != nil {
			return NodeGroup{}, err
		}
		kept := g
		err = s.keepGroup(tx, caller, c, &kept)
		return groupIn(c, kept), err
	})
}

func (s *Service) newGroup(c jeroboam.Cluster, r NodeGroupRequest) jeroboam.NodeGroup {
	g := jeroboam.NodeGroup{
		ID: s.NewID(), Cluster: c.ID, Project: c.Project, Name: r.Name, Role: r.Role, CreatedAt: s.now(),
		Spec: jeroboam.NodeGroupSpec{Count: orOne(r.Count), Min: r.Min, Max: noZero(r.Max), Flavor: r.Flavor, Image: r.Image,
			DockerVolumeSize: value(r.DockerVolumeSize), Labels: r.Labels, NodeLabels: r.NodeLabels, NodeTaints: r.NodeTaints},
		Status: jeroboam.NodeGroupStatus{State: jeroboam.CreateInProgress},
	}
	if g.Role == "" {
		g.Role = jeroboam.RoleWorker
	}
	if g.Spec.Flavor == "" {
		g.Spec.Flavor = c.Spec.Flavor
	}
	if g.Spec.Image == "" {
		g.Spec.Image = c.Spec.Image
	}
	switch {
	case r.Labels == nil:
		g.Spec.Labels = c.Spec.Labels
	case r.MergeLabels:
		g.Spec.Labels = jeroboam.MergeLabels(c.Spec.Labels, r.Labels)
	}
	return g
}

// noZero is a maximum as it is kept: 0 means none.
func noZero(n *int) *int {
	if value(n) == 0 {
		return nil
	}
	return n
}

// checkGroup judges a new group, but for what it names.
func (s *Service) checkGroup(c jeroboam.Cluster, g jeroboam.NodeGroup) error {
	if g.IsMaster() {
		return jeroboam.Errorf(jeroboam.Invalid, "role", "Creating master nodegroups is currently not supported.").
			WithRemedy("Leave role out, or give a word of your own for what its workers are for.")
	}
	if err := checkBounds(g); err != nil {
		return err
	}
	if err := placement.Check(g); err != nil {
		return err
	}
	return s.drivers.CheckGroup(c.Spec.COE, groupIn(c, g).ownLabels())
}

// claimGroup finds out what each node of a new group takes.
func (s *Service) claimGroup(ctx context.Context, c jeroboam.Cluster, g *jeroboam.NodeGroup) error {
	d, err := s.drivers.Of(c)
	if err != nil {
		return err
	}
	f, err := d.FindFlavor(ctx, c.Project, g.Spec.Flavor)
	g.Claim.Each = quota.Each(*g, f)
	return err
}

func checkBounds(g jeroboam.NodeGroup) error {
	least, count, most := g.Spec.Min, g.Spec.Count, value(g.Spec.Max)
	switch {
	case most > 0 && least > most:
		return conflictf("max_node_count", "max_node_count for %s is invalid (min_node_count (%d) should be less or equal to max_node_count (%d)).",
			g.Name, least, most)
	case most > 0 && count > most:
		return conflictf("max_node_count", "max_node_count for %s is invalid (node_count (%d) should be less or equal to max_node_count (%d)).",
			g.Name, count, most)
	case least > count:
		return conflictf("min_node_count", "min_node_count for %s is invalid (min_node_count (%d) should be less or equal to node_count (%d)).",
			g.Name, least, count)
	}
	return nil
}

// conflictf keeps Magnum's 409 for what is wrong with a node group.
func conflictf(reason, format string, args ...any) *jeroboam.Error {
	return jeroboam.Errorf(jeroboam.Conflict, reason, format, args...)
}

func (s *Service) keepGroup(tx store.Tx, caller jeroboam.Caller, c jeroboam.Cluster, g *jeroboam.NodeGroup) error {
	if c.Spec.Deleted {
		return refusal.State(c.Status.State, "Creating a nodegroup")
	}
	if c.Status.APIAddress == "" {
		return jeroboam.Errorf(jeroboam.Conflict, "api-address", "Cluster API address is not available yet").
			WithRemedy("Wait until the cluster is CREATE_COMPLETE.")
	}
	groups, err := groupsOf(tx, c.ID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(groups, func(other jeroboam.NodeGroup) bool { return other.Name == g.Name }) {
		return conflictf("name", "A node group with name %s already exists in the cluster %s.", g.Name, c.Name).
			WithRemedy("Give it another name, or resize the one that there is.")
	}
	if err := s.checkNodes(groups, g.Spec.Count); err != nil {
		return err
	}
	if err := quota.Want(tx, s.Limits.Quotas, g, g.Spec.Count); err != nil {
		return err
	}
	if err := store.Put(tx, g); err != nil {
		return err
	}
	summary := fmt.Sprintf("add node group %s with %d nodes", g.Name, g.Spec.Count)
	if err := s.begin(tx, caller, &c, change{jeroboam.VerbUpdate, summary, jeroboam.UpdateInProgress, c.Spec.CreateTimeout}); err != nil {
		return err
	}
	return s.warn(tx, c, s.GroupLabelWarnings(groupIn(c, *g)))
}
