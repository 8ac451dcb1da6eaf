package openstack

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servergroups"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/loadbalancers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
	"github.com/gophercloud/gophercloud/v2/pagination"

	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/dependents"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/mark"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/octavia"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/together"
)

// held is what is asked of a project about clusters. Clusters that ask at the
// same time share one call.
type held struct {
	doubts   doubts
	lately   lately
	servers  together.Asks[servers.Server]
	ports    together.Asks[ports.Port]
	networks together.Asks[networks.Network]
	subnets  together.Asks[subnets.Subnet]
	routers  together.Asks[routers.Router]
	security together.Asks[securityGroup]
	floating together.Asks[floatingips.FloatingIP]
	volumes  together.Asks[volumes.Volume]
	groups   together.Asks[servergroups.ServerGroup]
	balanced together.Asks[octavia.LoadBalancer]
	habits   octavia.Habits

	dependents dependents.Asks
}

// of asks about one cluster and keeps what bears its mark.
func of[T any](ctx context.Context, p *project, asks *together.Asks[T], scope cloud.Scope, bears func(T, string) bool,
	service, what string, pager func(about []string) pagination.Pager, extract func(pagination.Page) ([]T, error)) ([]T, error) {
	return believed(&p.held.doubts, scope, func() ([]T, error) {
		all, err := asks.Get(ctx, mark.Of(scope), func(ctx context.Context, about []string) ([]T, error) {
			pages, err := pager(about).AllPages(ctx)
			if err != nil {
				return nil, fault.Refuse(service, "list "+what, err)
			}
			return extract(pages)
		})
		return slices.DeleteFunc(slices.Clone(all), func(v T) bool { return !bears(v, mark.Of(scope)) }), fault.Refuse(service, "list "+what, err)
	})
}

func (p *project) serversOf(ctx context.Context, scope cloud.Scope) ([]servers.Server, error) {
	return of(ctx, p, &p.held.servers, scope, func(s servers.Server, marked string) bool { return mark.Begins+s.Metadata[mark.KeyCluster] == marked },
		"Nova", "servers", func(about []string) pagination.Pager {
			return servers.List(p.compute, servers.ListOpts{TagsAny: strings.Join(about, ","), AllTenants: p.abroad, TenantID: p.tenant()})
		}, servers.ExtractServers)
}

func (p *project) portsOf(ctx context.Context, scope cloud.Scope) ([]ports.Port, error) {
	return of(ctx, p, &p.held.ports, scope, func(v ports.Port, marked string) bool { return v.Description == marked },
		"Neutron", "ports", func(about []string) pagination.Pager { return ports.List(p.network, p.described(about)) }, ports.ExtractPorts)
}

func (p *project) networksOf(ctx context.Context, scope cloud.Scope) ([]networks.Network, error) {
	return of(ctx, p, &p.held.networks, scope, func(v networks.Network, marked string) bool { return v.Description == marked },
		"Neutron", "networks", func(about []string) pagination.Pager { return networks.List(p.network, p.described(about)) }, networks.ExtractNetworks)
}

func (p *project) subnetsOf(ctx context.Context, scope cloud.Scope) ([]subnets.Subnet, error) {
	return of(ctx, p, &p.held.subnets, scope, func(v subnets.Subnet, marked string) bool { return v.Description == marked },
		"Neutron", "subnets", func(about []string) pagination.Pager { return subnets.List(p.network, p.described(about)) }, subnets.ExtractSubnets)
}

func (p *project) routersOf(ctx context.Context, scope cloud.Scope) ([]routers.Router, error) {
	return of(ctx, p, &p.held.routers, scope, func(v routers.Router, marked string) bool { return v.Description == marked },
		"Neutron", "routers", func(about []string) pagination.Pager { return routers.List(p.network, p.described(about)) }, routers.ExtractRouters)
}

