package openstack

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

// ensureFloating gives the port an address of the outside, if it shall have one:
// that which leads to it, that which it had before and which leads nowhere now,
// or else a new one. whose names what has the port.
func (p *project) ensureFloating(ctx context.Context, scope cloud.Scope, want cloud.Public, port, whose string) (string, error) {
	if !want.FloatingIP {
		return "", nil
	}
	have, err := p.floatingOf(ctx, scope)
	if err != nil {
		return "", err
	}
	for _, f := range have {
		if f.PortID == port {
			return f.FloatingIP, nil
		}
	}
	for _, f := range have {
		if f.PortID == "" && f.FloatingIP == want.Address {
			err := floatingips.Update(ctx, p.network, f.ID, floatingips.UpdateOpts{PortID: &port}).Err
			return f.FloatingIP, fault.Refuse("Neutron", "lead the floating address "+f.FloatingIP+" to "+whose, err)
		}
	}
	return p.makeFloating(ctx, scope, want, port, whose)
}

// makeFloating makes a floating address that leads to the port, the one that it
// had before where Neutron lets the service choose.
func (p *project) makeFloating(ctx context.Context, scope cloud.Scope, public cloud.Public, port, whose string) (string, error) {
	external, err := p.external(ctx, public.ExternalNetwork)
	if err != nil {
		return "", err
	}
	if external == "" {
		return "", jeroboam.Errorf(jeroboam.Invalid, "external-network", "The cloud has no external network that %s could have a floating address of.", whose).
			WithRemedy("Make the cluster without floating addresses (floating_ip_enabled=false).")
	}
	opts := floatingips.CreateOpts{FloatingNetworkID: external, PortID: port, Description: mark.Of(scope), FloatingIP: public.Address}
	made, err := floatingips.Create(ctx, p.network, opts).Extract()
	if opts.FloatingIP != "" && unchosen(err) {
		opts.FloatingIP = ""
		made, err = floatingips.Create(ctx, p.network, opts).Extract()
	}
	if err != nil {
		return "", fault.Refuse("Neutron", "make a floating address for "+whose, err)
	}
	return made.FloatingIP, nil
}

// unchosen reports whether a floating address cannot be had: another has it, the
// network does not, or who asks may not choose.
func unchosen(err error) bool {
	return slices.ContainsFunc([]int{http.StatusBadRequest, http.StatusForbidden, http.StatusConflict},
		func(code int) bool { return gophercloud.ResponseCodeIs(err, code) })
}

// leadingTo is the floating address that leads to a port, the zero one if none
// does.
func (p *project) leadingTo(ctx context.Context, scope cloud.Scope, port string) (floatingips.FloatingIP, error) {
	have, err := p.floatingOf(ctx, scope)
	for _, f := range have {
		if f.PortID == port {
			return f, nil
		}
	}
	return floatingips.FloatingIP{}, err
}

func (p *project) dropFloating(ctx context.Context, f floatingips.FloatingIP) error {
	return fault.Gone("floating address "+f.FloatingIP, floatingips.Delete(ctx, p.network, f.ID).ExtractErr())
}
