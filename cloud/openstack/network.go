package openstack

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
	"golang.org/x/sync/errgroup"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/mark"
)

// footing is what the machines of a cluster share. Of an existing network that
// is used nothing is ours but the security groups.
type footing struct {
	networks []networks.Network
	subnets  []subnets.Subnet
	routers  []routers.Router
	security []securityGroup
}

// footing finds by the mark what there is of it. security is securityOf, or
// rulesOf for who wants to know the groups' rules.
func (p *project) footing(ctx context.Context, scope cloud.Scope, security func(context.Context, cloud.Scope) ([]securityGroup, error)) (f footing, err error) {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { f.networks, err = p.networksOf(ctx, scope); return err })
	g.Go(func() (err error) { f.subnets, err = p.subnetsOf(ctx, scope); return err })
	g.Go(func() (err error) { f.routers, err = p.routersOf(ctx, scope); return err })
	g.Go(func() (err error) { f.security, err = security(ctx, scope); return err })
	return f, g.Wait()
}

// EnsureNetwork makes or finds the cluster's network, or looks up the existing
// one that was named, and makes or finds the security groups.
func (c *Cloud) EnsureNetwork(ctx context.Context, scope cloud.Scope, spec cloud.NetworkSpec) (cloud.Network, error) {
	return ensuring(ctx, c, scope, scope.Cluster, func(p *project) (cloud.Network, error) {
		return p.ensureNetwork(ctx, scope, spec)
	})
}

func (p *project) ensureNetwork(ctx context.Context, scope cloud.Scope, spec cloud.NetworkSpec) (n cloud.Network, err error) {
	have, err := p.footing(ctx, scope, p.rulesOf)
	if err != nil {
		return cloud.Network{}, err
	}
	var g errgroup.Group // neither gives up when the other fails: of what was given up nobody knows whether it will be made
	g.Go(func() (err error) {
		if spec.FixedNetwork != "" {
			n, err = p.existing(ctx, spec)
			return err
		}
		n, err = p.own(ctx, scope, spec, have)
		return err
	})
	g.Go(func() error { return p.ensureSecurity(ctx, scope, spec, have.security) })
	return n, g.Wait()
}

// own makes what a network of the cluster's own lacks.
func (p *project) own(ctx context.Context, scope cloud.Scope, spec cloud.NetworkSpec, have footing) (n cloud.Network, err error) {
	network, extra := mark.First(have.networks, func(n networks.Network) string { return n.ID })
	if network.ID == "" {
		made, err := networks.Create(ctx, p.network, networks.CreateOpts{Name: spec.Name, Description: mark.Of(scope)}).Extract()
		if err != nil {
			return n, fault.Refuse("Neutron", "make the network "+spec.Name, err)
		}
		network = *made
	}
	subnet, err := p.ensureSubnet(ctx, scope, spec, network.ID, have.subnets)
	if err != nil {
		return n, err
	}
	if err := p.ensureRouter(ctx, scope, spec, subnet, have.routers); err != nil {
		return n, err
	}
	for _, n := range extra {
		if err := p.dropNetwork(ctx, n); err != nil {
			return cloud.Network{}, err
		}
	}
	return cloud.Network{ID: network.ID, Subnet: subnet.ID, CIDR: subnet.CIDR, Gateway: subnet.GatewayIP}, nil
}

func (p *project) ensureSubnet(ctx context.Context, scope cloud.Scope, spec cloud.NetworkSpec, network string, have []subnets.Subnet) (subnets.Subnet, error) {
	of := slices.DeleteFunc(slices.Clone(have), func(s subnets.Subnet) bool { return s.NetworkID != network })
	if kept, _ := mark.First(of, func(s subnets.Subnet) string { return s.ID }); kept.ID != "" {
		return kept, nil // Neutron refuses a second one of the same CIDR
	}
	opts := subnets.CreateOpts{NetworkID: network, Name: spec.Name, Description: mark.Of(scope), IPVersion: gophercloud.IPv4,
		CIDR: labelSubnet.In(spec.Labels), DNSNameservers: nameservers(spec.DNSNameserver)}
	made, err := subnets.Create(ctx, p.network, opts).Extract()
	if err != nil {
		return subnets.Subnet{}, fault.Refuse("Neutron", "make the subnet "+spec.Name, err)
	}
	return *made, nil
}

