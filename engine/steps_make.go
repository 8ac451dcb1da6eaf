package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/pki"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// makeAuthorities puts the cluster's secrets and authority keys into the vault
// and the authorities' certificates into the store. A key without its
// certificate, left by a crash, is made anew: nothing was signed with it.
func (t task) makeAuthorities(ctx context.Context) error {
	defer t.run.Pace.Work(ctx)()
	traits := t.driver.COE.Traits()
	made := make([]jeroboam.Authority, len(traits.Authorities))
	g, each := errgroup.WithContext(ctx) // side by side: the store writes them together
	for _, spec := range traits.Secrets {
		g.Go(func() error {
			_, err := t.run.Vault.Ensure(each, t.run.id, spec.Name, func() (jeroboam.Secret, error) { return newSecret(spec.Kind) })
			if err != nil {
				return fmt.Errorf("secret %s: %w", spec.Name, err)
			}
			return nil
		})
	}
	for i, name := range traits.Authorities {
		if _, ok := t.snap.Authority(name); ok {
			continue
		}
		g.Go(func() (err error) {
			if made[i], err = t.run.authorities.Make(each, t.snap.Cluster, name); err != nil {
				return fmt.Errorf("authority %s: %w", name, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	made = slices.DeleteFunc(made, func(a jeroboam.Authority) bool { return a.ID == "" })
	return t.commit(ctx, func(tx store.Tx) error { return putNew(tx, made) })
}

func newSecret(kind coe.SecretKind) (jeroboam.Secret, error) {
	switch kind {
	case coe.SigningKey:
		_, key, err := pki.NewKey()
		return key, err
	case coe.Random32:
		return pki.Random32(), nil
	}
	return "", jeroboam.Errorf(jeroboam.Internal, "secret", "The engine cannot make a secret of kind %q.", kind)
}

// putNew inserts copies, so that a transaction that runs again starts from the
// same values.
func putNew[T store.Noun](tx store.Tx, values []T) error {
	for _, v := range values {
		if err := store.Put(tx, &v); err != nil {
			return err
		}
	}
	return nil
}

func (t task) makeNetwork(ctx context.Context) error {
	if err := t.intended(ctx, jeroboam.KindNetwork, t.snap.Cluster.Name); err != nil {
		return err
	}
	c := t.snap.Cluster
	n, err := t.ensureNetwork(ctx)
	if err != nil {
		return err
	}
	return t.commit(ctx, func(tx store.Tx) error {
		return t.run.ledger.Made(tx, c, jeroboam.KindNetwork, t.snap.Cluster.Name, n.ID, n.Attributes())
	})
}

func (t task) ensureNetwork(ctx context.Context) (cloud.Network, error) {
	var n cloud.Network
	spec := cloud.NetworkOf(t.snap.Cluster, t.driver.COE.Traits().APIPort)
	spec.Balanced = plan.AddressOf(t.snap.Cluster, t.snap.Groups) == plan.OnBalancer
	err := t.call(ctx, "ensure network", func() (err error) {
		n, err = t.driver.Cloud.EnsureNetwork(ctx, t.scope(), spec)
		return err
	})
	return n, err
}

// ensureFooting ensures once more what machines that were made stand on: who
// has lost a machine may have lost that with it, as a host that was restarted.
func (t task) ensureFooting(ctx context.Context) error {
	if _, err := t.ensureNetwork(ctx); err != nil {
		return err
	}
	if _, ok := t.snap.Line(jeroboam.KindBalancer); !ok {
		return nil
	}
	_, err := t.ensureBalancer(ctx, t.snap.Backends())
	return err
}

func (t task) makeBalancer(ctx context.Context) error {
	if err := t.intended(ctx, jeroboam.KindBalancer, t.snap.Cluster.Name); err != nil {
		return err
	}
	b, err := t.ensureBalancer(ctx, t.snap.Backends())
	if err != nil {
		return err
	}
	return t.commit(ctx, func(tx store.Tx) error {
		return t.run.ledger.Made(tx, t.snap.Cluster, jeroboam.KindBalancer, t.snap.Cluster.Name, b.CloudID, map[string]string{
			cloud.AttributeAddress: b.Address, cloud.AttributePublic: b.Public})
	})
}

func (t task) setBackends(ctx context.Context) error {
	b, err := t.ensureBalancer(ctx, t.step.Backends)
	if err != nil {
		return err
	}
	return t.commit(ctx, func(tx store.Tx) error {
		return t.run.ledger.Made(tx, t.snap.Cluster, jeroboam.KindBalancer, t.snap.Cluster.Name, b.CloudID, map[string]string{
			cloud.AttributeAddress: b.Address, cloud.AttributePublic: b.Public, plan.BackendsAttribute: strings.Join(t.step.Backends, ",")})
	})
}

func (t task) ensureBalancer(ctx context.Context, backends []string) (cloud.Balancer, error) {
	balancers, ok := t.driver.Cloud.(cloud.Balancers)
	if !ok {
		return cloud.Balancer{}, jeroboam.Errorf(jeroboam.Unsupported, "balancer", "The cloud has no load balancers.").
			WithRemedy("Ask for one control-plane node and no load balancer.")
	}
	network, err := t.snap.Network()
	if err != nil {
		return cloud.Balancer{}, err
	}
	c := t.snap.Cluster
	spec := cloud.BalancerSpec{Name: c.Name, Network: network, Port: t.driver.COE.Traits().APIPort, Backends: backends, Labels: c.Spec.Labels,
		Public: cloud.PublicOf(c)}
	if line, ok := t.snap.Line(jeroboam.KindBalancer); ok {
		spec.Address, spec.Public.Address = line.Attributes[cloud.AttributeAddress], line.Attributes[cloud.AttributePublic]
	}
	var b cloud.Balancer
	err = t.call(ctx, "ensure balancer", func() (err error) {
		b, err = balancers.EnsureBalancer(ctx, t.scope(), spec)
		return err
	})
	return b, err
}
