// Package virtual keeps addresses that no machine has for good: each is a port
// of Neutron without a device. The ports of the machines that may take it have
// it as an allowed address pair.
package virtual

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
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

// Plugs makes, deletes and looks for ports.
type Plugs struct {
	Make func(context.Context, ports.CreateOpts) (*ports.Port, error)
	Drop func(context.Context, ports.Port) error
	// Having lists the ports of a network that have an address, as far as they
	// are seen.
	Having func(ctx context.Context, network, address string) ([]ports.Port, error)
}

// Ensure makes the port or finds it among the cluster's. Of two, made because
// an answer was lost, the extra one goes. One that is made again gets the
// address that it had, or none: machines may take that one, and certificates
// name it.
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
		opts.FixedIPs = []ports.IP{{SubnetID: spec.Network.Subnet, IPAddress: spec.Address}}
	}
	made, err := n.Make(ctx, opts)
	switch {
	case err != nil && spec.Address != "" && given.MatchString(err.Error()):
		return kept, n.taken(ctx, scope, spec, err)
	case err != nil:
		return kept, fault.Refuse("Neutron", "make the port of the API's address of "+scope.Name, err)
	}
	return *made, nil
}

// given are Neutron's words for an address that a port has.
var given = regexp.MustCompile(`IpAddressAlreadyAllocated|IpAddressInUse|already allocated|is in use`)

// taken tells who has the address by now.
func (n Plugs) taken(ctx context.Context, scope cloud.Scope, spec cloud.AddressSpec, cause error) error {
	who, remedy := "a port that the service does not see", "Have the operator of the cloud delete the port that has it"
	all, err := n.Having(ctx, spec.Network.ID, spec.Address)
	if err == nil && len(all) > 0 {
		p := all[0]
		who, remedy = fmt.Sprintf("the port %s (%s, %s)", cmp.Or(p.Name, "without a name"), p.ID, cmp.Or(p.DeviceOwner, "of no device")), "Delete that port, or give it another address"
		if machine, _ := mark.PortOwner(p.Name); p.Description == mark.Of(scope) {
			who, remedy = "the cluster's own machine "+machine, "Remove that machine (resize with nodes_to_remove)"
		}
	}
	return jeroboam.Errorf(jeroboam.Conflict, "address-taken", "The port of the API's address %s was deleted, and %s has the address by now.", spec.Address, who).
		WithRemedy("%s; then the cluster takes its address back by itself.", remedy).Wrap(cause)
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