func nameservers(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// ensureRouter leads the subnet out. A cloud without an external network gets a
// network without a way out.
func (p *project) ensureRouter(ctx context.Context, scope cloud.Scope, spec cloud.NetworkSpec, subnet subnets.Subnet, have []routers.Router) error {
	router, extra := mark.First(have, func(r routers.Router) string { return r.ID })
	if router.ID == "" {
		external, err := p.external(ctx, spec.ExternalNetwork)
		if err != nil || external == "" {
			return err
		}
		opts := routers.CreateOpts{Name: spec.Name, Description: mark.Of(scope), GatewayInfo: &routers.GatewayInfo{NetworkID: external}}
		made, err := routers.Create(ctx, p.network, opts).Extract()
		if err != nil {
			return fault.Refuse("Neutron", "make the router "+spec.Name, err)
		}
		return p.addInterface(ctx, *made, subnet)
	}
	for _, r := range extra {
		if err := p.dropRouter(ctx, r, nil); err != nil {
			return err
		}
	}
	return p.plug(ctx, router, subnet)
}

// plug leads the subnet to the router, unless it does already.
func (p *project) plug(ctx context.Context, router routers.Router, subnet subnets.Subnet) error {
	interfaces, err := p.interfaces(ctx, router.ID)
	if err != nil {
		return err
	}
	for _, port := range interfaces {
		if slices.ContainsFunc(port.FixedIPs, func(ip ports.IP) bool { return ip.SubnetID == subnet.ID }) {
			return nil
		}
	}
	return p.addInterface(ctx, router, subnet)
}

func (p *project) addInterface(ctx context.Context, router routers.Router, subnet subnets.Subnet) error {
	_, err := routers.AddInterface(ctx, p.network, router.ID, routers.AddInterfaceOpts{SubnetID: subnet.ID}).Extract()
	return fault.Refuse("Neutron", "lead the subnet to the router "+router.Name, err)
}

// interfaces are the ports of a router but that of its gateway.
func (p *project) interfaces(ctx context.Context, router string) ([]ports.Port, error) {
	pages, err := ports.List(p.network, ports.ListOpts{DeviceID: router}).AllPages(ctx)
	if err != nil {
		return nil, fault.Refuse("Neutron", "list the ports of a router", err)
	}
	all, err := ports.ExtractPorts(pages)
	return slices.DeleteFunc(all, func(p ports.Port) bool { return p.DeviceOwner == "network:router_gateway" }), err
}

// existing looks up a network that is somebody else's.
func (p *project) existing(ctx context.Context, spec cloud.NetworkSpec) (cloud.Network, error) {
	network, err := p.findNetwork(ctx, spec.FixedNetwork, false)
	if err != nil {
		return cloud.Network{}, err
	}
	all, err := p.subnetsIn(ctx, network.ID)
	if err != nil {
		return cloud.Network{}, err
	}
	for _, s := range all {
		wanted := spec.FixedSubnet == "" || s.ID == spec.FixedSubnet || s.Name == spec.FixedSubnet
		if prefix, err := netip.ParsePrefix(s.CIDR); wanted && err == nil && prefix.Addr().Is4() {
			return cloud.Network{ID: network.ID, Subnet: s.ID, CIDR: s.CIDR, Gateway: s.GatewayIP}, nil
		}
	}
	return cloud.Network{}, jeroboam.Errorf(jeroboam.Invalid, "fixed-subnet", "The network %s has no IPv4 subnet %s.", network.Name, spec.FixedSubnet).
		WithRemedy("Choose one of its subnets as fixed_subnet.")
}

func (p *project) subnetsIn(ctx context.Context, network string) ([]subnets.Subnet, error) {
	pages, err := subnets.List(p.network, subnets.ListOpts{NetworkID: network}).AllPages(ctx)
	if err != nil {
		return nil, fault.Refuse("Neutron", "list subnets", err)
	}
	return subnets.ExtractSubnets(pages)
}

// dropFooting removes all of it, from the outside in.
func (p *project) dropFooting(ctx context.Context, f footing) error {
	for _, r := range f.routers {
		if err := p.dropRouter(ctx, r, f.subnets); err != nil {
			return err
		}
	}
	for _, n := range f.networks {
		if err := p.dropNetwork(ctx, n); err != nil {
			return err
		}
	}
	for _, g := range f.security {
		if err := p.dropSecurity(ctx, g); err != nil {
			return err
		}
	}
	return nil
}

// dropRouter takes the subnets off a router that it is supposed to lead to, and
// whatever else is on it when Neutron says that something is.
func (p *project) dropRouter(ctx context.Context, r routers.Router, inside []subnets.Subnet) error {
	for _, s := range inside {
		_, err := routers.RemoveInterface(ctx, p.network, r.ID, routers.RemoveInterfaceOpts{SubnetID: s.ID}).Extract()
		if err != nil && !fault.Absent(err) {
			return fault.Refuse("Neutron", "take the network off the router "+r.Name, err)
		}
	}
	err := routers.Delete(ctx, p.network, r.ID).ExtractErr()
	if !fault.Busy(err) {
		return fault.Gone("router "+r.Name, err)
	}
	interfaces, err := p.interfaces(ctx, r.ID)
	if err != nil {
		return err
	}
	for _, port := range interfaces {
		_, err := routers.RemoveInterface(ctx, p.network, r.ID, routers.RemoveInterfaceOpts{PortID: port.ID}).Extract()
		if err != nil && !fault.Absent(err) {
			return fault.Refuse("Neutron", "take the network off the router "+r.Name, err)
		}
	}
	return fault.Gone("router "+r.Name, routers.Delete(ctx, p.network, r.ID).ExtractErr())
}

// dropNetwork removes a network; its subnets, and the ports that Neutron itself
// has put there, go with it.
func (p *project) dropNetwork(ctx context.Context, n networks.Network) error {
	return fault.Gone("network "+n.Name, networks.Delete(ctx, p.network, n.ID).ExtractErr())
}