func (p *project) securityOf(ctx context.Context, scope cloud.Scope) ([]securityGroup, error) {
	return of(ctx, p, &p.held.security, scope, func(v securityGroup, marked string) bool { return v.Description == marked },
		"Neutron", "security groups", func(about []string) pagination.Pager {
			query, _ := p.described(about).query()
			return pagination.NewPager(p.network, p.network.ServiceURL("security-groups")+query, func(r pagination.PageResult) pagination.Page {
				return groups.SecGroupPage{LinkedPageBase: pagination.LinkedPageBase{PageResult: r}}
			})
		}, groups.ExtractGroups)
}

func (p *project) floatingOf(ctx context.Context, scope cloud.Scope) ([]floatingips.FloatingIP, error) {
	return of(ctx, p, &p.held.floating, scope, func(v floatingips.FloatingIP, marked string) bool { return v.Description == marked },
		"Neutron", "floating addresses", func(about []string) pagination.Pager {
			return floatingips.List(p.network, p.described(about))
		}, floatingips.ExtractFloatingIPs)
}

// groupsOf lists the cluster's server groups. Nova cannot filter them.
func (p *project) groupsOf(ctx context.Context, scope cloud.Scope) ([]servergroups.ServerGroup, error) {
	return of(ctx, p, &p.held.groups, scope, func(v servergroups.ServerGroup, _ string) bool { return strings.HasPrefix(v.Name, mark.Prefix(scope)) },
		"Nova", "server groups", func([]string) pagination.Pager {
			return servergroups.List(p.compute, servergroups.ListOpts{AllProjects: p.abroad})
		},
		servergroups.ExtractServerGroups)
}

// volumesOf lists the volumes of the cluster's machines. Cinder filters by one
// value of a key only.
func (p *project) volumesOf(ctx context.Context, scope cloud.Scope) ([]volumes.Volume, error) {
	if p.volume == nil {
		return nil, nil
	}
	return of(ctx, p, &p.held.volumes, scope, func(v volumes.Volume, marked string) bool { return mark.Begins+v.Metadata[mark.KeyCluster] == marked },
		"Cinder", "volumes", func(about []string) pagination.Pager {
			opts := volumes.ListOpts{AllTenants: p.abroad, TenantID: p.tenant()}
			if len(about) == 1 {
				opts.Metadata = map[string]string{mark.KeyCluster: strings.TrimPrefix(about[0], mark.Begins)}
			}
			return volumes.List(p.volume, opts)
		}, volumes.ExtractVolumes)
}

// balancersOf lists the cluster's load balancers. Octavia filters by one
// description only.
func (p *project) balancersOf(ctx context.Context, scope cloud.Scope) ([]octavia.LoadBalancer, error) {
	if p.balance == nil {
		return nil, nil
	}
	return of(ctx, p, &p.held.balanced, scope, func(v octavia.LoadBalancer, marked string) bool { return v.Description == marked },
		"Octavia", "load balancers", func(about []string) pagination.Pager {
			opts := loadbalancers.ListOpts{ProjectID: p.id}
			if len(about) == 1 {
				opts.Description = about[0]
			}
			return loadbalancers.List(p.balance, opts)
		}, loadbalancers.ExtractLoadBalancers)
}

// tenant is the project to ask about, if it is not that of the session.
func (p *project) tenant() string {
	if p.abroad {
		return p.id
	}
	return ""
}

// described asks Neutron for what has one of the descriptions. An administrator
// sees what others have, too.
type described url.Values

func (p *project) described(about []string) described {
	return described{"description": about, "project_id": {p.id}}
}

func (d described) query() (string, error) { return "?" + url.Values(d).Encode(), nil }

func (d described) ToPortListQuery() (string, error)       { return d.query() }
func (d described) ToNetworkListQuery() (string, error)    { return d.query() }
func (d described) ToSubnetListQuery() (string, error)     { return d.query() }
func (d described) ToRouterListQuery() (string, error)     { return d.query() }
func (d described) ToFloatingIPListQuery() (string, error) { return d.query() }
