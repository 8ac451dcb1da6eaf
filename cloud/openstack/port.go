package openstack

import (
	"context"
	"regexp"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/floating"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/mark"
)

// ensurePort makes or finds the machine's port, with an address that Neutron
// chooses and that stays until the machine is deleted.
func (m machine) ensurePort(ctx context.Context) (ports.Port, error) {
	all, err := m.project.portsOf(ctx, m.scope)
	if err != nil {
		return ports.Port{}, err
	}
	name := mark.Port(m.spec)
	mine := slices.DeleteFunc(all, func(p ports.Port) bool { return p.Name != name })
	kept, extra := mark.First(mine, func(p ports.Port) string { return p.ID })
	for _, p := range extra {
		if err := m.project.dropPort(ctx, p); err != nil {
			return kept, err
		}
	}
	if kept.ID != "" {
		return kept, nil
	}
	groups, err := m.project.groupsFor(ctx, m.scope, m.spec.Role)
	if err != nil {
		return kept, err
	}
	opts := ports.CreateOpts{NetworkID: m.spec.Network.ID, Name: name, Description: mark.Of(m.scope), SecurityGroups: &groups}
	if m.spec.Network.Subnet != "" {
		opts.FixedIPs = []ports.IP{{SubnetID: m.spec.Network.Subnet}}
	}
	for _, network := range m.pairs() {
		opts.AllowedAddressPairs = append(opts.AllowedAddressPairs, ports.AddressPair{IPAddress: network})
	}
	made, err := m.project.makePort(ctx, opts)
	if err != nil {
		return kept, fault.Refuse("Neutron", "make the port of "+m.spec.Name, err)
	}
	if addressOf(*made) == "" {
		return kept, jeroboam.Errorf(jeroboam.Invalid, "address", "The port of %s has no IPv4 address.", m.spec.Name).
			WithRemedy("Choose a network with an IPv4 subnet.")
	}
	return *made, nil
}

// unguarded are Neutron's words for a port on a network where it enforces
// nothing, as networks of bare metal often are: there are no groups and no pairs.
var unguarded = regexp.MustCompile(`Port Security must be enabled`)

// makePort has Neutron make the port, with what it enforces there. Of ports that
// are made in bulk ML2 forgets the address pairs (Zed).
func (p *project) makePort(ctx context.Context, opts ports.CreateOpts) (*ports.Port, error) {
	made, err := ports.Create(ctx, p.network, opts).Extract()
	if err != nil && unguarded.MatchString(err.Error()) {
		opts.SecurityGroups, opts.AllowedAddressPairs = nil, nil
		made, err = ports.Create(ctx, p.network, opts).Extract()
	}
	return made, err
}

func addressOf(p ports.Port) string {
	if len(p.FixedIPs) == 0 {
		return ""
	}
	return p.FixedIPs[0].IPAddress
}

// portsHaving lists the ports of a network that have an address.
func (p *project) portsHaving(ctx context.Context, network, address string) ([]ports.Port, error) {
	pages, err := ports.List(p.network, ports.ListOpts{NetworkID: network, FixedIPs: []ports.FixedIPOpts{{IPAddress: address}}}).AllPages(ctx)
	if err != nil {
		return nil, fault.Refuse("Neutron", "list ports", err)
	}
	return ports.ExtractPorts(pages)
}

func (p *project) dropPort(ctx context.Context, port ports.Port) error {
	return fault.Gone("port "+port.Name, ports.Delete(ctx, p.network, port.ID).ExtractErr())
}

// publicOf is the floating address that leads to the machine's port, which gets
// one again that somebody took away. A server whose port is gone has none.
func (m machine) publicOf(ctx context.Context) (string, error) {
	all, err := m.project.portsOf(ctx, m.scope)
	if err != nil {
		return "", err
	}
	for _, p := range all {
		if p.Name == mark.Port(m.spec) {
			return m.project.ensureFloating(ctx, m.scope, m.spec.Public, p.ID, m.spec.Name)
		}
	}
	return "", nil
}

func (p *project) floating() floating.Neutron {
	return floating.Neutron{Client: p.network, External: p.external}
}

// ensureFloating gives a port of whose an address of the outside, if it shall
// have one.
func (p *project) ensureFloating(ctx context.Context, scope cloud.Scope, want cloud.Public, port, whose string) (string, error) {
	if !want.FloatingIP {
		return "", nil
	}
	have, err := p.floatingOf(ctx, scope)
	if err != nil {
		return "", err
	}
	return p.floating().Ensure(ctx, scope, want, floating.Port{ID: port, Whose: whose}, have)
}

// leadingTo is the cluster's floating address that leads to a port.
func (p *project) leadingTo(ctx context.Context, scope cloud.Scope, port string) (string, error) {
	have, err := p.floatingOf(ctx, scope)
	return floating.LeadingTo(port, have), err
}
