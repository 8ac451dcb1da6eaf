package openstack

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/loadbalancers"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/farewell"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/mark"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/octavia"
)

// EnsureBalancer implements cloud.Balancers with Octavia.
func (c *Cloud) EnsureBalancer(ctx context.Context, scope cloud.Scope, spec cloud.BalancerSpec) (cloud.Balancer, error) {
	return ensuring(ctx, c, scope, scope.Cluster+" "+jeroboam.KindBalancer, func(p *project) (cloud.Balancer, error) {
		return p.ensureBalancer(ctx, scope, spec)
	})
}

func (p *project) ensureBalancer(ctx context.Context, scope cloud.Scope, spec cloud.BalancerSpec) (cloud.Balancer, error) {
	if err := p.balances(); err != nil {
		return cloud.Balancer{}, err
	}
	have, err := p.balancersOf(ctx, scope)
	if err != nil {
		return cloud.Balancer{}, err
	}
	have = slices.DeleteFunc(have, func(b octavia.LoadBalancer) bool { return b.Name != spec.Name })
	b, err := p.octavia().Ensure(ctx, wishOf(scope, spec), have)
	if err != nil {
		return cloud.Balancer{}, err
	}
	out := cloud.Balancer{CloudID: b.ID, Address: b.VipAddress}
	out.Public, err = p.ensureFloating(ctx, scope, publicOf(spec), b.VipPortID, spec.Name)
	return out, err
}

// FindBalancer implements cloud.Balancers.
func (c *Cloud) FindBalancer(ctx context.Context, scope cloud.Scope, name string) (cloud.Balancer, error) {
	p, err := c.at(ctx, scope)
	if err != nil {
		return cloud.Balancer{}, err
	}
	have, err := p.balancersOf(ctx, scope)
	if err != nil {
		return cloud.Balancer{}, err
	}
	have = slices.DeleteFunc(have, func(b octavia.LoadBalancer) bool { return b.Name != name })
	b, _ := mark.First(have, func(b octavia.LoadBalancer) string { return b.ID })
	if b.ID == "" {
		return cloud.Balancer{}, jeroboam.Errorf(jeroboam.NotFound, "balancer", "Octavia has no load balancer %s.", name)
	}
	public, err := p.leadingTo(ctx, scope, b.VipPortID)
	return cloud.Balancer{CloudID: b.ID, Address: b.VipAddress, Public: public}, err
}

// balances says why there can be no balancers, nil if there can.
func (p *project) balances() error {
	if p.balance != nil {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Unsupported, "balancer", "The cloud has no load balancers: Keystone's catalogue has no endpoint of Octavia.").
		WithRemedy("Ask for one control-plane node and no load balancer.")
}

// mayBalance says before anything is made why there can be no balancer.
func (p *project) mayBalance(ctx context.Context, scope cloud.Scope) error {
	if err := p.balances(); err != nil {
		return err
	}
	_, err := p.balancersOf(ctx, scope) // who has no role is refused a list, too
	return err
}

func (p *project) octavia() octavia.Octavia {
	return octavia.Octavia{Client: p.balance, Habits: &p.held.habits}
}

// wishOf puts a balancer into Octavia's words. Its provider for OVN chooses
// members by one algorithm only.
func wishOf(scope cloud.Scope, spec cloud.BalancerSpec) octavia.Wish {
	w := octavia.Wish{Name: spec.Name, Mark: mark.Of(scope), Subnet: spec.Network.Subnet, Address: spec.Address, Port: spec.Port, Members: spec.Backends,
		Provider: spec.Labels[nameProvider], Monitored: !strings.EqualFold(spec.Labels[nameMonitor], "false")}
	usual := "ROUND_ROBIN"
	if w.Provider == "ovn" {
		usual = "SOURCE_IP_PORT"
	}
	w.Algorithm = cmp.Or(spec.Labels[nameAlgorithm], usual)
	if callers := callersOf(spec.Labels); len(callers) > 0 {
		w.Allowed = append(callers, spec.Network.CIDR)
	}
	return w
}

// publicOf is how the balancer is reached from outside: the label has the last
// word.
func publicOf(spec cloud.BalancerSpec) cloud.Public {
	public := spec.Public
	if said := labelBalancerPublic.In(spec.Labels); said != "" {
		public.FloatingIP = strings.EqualFold(said, "true")
	}
	return public
}

// deleteBalancer removes the floating address and the load balancer.
func (p *project) deleteBalancer(ctx context.Context, scope cloud.Scope, object cloud.Object) error {
	if p.balance == nil {
		return nil
	}
	return farewell.Of[octavia.LoadBalancer]{
		What:  "load balancer " + object.Name,
		Known: octavia.LoadBalancer{ID: object.CloudID, Name: object.Name},
		ID:    func(b octavia.LoadBalancer) string { return b.ID },
		List: func() ([]octavia.LoadBalancer, error) {
			all, err := p.balancersOf(ctx, scope)
			return slices.DeleteFunc(all, func(b octavia.LoadBalancer) bool { return b.Name != object.Name }), err
		},
		Drop: func(b octavia.LoadBalancer) error { return p.dropBalancer(ctx, scope, b) },
	}.UntilGone(ctx)
}

func (p *project) dropBalancer(ctx context.Context, scope cloud.Scope, b octavia.LoadBalancer) error {
	if b.VipPortID != "" {
		if err := p.deleteFloating(ctx, scope, b.VipPortID); err != nil {
			return err
		}
	}
	return p.octavia().Delete(ctx, b)
}

// seenBalancers are those of the cluster, none for who has no role that Octavia
// asks for: he has made none. One that somebody else made keeps Neutron from
// deleting the network, which tells of it.
func (p *project) seenBalancers(ctx context.Context, scope cloud.Scope) ([]octavia.LoadBalancer, error) {
	all, err := p.balancersOf(ctx, scope)
	if jeroboam.KindOf(err) == jeroboam.Forbidden && !fault.ShutOut(err) {
		return nil, nil
	}
	return all, err
}

// balancers are those that are there, each name once.
func (h holdings) balancers() []cloud.Object {
	out := []cloud.Object{}
	for _, b := range h.balanced {
		if !slices.ContainsFunc(out, func(o cloud.Object) bool { return o.Name == b.Name }) {
			out = append(out, cloud.Object{Kind: jeroboam.KindBalancer, Name: b.Name, CloudID: b.ID})
		}
	}
	return out
}

// markedBalancers tells of the balancers of all clusters.
func (p *project) markedBalancers(ctx context.Context, tell func(description, project, name string)) error {
	if p.balance == nil {
		return nil
	}
	pages, err := loadbalancers.List(p.balance, loadbalancers.ListOpts{}).AllPages(ctx)
	if err == nil {
		var all []octavia.LoadBalancer
		all, err = loadbalancers.ExtractLoadBalancers(pages)
		for _, b := range all {
			tell(b.Description, b.ProjectID, b.Name)
		}
	}
	if err = fault.Refuse("Octavia", "list load balancers", err); jeroboam.KindOf(err) == jeroboam.Forbidden && !fault.ShutOut(err) {
		return nil
	}
	return err
}
