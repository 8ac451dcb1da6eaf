package openstack

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/virtual"
)

// EnsureAddress keeps an address that the machines may take whose ports have it
// as an allowed address pair.
func (c *Cloud) EnsureAddress(ctx context.Context, scope cloud.Scope, spec cloud.AddressSpec) (cloud.Address, error) {
	return ensuring(ctx, c, scope, scope.Cluster+" "+jeroboam.KindAddress, func(p *project) (cloud.Address, error) {
		return p.ensureAddress(ctx, scope, spec)
	})
}

func (p *project) ensureAddress(ctx context.Context, scope cloud.Scope, spec cloud.AddressSpec) (cloud.Address, error) {
	have, err := p.portsOf(ctx, scope)
	if err != nil {
		return cloud.Address{}, err
	}
	groups, err := p.groupsFor(ctx, scope, jeroboam.RoleMaster)
	if err != nil {
		return cloud.Address{}, err
	}
	port, err := virtual.Plugs{Make: p.makePort, Drop: p.dropPort}.Ensure(ctx, scope, spec, groups, have)
	if err != nil {
		return cloud.Address{}, err
	}
	public, err := p.ensureFloating(ctx, scope, spec.Public, port)
	return cloud.Address{CloudID: port.ID, Address: addressOf(port), Public: public}, err
}

func (p *project) deleteAddress(ctx context.Context, scope cloud.Scope, object cloud.Object) error {
	all, err := p.portsOf(ctx, scope)
	if err != nil {
		return err
	}
	for _, port := range virtual.Named(object.Name, all) {
		if err := p.deletePort(ctx, scope, port); err != nil {
			return err
		}
	}
	return nil
}
