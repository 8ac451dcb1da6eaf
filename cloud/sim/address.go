package sim

import (
	"cmp"
	"context"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// EnsureAddress keeps an address of the cluster's network free.
func (c *Cloud) EnsureAddress(ctx context.Context, scope cloud.Scope, spec cloud.AddressSpec) (cloud.Address, error) {
	var out cloud.Address
	err := c.do(ctx, Call{Name: "EnsureAddress", Cluster: scope.Cluster, Object: spec.Name}, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		t, err := c.networked(scope)
		if err != nil {
			return err
		}
		if _, ok := t.addresses[spec.Name]; !ok {
			if t.taken()[spec.Address] {
				return jeroboam.Errorf(jeroboam.Conflict, "address-taken", "The address %s is another's by now.", spec.Address).
					WithRemedy("Delete what has it; then the cluster takes it back by itself.")
			}
			t.addresses[spec.Name] = cloud.Address{CloudID: "address-" + scope.Cluster, Address: cmp.Or(spec.Address, t.address())}
		}
		out = t.addresses[spec.Name]
		return nil
	})
	return out, err
}

// FindAddress tells of the address.
func (c *Cloud) FindAddress(ctx context.Context, scope cloud.Scope, name string) (cloud.Address, error) {
	var out cloud.Address
	err := c.do(ctx, Call{Name: "FindAddress", Cluster: scope.Cluster, Object: name}, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if t := c.world[scope.Cluster]; t != nil && t.addresses[name].Address != "" {
			out = t.addresses[name]
			return nil
		}
		return jeroboam.Errorf(jeroboam.NotFound, "address", "There is no address %s.", name)
	})
	return out, err
}
