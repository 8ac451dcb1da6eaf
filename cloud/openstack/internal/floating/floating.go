// Package floating leads addresses of the outside to ports of Neutron. It keeps
// no records: who calls it knows which of them are the cluster's.
package floating

import (
	"context"
	"net/http"
	"slices"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/mark"
)

// Address is one as Neutron shows it.
type Address = floatingips.FloatingIP

// Neutron is the service as a project sees it.
type Neutron struct {
	Client *gophercloud.ServiceClient
	// External is the ID of an external network, "": the cloud has none. The name
	// "" is that of the only one.
	External func(ctx context.Context, name string) (string, error)
}

// Port is what an address leads to.
type Port struct {
	ID    string
	Whose string // the name of what has it
}

// LeadingTo is the address that leads to a port, "" if none does.
func LeadingTo(port string, all []Address) string {
	for _, f := range all {
		if f.PortID == port {
			return f.FloatingIP
		}
	}
	return ""
}

// Ensure gives the port an address, one of the cluster's: that which leads to
// it, that which it had before and which leads nowhere now, or else a new one.
func (n Neutron) Ensure(ctx context.Context, scope cloud.Scope, want cloud.Public, port Port, have []Address) (string, error) {
	if leads := LeadingTo(port.ID, have); leads != "" {
		return leads, nil
	}
	for _, f := range have {
		if f.PortID == "" && f.FloatingIP == want.Address {
			err := floatingips.Update(ctx, n.Client, f.ID, floatingips.UpdateOpts{PortID: &port.ID}).Err
			return f.FloatingIP, fault.Refuse("Neutron", "lead the floating address "+f.FloatingIP+" to "+port.Whose, err)
		}
	}
	return n.make(ctx, scope, want, port)
}

// make makes the one that the port had before, where Neutron lets the service
// choose.
func (n Neutron) make(ctx context.Context, scope cloud.Scope, want cloud.Public, port Port) (string, error) {
	external, err := n.External(ctx, want.ExternalNetwork)
	if err != nil {
		return "", err
	}
	if external == "" {
		return "", jeroboam.Errorf(jeroboam.Invalid, "external-network", "The cloud has no external network that %s could have a floating address of.", port.Whose).
			WithRemedy("Make the cluster without floating addresses (floating_ip_enabled=false).")
	}
	opts := floatingips.CreateOpts{FloatingNetworkID: external, PortID: port.ID, Description: mark.Of(scope), FloatingIP: want.Address}
	made, err := floatingips.Create(ctx, n.Client, opts).Extract()
	if opts.FloatingIP != "" && unchosen(err) {
		opts.FloatingIP = ""
		made, err = floatingips.Create(ctx, n.Client, opts).Extract()
	}
	if err != nil {
		return "", fault.Refuse("Neutron", "make a floating address for "+port.Whose, err)
	}
	return made.FloatingIP, nil
}

// unchosen reports whether an address cannot be had: another has it, the network
// does not, or who asks may not choose.
func unchosen(err error) bool {
	return slices.ContainsFunc([]int{http.StatusBadRequest, http.StatusForbidden, http.StatusConflict},
		func(code int) bool { return gophercloud.ResponseCodeIs(err, code) })
}

// Drop deletes an address; absent is success.
func (n Neutron) Drop(ctx context.Context, f Address) error {
	return fault.Gone("floating address "+f.FloatingIP, floatingips.Delete(ctx, n.Client, f.ID).ExtractErr())
}
