package openstack

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servergroups"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"golang.org/x/sync/errgroup"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/mark"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/octavia"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/virtual"
)

// Machines lists the cluster's machines by name: one call, however many.
func (c *Cloud) Machines(ctx context.Context, scope cloud.Scope) ([]cloud.Machine, error) {
	var all []servers.Server
	err := c.lookAfter(ctx, scope, func(p *project) (err error) { all, err = p.lookAt(ctx, scope); return err })
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, byUse)
	seen := map[string]bool{}
	var out []cloud.Machine
	for _, s := range all {
		if !seen[s.Name] && !leaving(s) {
			seen[s.Name] = true
			out = append(out, shown(s))
		}
	}
	slices.SortFunc(out, func(a, b cloud.Machine) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// holdings is everything that bears the mark of a cluster.
type holdings struct {
	shared
	servers  []servers.Server
	ports    []ports.Port
	volumes  []volumes.Volume
	balanced []octavia.LoadBalancer
}

// shared is what no machine has for itself, but that a floating address is of
// one as long as that is there.
type shared struct {
	floating []floatingips.FloatingIP
	groups   []servergroups.ServerGroup
	footing  footing
}

func (p *project) holdings(ctx context.Context, scope cloud.Scope) (h holdings, err error) {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { h.servers, err = p.serversOf(ctx, scope); return err })
	g.Go(func() (err error) { h.ports, err = p.portsOf(ctx, scope); return err })
	g.Go(func() (err error) { h.volumes, err = p.volumesOf(ctx, scope); return err })
	g.Go(func() (err error) { h.balanced, err = p.seenBalancers(ctx, scope); return err })
	g.Go(func() (err error) { h.shared, err = p.shared(ctx, scope); return err })
	if err = g.Wait(); err == nil {
		p.held.lately.note(scope, h.shared)
	}
	return h, err
}

func (p *project) shared(ctx context.Context, scope cloud.Scope) (s shared, err error) {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { s.floating, err = p.floatingOf(ctx, scope); return err })
	g.Go(func() (err error) { s.groups, err = p.groupsOf(ctx, scope); return err })
	g.Go(func() (err error) { s.footing, err = p.footing(ctx, scope, p.securityOf); return err })
	return s, g.Wait()
}

// List tells of machines, balancers, addresses, the network and credentials. A
// port or volume without a server is a machine of which only that was made, or is left.
func (c *Cloud) List(ctx context.Context, scope cloud.Scope) ([]cloud.Object, error) {
	var h holdings
	err := c.lookAfter(ctx, scope, func(p *project) (err error) { h, err = p.holdings(ctx, scope); return err })
	if err != nil {
		return nil, err
	}
	credentials, err := c.credentialsOf(ctx, scope)
	if err != nil {
		return nil, err
	}
	out := slices.Concat(h.machines(), h.balancers(), virtual.Objects(h.ports))
	if id, any := h.network(); any {
		out = append(out, cloud.Object{Kind: jeroboam.KindNetwork, Name: scope.Name, CloudID: id})
	}
	for _, a := range credentials {
		out = append(out, cloud.Object{Kind: jeroboam.KindCredential, Name: a.Description, CloudID: a.ID})
	}
	return out, nil
}

func (h holdings) machines() []cloud.Object {
	found := map[string]cloud.Object{}
	add := func(name, id, cloudID string) {
		key := name + "/" + id
		if o, ok := found[key]; !ok || o.CloudID == "" {
			found[key] = cloud.Object{Kind: jeroboam.KindMachine, Name: name, ID: id, CloudID: cloudID}
		}
	}
	for _, s := range h.servers {
		add(s.Name, s.Metadata[mark.KeyMachine], s.ID)
	}
	for _, p := range h.ports {
		if virtual.Is(p) {
			continue
		}
		name, id := mark.PortOwner(p.Name)
		add(name, id, "")
	}
	for _, v := range h.volumes {
		name, id := mark.VolumeOwner(v.Name, v.Metadata)
		add(name, id, "")
	}
	out := []cloud.Object{}
	for _, o := range found {
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b cloud.Object) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return out
}

// network reports whether there is anything that Delete of a network removes,
// and the ID of the network itself if it is the cluster's own.
func (s shared) network() (id string, any bool) {
	f := s.footing
	if kept, _ := mark.First(f.networks, networkID); kept.ID != "" {
		return kept.ID, true
	}
	return "", len(f.subnets)+len(f.routers)+len(f.security)+len(s.groups)+len(s.floating) > 0
}

// Clusters lists whom the cloud holds anything for, as far as the service's own
// login sees.
func (c *Cloud) Clusters(ctx context.Context) ([]cloud.Scope, error) {
	p, err := c.at(ctx, cloud.Scope{})
	if err != nil {
		return nil, err
	}
	found := map[string]cloud.Scope{}
	add := func(description, project, name string) {
		if id, ours := strings.CutPrefix(description, mark.Begins); ours && found[id].Name == "" {
			found[id] = cloud.Scope{Cluster: id, Project: project, Name: name}
		}
	}
	all, err := p.listServers(ctx, c.everywhere())
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		add(mark.Begins+s.Metadata[mark.KeyCluster], s.TenantID, s.Metadata[mark.KeyName])
	}
	if err := p.marked(ctx, add); err != nil {
		return nil, err
	}
	if err := c.credentialed(ctx, func(cluster, project string) { add(mark.Begins+cluster, project, "") }); err != nil {
		return nil, err
	}
	var out []cloud.Scope
	for _, scope := range found {
		out = append(out, scope)
	}
	slices.SortFunc(out, func(a, b cloud.Scope) int { return strings.Compare(a.Cluster, b.Cluster) })
	return out, nil
}

// everywhere asks for the servers of all clusters.
func (c *Cloud) everywhere() servers.ListOpts {
	return servers.ListOpts{AllTenants: !c.options.OwnProject, Tags: mark.All}
}
