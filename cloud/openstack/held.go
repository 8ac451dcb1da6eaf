package openstack

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

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
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/doubt"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/mark"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/octavia"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/together"
)

// held is what is asked of a project about clusters. Clusters that ask at the
// same time share one call.
type held struct {
	doubts   doubt.Doubts
	lately   lately
	servers  together.Asks[servers.Server]
	looks    together.Asks[servers.Server] // at machines that should be there
	left     together.Asks[servers.Server] // of machines that are deleted
	ports    together.Asks[ports.Port]
	networks together.Asks[networks.Network]
	subnets  together.Asks[subnets.Subnet]
	routers  together.Asks[routers.Router]
	security together.Asks[securityGroup]
	rules    together.Asks[securityGroup]
	floating together.Asks[floatingips.FloatingIP]
	volumes  together.Asks[volumes.Volume]
	groups   together.Asks[servergroups.ServerGroup]
	balanced together.Asks[octavia.LoadBalancer]
	habits   octavia.Habits

	dependents dependents.Asks
}

// question is how things of one kind are asked for.
type question[T any] struct {
	asks    *together.Asks[T]
	pause   time.Duration                         // since they were last asked for
	bears   func(thing T, mark string) bool       // whose it is
	service string                                // "Neutron"
	what    string                                // "ports"
	pager   func(about []string) pagination.Pager // of what has one of the marks, or more
	extract func(pagination.Page) ([]T, error)
}

// of asks about one cluster and keeps what bears its mark.
func (q question[T]) of(ctx context.Context, p *project, scope cloud.Scope) ([]T, error) {
	return doubt.Believed(&p.held.doubts, scope, func() ([]T, error) {
		all, err := q.asks.Look(ctx, mark.Of(scope), q.pause, func(ctx context.Context, about []string) ([]T, error) {
			pages, err := q.pager(about).AllPages(ctx)
			if err != nil {
				return nil, fault.Refuse(q.service, "list "+q.what, err)
			}
			return q.extract(pages)
		})
		return slices.DeleteFunc(slices.Clone(all), func(v T) bool { return !q.bears(v, mark.Of(scope)) }), fault.Refuse(q.service, "list "+q.what, err)
	})
}

func (p *project) serversOf(ctx context.Context, scope cloud.Scope) ([]servers.Server, error) {
	return p.servers(&p.held.servers, 0).of(ctx, p, scope)
}

// lookEvery is how often it is looked whether machines are still there: for each
// detailed list Nova asks Neutron twice.
const lookEvery = 5 * time.Second

// lookAt is serversOf for who is in no hurry.
func (p *project) lookAt(ctx context.Context, scope cloud.Scope) ([]servers.Server, error) {
	if p.held.doubts.About(scope) {
		return p.serversOf(ctx, scope)
	}
	return p.servers(&p.held.looks, lookEvery).of(ctx, p, scope)
}

func (p *project) servers(asks *together.Asks[servers.Server], pause time.Duration) question[servers.Server] {
	return question[servers.Server]{
		asks: asks, pause: pause, service: "Nova", what: "servers", extract: servers.ExtractServers,
		bears: func(s servers.Server, marked string) bool { return mark.Begins+s.Metadata[mark.KeyCluster] == marked },
		pager: func(about []string) pagination.Pager { return servers.List(p.compute, p.tagged(about)) },
	}
}

func (p *project) tagged(about []string) servers.ListOpts {
	return servers.ListOpts{TagsAny: strings.Join(about, ","), AllTenants: p.abroad, TenantID: p.tenant()}
}

// leftOf lists the cluster's servers by ID and name, and maybe others': it costs
// Nova next to nothing, and Neutron nothing.
func (p *project) leftOf(ctx context.Context, scope cloud.Scope) ([]servers.Server, error) {
	q := p.servers(&p.held.left, 0)
	q.bears = func(servers.Server, string) bool { return true }
	q.pager = func(about []string) pagination.Pager { return servers.ListSimple(p.compute, p.tagged(about)) }
	return q.of(ctx, p, scope)
}

func (p *project) portsOf(ctx context.Context, scope cloud.Scope) ([]ports.Port, error) {
	return question[ports.Port]{
		asks: &p.held.ports, service: "Neutron", what: "ports", extract: ports.ExtractPorts,
		bears: func(v ports.Port, marked string) bool { return v.Description == marked },
		pager: func(about []string) pagination.Pager {
			return ports.List(p.network, p.described(about, "fixed_ips", "device_owner"))
		},
	}.of(ctx, p, scope)
}

func (p *project) networksOf(ctx context.Context, scope cloud.Scope) ([]networks.Network, error) {
	return question[networks.Network]{
		asks: &p.held.networks, service: "Neutron", what: "networks", extract: networks.ExtractNetworks,
		bears: func(v networks.Network, marked string) bool { return v.Description == marked },
		pager: func(about []string) pagination.Pager { return networks.List(p.network, p.described(about)) },
	}.of(ctx, p, scope)
}

func (p *project) subnetsOf(ctx context.Context, scope cloud.Scope) ([]subnets.Subnet, error) {
	return question[subnets.Subnet]{
		asks: &p.held.subnets, service: "Neutron", what: "subnets", extract: subnets.ExtractSubnets,
		bears: func(v subnets.Subnet, marked string) bool { return v.Description == marked },
		pager: func(about []string) pagination.Pager {
			return subnets.List(p.network, p.described(about, "network_id", "cidr", "gateway_ip"))
		},
	}.of(ctx, p, scope)
}

