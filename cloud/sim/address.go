package sim

import (
	"context"
	"maps"
	"slices"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// EnsureAddress keeps an address of the cluster's network free.
func (c *Cloud) EnsureAddress(ctx context.Context, scope cloud.Scope, spec cloud.AddressSpec) (cloud.Address, error) {
	var out cloud.Address
	err := c.do(ctx, Call{Name: "EnsureAddress", Cluster: scope.Cluster, Object: spec.Name}, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		t := c.tenant(scope)
		if t.network == nil {
			c.tidy(scope.Cluster)
			return noNetwork()
		}
		if _, ok := t.addresses[spec.Name]; !ok {
			t.addresses[spec.Name] = cloud.Address{CloudID: "address-" + scope.Cluster, Address: t.address()}
		}
		out = t.addresses[spec.Name]
		return nil
	})
	return out, err
}

func (t *tenant) heldAddresses() []cloud.Object {
	if t == nil {
		return nil
	}
	var out []cloud.Object
	for _, name := range slices.Sorted(maps.Keys(t.addresses)) {
		out = append(out, cloud.Object{Kind: jeroboam.KindAddress, Name: name, CloudID: t.addresses[name].CloudID})
	}
	return out
}
