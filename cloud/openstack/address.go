package openstack

import (
	"context"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/mark"
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
	port, err := virtual.Plugs{Make: p.makePort, Drop: p.dropPort, Having: p.portsHaving}.Ensure(ctx, scope, spec, groups, have)
	if err != nil {
		return cloud.Address{}, err
	}
	public, err := p.ensureFloating(ctx, scope, spec.Public, port.ID, spec.Name)
	return cloud.Address{CloudID: port.ID, Address: addressOf(port), Public: public}, err
}

// FindAddress implements cloud.Addresses.
func (c *Cloud) FindAddress(ctx context.Context, scope cloud.Scope, name string) (cloud.Address, error) {
	p, err := c.at(ctx, scope)
	if err != nil {
		return cloud.Address{}, err
	}
	all, err := p.portsOf(ctx, scope)
	if err != nil {
		return cloud.Address{}, err
	}
	port, _ := mark.First(virtual.Named(name, all), portID)
	if port.ID == "" {
		return cloud.Address{}, jeroboam.Errorf(jeroboam.NotFound, "address", "Neutron has no port of the address %s.", name)
	}
	public, err := p.leadingTo(ctx, scope, port.ID)
	return cloud.Address{CloudID: port.ID, Address: addressOf(port), Public: public}, err
}

func portID(p ports.Port) string { return p.ID }

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