func (p *project) routersOf(ctx context.Context, scope cloud.Scope) ([]routers.Router, error) {
	return question[routers.Router]{
		asks: &p.held.routers, service: "Neutron", what: "routers", extract: routers.ExtractRouters,
		bears: func(v routers.Router, marked string) bool { return v.Description == marked },
		pager: func(about []string) pagination.Pager { return routers.List(p.network, p.described(about)) },
	}.of(ctx, p, scope)
}

// securityOf lists the cluster's security groups, without their rules.
func (p *project) securityOf(ctx context.Context, scope cloud.Scope) ([]securityGroup, error) {
	return p.security(&p.held.security).of(ctx, p, scope)
}

// rulesOf lists them with their rules, which Neutron has to fetch for each.
func (p *project) rulesOf(ctx context.Context, scope cloud.Scope) ([]securityGroup, error) {
	return p.security(&p.held.rules, "security_group_rules").of(ctx, p, scope)
}

func (p *project) security(asks *together.Asks[securityGroup], fields ...string) question[securityGroup] {
	return question[securityGroup]{
		asks: asks, service: "Neutron", what: "security groups", extract: groups.ExtractGroups,
		bears: func(v securityGroup, marked string) bool { return v.Description == marked },
		pager: func(about []string) pagination.Pager {
			query, _ := p.described(about, fields...).query()
			return pagination.NewPager(p.network, p.network.ServiceURL("security-groups")+query, func(r pagination.PageResult) pagination.Page {
				return groups.SecGroupPage{LinkedPageBase: pagination.LinkedPageBase{PageResult: r}}
			})
		},
	}
}

func (p *project) floatingOf(ctx context.Context, scope cloud.Scope) ([]floatingips.FloatingIP, error) {
	return question[floatingips.FloatingIP]{
		asks: &p.held.floating, service: "Neutron", what: "floating addresses", extract: floatingips.ExtractFloatingIPs,
		bears: func(v floatingips.FloatingIP, marked string) bool { return v.Description == marked },
		pager: func(about []string) pagination.Pager {
			return floatingips.List(p.network, p.described(about, "floating_ip_address", "fixed_ip_address", "port_id"))
		},
	}.of(ctx, p, scope)
}

// groupsOf lists the cluster's server groups. Nova cannot filter them.
func (p *project) groupsOf(ctx context.Context, scope cloud.Scope) ([]servergroups.ServerGroup, error) {
	return question[servergroups.ServerGroup]{
		asks: &p.held.groups, service: "Nova", what: "server groups", extract: servergroups.ExtractServerGroups,
		bears: func(v servergroups.ServerGroup, _ string) bool { return strings.HasPrefix(v.Name, mark.Prefix(scope)) },
		pager: func([]string) pagination.Pager {
			return servergroups.List(p.compute, servergroups.ListOpts{AllProjects: p.abroad})
		},
	}.of(ctx, p, scope)
}

// volumesOf lists the volumes of the cluster's machines. Cinder filters by one
// value of a key only.
func (p *project) volumesOf(ctx context.Context, scope cloud.Scope) ([]volumes.Volume, error) {
	if p.volume == nil {
		return nil, nil
	}
	return question[volumes.Volume]{
		asks: &p.held.volumes, service: "Cinder", what: "volumes", extract: volumes.ExtractVolumes,
		bears: func(v volumes.Volume, marked string) bool { return mark.Begins+v.Metadata[mark.KeyCluster] == marked },
		pager: func(about []string) pagination.Pager {
			opts := volumes.ListOpts{AllTenants: p.abroad, TenantID: p.tenant()}
			if len(about) == 1 {
				opts.Metadata = map[string]string{mark.KeyCluster: strings.TrimPrefix(about[0], mark.Begins)}
			}
			return volumes.List(p.volume, opts)
		},
	}.of(ctx, p, scope)
}

// balancersOf lists the cluster's load balancers. Octavia filters by one
// description only.
func (p *project) balancersOf(ctx context.Context, scope cloud.Scope) ([]octavia.LoadBalancer, error) {
	if p.balance == nil {
		return nil, nil
	}
	return question[octavia.LoadBalancer]{
		asks: &p.held.balanced, service: "Octavia", what: "load balancers", extract: loadbalancers.ExtractLoadBalancers,
		bears: func(v octavia.LoadBalancer, marked string) bool { return v.Description == marked },
		pager: func(about []string) pagination.Pager {
			opts := loadbalancers.ListOpts{ProjectID: p.id}
			if len(about) == 1 {
				opts.Description = about[0]
			}
			return loadbalancers.List(p.balance, opts)
		},
	}.of(ctx, p, scope)
}

// tenant is the project to ask about, if it is not that of the session.
func (p *project) tenant() string {
	if p.abroad {
		return p.id
	}
	return ""
}

// described asks Neutron for what has one of the descriptions, and of that only
// for what somebody reads: the rest costs it time. An administrator sees what
// others have, too.
type described url.Values

func (p *project) described(about []string, fields ...string) described {
	return described{"description": about, "project_id": {p.id}, "fields": append(fields, "id", "name", "description")}
}

func (d described) query() (string, error) { return "?" + url.Values(d).Encode(), nil }

func (d described) ToPortListQuery() (string, error)       { return d.query() }
func (d described) ToNetworkListQuery() (string, error)    { return d.query() }
func (d described) ToSubnetListQuery() (string, error)     { return d.query() }
func (d described) ToRouterListQuery() (string, error)     { return d.query() }
func (d described) ToFloatingIPListQuery() (string, error) { return d.query() }
