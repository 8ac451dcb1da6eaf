package engine

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// makeAddress has the cloud keep the address that the control-plane nodes hand
// on to each other.
func (t task) makeAddress(ctx context.Context) error {
	c := t.snap.Cluster
	addresses, ok := t.driver.Cloud.(cloud.Addresses)
	if !ok {
		return jeroboam.Errorf(jeroboam.Unsupported, "address", "The cloud has no virtual addresses.").
			WithRemedy("Make the cluster with a load balancer, or with one control-plane node.")
	}
	network, err := t.snap.Network()
	if err != nil {
		return err
	}
	spec := cloud.AddressSpec{Name: c.Name, Network: network, Public: cloud.PublicOf(c), Address: t.snap.VirtualAddress()}
	if line, ok := t.snap.Line(jeroboam.KindAddress); ok {
		spec.Public.Address = line.Attributes[cloud.AttributePublic]
	}
	if err := t.intended(ctx, jeroboam.KindAddress, c.Name); err != nil {
		return err
	}
	var a cloud.Address
	err = t.call(ctx, "ensure address", func() (err error) {
		a, err = addresses.EnsureAddress(ctx, t.scope(), spec)
		return err
	})
	if err != nil {
		return err
	}
	return t.commit(ctx, func(tx store.Tx) error {
		return t.run.ledger.Made(tx, c, jeroboam.KindAddress, c.Name, a.CloudID, map[string]string{cloud.AttributeAddress: a.Address, cloud.AttributePublic: a.Public})
	})
}
