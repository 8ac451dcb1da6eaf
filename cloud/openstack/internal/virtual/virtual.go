// Package virtual keeps addresses that no machine has for good: each is a port
// of Neutron without a device. The ports of the machines that may take it have
// it as an allowed address pair.
package virtual

import (
	"context"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/mark"
)

// owner tells these ports from those of machines, which bear the same mark.
const owner = "jeroboam:address"

// Is reports whether a port is an address, and not a machine's.
func Is(p ports.Port) bool { return p.DeviceOwner == owner }

// Named are the addresses of a name among a cluster's ports.
func Named(name string, all []ports.Port) []ports.Port {
	return slices.DeleteFunc(slices.Clone(all), func(p ports.Port) bool { return !Is(p) || p.Name != name })
}

// Plugs makes and deletes ports.
type Plugs struct {
	Make func(context.Context, ports.CreateOpts) (*ports.Port, error)
	Drop func(context.Context, ports.Port) error
}

// Ensure makes the port or finds it among the cluster's. Of two, made because
// an answer was lost, the extra one goes.
func (n Plugs) Ensure(ctx context.Context, scope cloud.Scope, spec cloud.AddressSpec, groups []string, have []ports.Port) (ports.Port, error) {
	kept, extra := mark.First(Named(spec.Name, have), func(p ports.Port) string { return p.ID })
	for _, p := range extra {
		if err := n.Drop(ctx, p); err != nil {
			return kept, err
		}
	}
	if kept.ID != "" {
		return kept, nil
	}
	opts := ports.CreateOpts{NetworkID: spec.Network.ID, Name: spec.Name, Description: mark.Of(scope), DeviceOwner: owner, SecurityGroups: &groups}
	if spec.Network.Subnet != "" {
		opts.FixedIPs = []ports.IP{{SubnetID: spec.Network.Subnet}}
	}
	made, err := n.Make(ctx, opts)
	if err != nil {
		return kept, fault.Refuse("Neutron", "make the port of the API's address of "+scope.Name, err)
	}
	return *made, nil
}

// Objects are the addresses among a cluster's ports.
func Objects(all []ports.Port) []cloud.Object {
	var out []cloud.Object
	for _, p := range all {
		if Is(p) {
			out = append(out, cloud.Object{Kind: jeroboam.KindAddress, Name: p.Name, CloudID: p.ID})
		}
	}
	return out
}
