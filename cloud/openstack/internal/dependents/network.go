package dependents

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/loadbalancers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/pagination"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
)

// What the cloud controller manager calls things. A load balancer is
// "kube_service_<cluster>_<namespace>_<name>", cut off at 255 characters, and
// bears that as a tag for each Service that shares it.
const (
	balancerNames = "kube_service_"
	groupNames    = "lb-sg-" // then the Service's UID, namespace and name
	groupOf       = "Security Group for "
	groupIn       = " Service LoadBalancer in cluster "
	addressOf     = "Floating IP for Kubernetes external service "
	addressIn     = " from cluster "
)

func (a *Asks) listBalancers(ctx context.Context, p Project, cluster string) ([]cloud.Dependent, error) {
	if p.Balancer == nil {
		return nil, nil
	}
	all, err := every(ctx, &a.balancers, "Octavia", "load balancers", func() pagination.Pager {
		return loadbalancers.List(p.Balancer, loadbalancers.ListOpts{ProjectID: p.ID})
	}, loadbalancers.ExtractLoadBalancers)
	var out []cloud.Dependent
	for _, b := range all {
		if of, ours := balancerOf(b, cluster); ours {
			d := dependent(jeroboam.KindLoadBalancer, b.Name, b.ID)
			d.Of = of
			out = append(out, d)
		}
	}
	return out, err
}

// balancerOf tells whether a balancer is the cluster's alone, and of which
// Service. Services of other clusters may share it.
func balancerOf(b loadbalancers.LoadBalancer, cluster string) (service string, ours bool) {
	begins := balancerNames + cluster + "_"
	service, ours = strings.CutPrefix(b.Name, begins)
	shared := slices.ContainsFunc(b.Tags, func(tag string) bool {
		return strings.HasPrefix(tag, balancerNames) && !strings.HasPrefix(tag, begins)
	})
	// Neither a namespace nor a Service has an underscore in its name.
	return strings.Replace(service, "_", "/", 1), ours && !shared
}

func (a *Asks) listAddresses(ctx context.Context, p Project, cluster string) ([]cloud.Dependent, error) {
	all, err := every(ctx, &a.addresses, "Neutron", "floating addresses", func() pagination.Pager {
		return floatingips.List(p.Network, floatingips.ListOpts{ProjectID: p.ID})
	}, floatingips.ExtractFloatingIPs)
	var out []cloud.Dependent
	for _, f := range all {
		if of, ours := between(f.Description, addressOf, addressIn+cluster); ours {
			d := dependent(jeroboam.KindFloatingAddress, f.FloatingIP, f.ID)
			d.Of = of
			out = append(out, d)
		}
	}
	return out, err
}

func (a *Asks) listGroups(ctx context.Context, p Project, cluster string) ([]cloud.Dependent, error) {
	all, err := every(ctx, &a.groups, "Neutron", "security groups", func() pagination.Pager {
		return pagination.NewPager(p.Network, p.Network.ServiceURL("security-groups")+"?"+url.Values{"project_id": {p.ID}, "fields": {"id", "name", "description"}}.Encode(), func(r pagination.PageResult) pagination.Page {
			return groups.SecGroupPage{LinkedPageBase: pagination.LinkedPageBase{PageResult: r}}
		})
	}, groups.ExtractGroups)
	var out []cloud.Dependent
	for _, g := range all {
		if of, ours := between(g.Description, groupOf, groupIn+cluster); ours && strings.HasPrefix(g.Name, groupNames) {
			d := dependent(jeroboam.KindSecurityGroup, g.Name, g.ID)
			d.Of = of
			out = append(out, d)
		}
	}
	return out, err
}

// between is what stands in a text between how it begins and how it ends.
func between(text, begins, ends string) (string, bool) {
	rest, begun := strings.CutPrefix(text, begins)
	middle, ended := strings.CutSuffix(rest, ends)
	return middle, begun && ended
}

func listPorts(ctx context.Context, p Project, mark string, networks []string) ([]cloud.Dependent, error) {
	all, err := portsOn(ctx, p, mark, networks)
	var out []cloud.Dependent
	for _, port := range all {
		if port.DeviceID == "" && port.DeviceOwner == "" {
			out = append(out, dependent(jeroboam.KindPort, port.Name, port.ID))
		}
	}
	return out, err
}

// Others tells who else has a port on the networks: what is attached there and
// is not the cluster's, in words; and whether there are ports of load balancers
// that are on their way out, which Octavia takes away by itself.
func Others(ctx context.Context, p Project, mark string, networks []string) (others []string, leaving bool, err error) {
	all, err := portsOn(ctx, p, mark, networks)
	if err != nil {
		return nil, false, err
	}
	staying, err := p.staying(ctx, mark, all)
	for _, port := range all {
		switch {
		case port.DeviceOwner == ownerOctavia && !slices.ContainsFunc(staying, func(id string) bool { return strings.HasSuffix(port.Name, id) || strings.HasSuffix(port.DeviceID, id) }):
			leaving = true
		case port.DeviceID != "" || port.DeviceOwner != "":
			others = append(others, strings.TrimSpace("port "+port.ID+" of "+port.DeviceOwner+" "+port.DeviceID))
		}
	}
	return others, leaving, err
}

// ownerOctavia owns the port of a load balancer's address, whose device is
// "lb-<ID>" and whose name ends in the ID, too.
const ownerOctavia = "Octavia"

// staying are the IDs of the load balancers that stay, if there are ports of any:
// not the cluster's own, and not what somebody has deleted.
func (p Project) staying(ctx context.Context, mark string, all []ports.Port) (ids []string, err error) {
	if p.Balancer == nil || !slices.ContainsFunc(all, func(port ports.Port) bool { return port.DeviceOwner == ownerOctavia }) {
		return nil, nil
	}
	pages, err := loadbalancers.List(p.Balancer, loadbalancers.ListOpts{ProjectID: p.ID}).AllPages(ctx)
	if err != nil {
		return nil, fault.Refuse("Octavia", "list load balancers", err)
	}
	have, err := loadbalancers.ExtractLoadBalancers(pages)
	for _, b := range have {
		if b.Description != mark && !strings.HasSuffix(b.ProvisioningStatus, "DELETE") {
			ids = append(ids, b.ID)
		}
	}
	return ids, err
}

// portsOn are those on the networks that neither bear the mark nor are Neutron's
// own, whosever they are.
func portsOn(ctx context.Context, p Project, mark string, networks []string) ([]ports.Port, error) {
	if len(networks) == 0 {
		return nil, nil
	}
	pages, err := ports.List(p.Network, onNetworks(networks)).AllPages(ctx)
	if err != nil {
		return nil, fault.Refuse("Neutron", "list the ports of a network", err)
	}
	all, err := ports.ExtractPorts(pages)
	return slices.DeleteFunc(all, func(port ports.Port) bool {
		return port.Description == mark || strings.HasPrefix(port.DeviceOwner, "network:")
	}), err
}

type onNetworks []string

func (n onNetworks) ToPortListQuery() (string, error) {
	return "?" + url.Values{"network_id": n, "fields": {"id", "name", "description", "device_id", "device_owner"}}.Encode(), nil
}
