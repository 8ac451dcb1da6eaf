// Package guard says whom the security groups of a cluster let in, and how
// their rules differ from that. It calls nobody.
package guard

import (
	"net/netip"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// Everywhere is the network of everybody.
const Everywhere = ""

// Callers are the networks from which the API is called besides by the
// cluster's own machines, whose common group lets them in. named are those that
// the user let call; none: all. An API that is reached by the agents' connections
// is called by nobody. inside reports whether the machines' network is to be added,
// because a balancer there calls in the callers' stead.
func Callers(spec cloud.NetworkSpec, named []string) (from []string, inside bool) {
	switch {
	case spec.APIPort == 0:
		return nil, false
	case jeroboam.APIAccess.In(spec.Labels) == jeroboam.APITunnel:
		return nil, spec.Balanced
	case len(named) > 0:
		return named, spec.Balanced
	}
	return []string{Everywhere}, false
}

// Machines let those of a group reach each other.
func Machines(group string) []rules.CreateOpts {
	return []rules.CreateOpts{{EtherType: rules.EtherType4, RemoteGroupID: group}, {EtherType: rules.EtherType6, RemoteGroupID: group}}
}

// API lets callers from some networks reach a port.
func API(port int, from []string) []rules.CreateOpts {
	var out []rules.CreateOpts
	for _, network := range from {
		rule := rules.CreateOpts{EtherType: rules.EtherType4, Protocol: rules.ProtocolTCP, PortRangeMin: port, PortRangeMax: port, RemoteIPPrefix: written(network)}
		if p, err := netip.ParsePrefix(network); err == nil && p.Addr().Is6() {
			rule.EtherType = rules.EtherType6
		}
		out = append(out, rule)
	}
	return out
}

// Lacking are the wanted rules that are not among those of a group.
func Lacking(have []rules.SecGroupRule, wanted []rules.CreateOpts) []rules.CreateOpts {
	return slices.DeleteFunc(slices.Clone(wanted), func(want rules.CreateOpts) bool {
		return slices.ContainsFunc(have, func(r rules.SecGroupRule) bool { return same(r, want) })
	})
}

// Idle are the rules of a group that let others than the wanted reach a port.
func Idle(have []rules.SecGroupRule, port int, wanted []rules.CreateOpts) []rules.SecGroupRule {
	return slices.DeleteFunc(slices.Clone(have), func(r rules.SecGroupRule) bool {
		about := r.Direction == string(rules.DirIngress) && r.RemoteGroupID == "" && r.PortRangeMin == port && r.PortRangeMax == port
		return !about || slices.ContainsFunc(wanted, func(want rules.CreateOpts) bool { return same(r, want) })
	})
}

func same(r rules.SecGroupRule, want rules.CreateOpts) bool {
	return r.Direction == string(rules.DirIngress) && r.EtherType == string(want.EtherType) && r.RemoteGroupID == want.RemoteGroupID &&
		r.Protocol == string(want.Protocol) && r.PortRangeMin == want.PortRangeMin && r.PortRangeMax == want.PortRangeMax &&
		written(r.RemoteIPPrefix) == written(want.RemoteIPPrefix)
}

// written is a network in one of the ways of writing it. Neutron takes that of
// everybody for none.
func written(network string) string {
	p, err := netip.ParsePrefix(network)
	switch {
	case err != nil:
		return network
	case p.Bits() == 0 && p.Addr().Is4():
		return Everywhere
	}
	return p.Masked().String()
}
