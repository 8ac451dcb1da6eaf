package service

import (
	"context"
	"fmt"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/quota"
	"github.com/jeroboam-cloud/jeroboam/service/access"
	"github.com/jeroboam-cloud/jeroboam/service/internal/refusal"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Cluster is a cluster with what it is shown from. It is to be read only: other
// callers may have been given the same maps.
type Cluster struct {
	jeroboam.Cluster
	Groups         []jeroboam.NodeGroup
	TemplateLabels map[string]string
}

var clusterList = access.Listing{Resource: "cluster", Wide: true, Fields: map[string]string{
	"uuid": "id", "name": "name", "status": "status.state", "status_reason": "status.reason", "cluster_template_id": "spec.template",
	"keypair": "spec.keypair", "flavor_id": "spec.flavor", "master_flavor_id": "spec.master_flavor",
	"create_timeout": "spec.create_timeout", "docker_volume_size": "spec.docker_volume_size", "stack_id": "id",
	"cluster_id": "id", "api_address": "status.api_address", "coe_version": "status.coe_version",
	"health_status": "observed.health", "project_id": "project", "user_id": "user", "discovery_url": "spec.discovery_url",
	"fixed_network": "spec.fixed_network", "fixed_subnet": "spec.fixed_subnet", "created_at": "created_at",
	"updated_at": "updated_at", "container_version": "status.container_version",
	"floating_ip_enabled": "spec.floating_ip_enabled", "master_lb_enabled": "spec.master_lb_enabled",
}}

// What is asked about everything that is read of a cluster, and about what changes
// it in place.
var (
	readCluster   = access.Rule{Name: "cluster:get", Wide: "cluster:get_one_all_projects"}
	updateCluster = access.Everywhere("cluster:update")
)

// Clusters lists the caller's clusters; an administrator sees all.
func (s *Service) Clusters(ctx context.Context, caller jeroboam.Caller, p access.Page) ([]Cluster, error) {
	q, err := s.gate.List(caller, clusterList, p)
	if err != nil {
		return nil, err
	}
	return store.View(ctx, s.Store, func(tx store.Tx) ([]Cluster, error) {
		if q.Marker != "" {
			if _, err := s.gate.Cluster(tx, caller, q.Marker, clusterList.Marker(p)); err != nil {
				return nil, err
			}
		}
		found, err := s.clusters.List(tx, q)
		if err != nil {
			return nil, err
		}
		return s.assemble(tx, found)
	})
}

// Cluster shows one cluster.
func (s *Service) Cluster(ctx context.Context, caller jeroboam.Caller, ident string) (Cluster, error) {
	return store.View(ctx, s.Store, func(tx store.Tx) (Cluster, error) {
		c, err := s.gate.Cluster(tx, caller, ident, readCluster)
		if err != nil {
			return Cluster{}, err
		}
		full, err := s.assemble(tx, []jeroboam.Cluster{c})
		if err != nil {
			return Cluster{}, err
		}
		return full[0], nil
	})
}

// assemble adds the groups, all read at once, and the template's labels. Each
// template is read once.
func (s *Service) assemble(tx store.Tx, clusters []jeroboam.Cluster) ([]Cluster, error) {
	groups, err := s.groupsOfAll(tx, clusters)
	if err != nil {
		return nil, err
	}
	labels := map[string]map[string]string{}
	full := make([]Cluster, 0, len(clusters))
	for _, c := range clusters {
		if _, read := labels[c.Spec.Template]; !read {
			t, err := store.Get[jeroboam.Template](tx, c.Spec.Template)
			if err != nil && jeroboam.KindOf(err) != jeroboam.NotFound {
				return nil, err
			}
			labels[c.Spec.Template] = t.Labels
		}
		full = append(full, Cluster{c, groups[c.ID], labels[c.Spec.Template]})
	}
	return full, nil
}

// ClusterChange is what may change of a living cluster; nil is "as it was".
type ClusterChange struct {
	NodeCount    *int
	Health       *jeroboam.Health
	HealthReason map[string]string
}

func (ch ClusterChange) empty() bool {
	return ch.NodeCount == nil && ch.Health == nil && ch.HealthReason == nil
}

// UpdateCluster sets the size of the default worker group, or records the
// health that a watcher outside reports. A change of nothing leaves everything
// as it is.
func (s *Service) UpdateCluster(ctx context.Context, caller jeroboam.Caller, ident string, ch ClusterChange) (jeroboam.Cluster, error) {
	if ch.NodeCount != nil {
		if err := s.preflightResize(ctx, caller, updateCluster, ident, Resize{Group: jeroboam.DefaultWorker, Count: *ch.NodeCount}); err != nil {
			return jeroboam.Cluster{}, err
		}
	}
	return store.Update(ctx, s.Store, func(tx store.Tx) (jeroboam.Cluster, error) {
		c, err := s.gate.Cluster(tx, caller, ident, updateCluster)
		if err != nil {
			return c, err
		}
		if ch.empty() {
			return c, nil
		}
		if err := refusal.UnlessResting(c.Status.State, "Updating a cluster"); err != nil {
			return c, err
		}
		if err := s.reportHealth(caller, &c, ch); err != nil {
			return c, err
		}
		if ch.NodeCount == nil {
			return c, store.Put(tx, &c)
		}
		g, err := group(tx, c, jeroboam.DefaultWorker)
		if err != nil {
			return c, err
		}
		return c, s.resize(tx, caller, &c, &g, *ch.NodeCount, nil)
	})
}

// reportHealth takes a watcher's word for the cluster's health: Magnum's
// auto-healer reports that way. The monitor's next look overrides it.
func (s *Service) reportHealth(caller jeroboam.Caller, c *jeroboam.Cluster, ch ClusterChange) error {
	if ch.Health == nil && ch.HealthReason == nil {
		return nil
	}
	if err := s.gate.Allow(caller, "cluster:update_health_status", c.Project, c.User); err != nil {
		return err
	}
	if ch.Health != nil {
		c.Observed.Health = *ch.Health
	}
	if ch.HealthReason != nil {
		c.Observed.HealthReason = ch.HealthReason
	}
	c.Observed.At = s.now()
	return nil
}

// Resize is a wish for another size of one group.
type Resize struct {
	Count  int
	Group  string   // "": the default worker group
	Remove []string // nodes to take first: index, name, ID, address or cloud ID
	From   *int     // size that the wish was made of, Conflict with Reason "size" if it is another; nil: whatever it is
}

// ResizeCluster changes the size of a group, also while another update is
// under way.
func (s *Service) ResizeCluster(ctx context.Context, caller jeroboam.Caller, ident string, r Resize) (jeroboam.Cluster, error) {
	if r.Group == "" {
		r.Group = jeroboam.DefaultWorker
	}
	if err := s.preflightResize(ctx, caller, access.Own("cluster:resize"), ident, r); err != nil {
		return jeroboam.Cluster{}, err
	}
	return store.Update(ctx, s.Store, func(tx store.Tx) (jeroboam.Cluster, error) {
		c, err := s.gate.Cluster(tx, caller, ident, access.Own("cluster:resize"))
		if err != nil {
			return c, err
		}
		g, err := group(tx, c, r.Group)
		if err != nil {
			return c, err
		}
		if g.IsMaster() {
			return c, jeroboam.Errorf(jeroboam.Unsupported, "master-resize", "Resizing the master nodegroup is not supported by this driver.").
				WithRemedy("Make a cluster with as many masters as you want, and move the work to it.")
		}
		if err := refusal.UnlessResizable(c.Status.State, "Resizing a cluster"); err != nil {
			return c, err
		}
		if r.From != nil && *r.From != g.Spec.Count {
			return c, conflictf("size", "Node group %s has %d nodes by now, not %d.", g.Name, g.Spec.Count, *r.From).
				WithRemedy("Look at the group again, and ask from the size that it has.")
		}
		return c, s.resize(tx, caller, &c, &g, r.Count, r.Remove)
	})
}

// resize writes the wanted size of a worker group and begins the operation.
func (s *Service) resize(tx store.Tx, caller jeroboam.Caller, c *jeroboam.Cluster, g *jeroboam.NodeGroup, count int, remove []string) error {
	if g.Spec.Deleted {
		return refusal.State(g.Status.State, "Resizing a nodegroup")
	}
	if high := value(g.Spec.Max); count < g.Spec.Min || high > 0 && count > high {
		return jeroboam.Errorf(jeroboam.Invalid, "node_count",
			"Resizing %s outside the allowed range: min_node_count = %d, max_node_count = %s", g.Name, g.Spec.Min, refusal.OrNone(high)).
			WithRemedy("Ask for a size in that range, or change the range of the node group first.")
	}
	groups, err := groupsOf(tx, c.ID)
	if err != nil {
		return err
	}
	if err := s.checkNodes(groups, count-g.Spec.Count); err != nil {
		return err
	}
	if err := addRemovals(tx, g, remove); err != nil {
		return err
	}
	if err := quota.Want(tx, s.Limits.Quotas, g, count); err != nil {
		return err
	}
	summary := fmt.Sprintf("%s %d -> %d", g.Name, g.Spec.Count, count)
	g.Spec.Count, g.Status.State, g.Status.Reason, g.UpdatedAt = count, jeroboam.UpdateInProgress, "", s.now()
	if err := store.Put(tx, g); err != nil {
		return err
	}
	return s.begin(tx, caller, c, change{jeroboam.VerbResize, summary, jeroboam.UpdateInProgress, c.Spec.CreateTimeout})
}

// checkNodes keeps the whole of a cluster under the limit.
func (s *Service) checkNodes(groups []jeroboam.NodeGroup, more int) error {
	total := more
	for _, g := range groups {
		total += g.Spec.Count
	}
	return s.checkTotal(total)
}

func (s *Service) checkTotal(nodes int) error {
	if nodes <= s.Limits.Nodes {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Invalid, "node_count", "A cluster of %d nodes is over the limit of %d.", nodes, s.Limits.Nodes).
		WithRemedy("Use fewer nodes or a second cluster; the operator sets the limit.")
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
