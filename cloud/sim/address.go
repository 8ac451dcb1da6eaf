package sim

import (
	"context"

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
			t.addresses[spec.Name] = cloud.Address{CloudID: "address-" + scope.Cluster, Address: t.address()}
		}
		out = t.addresses[spec.Name]
		return nil
	})
	return out, err
}
