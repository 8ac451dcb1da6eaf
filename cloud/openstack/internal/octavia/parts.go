package octavia

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/listeners"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/loadbalancers"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/monitors"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/pools"

	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/pace"
)

// tree is what Octavia tells of a load balancer and its parts in one call.
type tree struct {
	Statuses struct {
		LoadBalancer struct {
			part
			Listeners []listener
		}
	}
}

type part struct {
	ID     string
	Status string `json:"provisioning_status"`
}

type listener struct {
	part
	Pools []pool
}

type pool struct {
	part
	Monitor part `json:"health_monitor"`
	Members []struct {
		Address string
		Port    int `json:"protocol_port"`
	}
}

// first are the listener and the pool, zero if there is none.
func (t tree) first() (l listener, p pool) {
	if all := t.Statuses.LoadBalancer.Listeners; len(all) > 0 {
		l = all[0]
	}
	if len(l.Pools) > 0 {
		p = l.Pools[0]
	}
	return l, p
}

// pending reports whether the load balancer is said to be done before its parts
// are.
func (t tree) pending() bool {
	l, p := t.first()
	return t.Statuses.LoadBalancer.Status == active && slices.ContainsFunc([]part{l.part, p.part, p.Monitor},
		func(p part) bool { return strings.HasPrefix(p.Status, "PENDING") })
}

// grace is how long parts may take after their load balancer: OVN's provider
// makes them one by one.
const grace = 20 * time.Second

// look shows the parts, once they are done or have had their time.
func (o Octavia) look(ctx context.Context, b LoadBalancer) (t tree, err error) {
	for until := time.Now().Add(grace); ; {
		t = tree{}
		if err := loadbalancers.GetStatuses(ctx, o.Client, b.ID).ExtractInto(&t); err != nil {
			return t, fault.Refuse("Octavia", "show the parts of the load balancer "+b.Name, err)
		}
		if !t.pending() || time.Now().After(until) {
			return t, nil
		}
		if pace.Pause(ctx, between) != nil {
			return t, underWay(b)
		}
	}
}

// complete makes the first of the parts that the load balancer lacks, or sets
// its members or its listener right; changes is false when there is nothing to do.
func (o Octavia) complete(ctx context.Context, want Wish, b LoadBalancer) (changes bool, err error) {
	t, err := o.look(ctx, b)
	if err != nil {
		return false, err
	}
	if t.Statuses.LoadBalancer.Status != active { // the other answer was an older one
		return true, nil
	}
	l, p := t.first()
	if err := o.whole(ctx, want, b, l.part, p.part, p.Monitor); err != nil {
		return false, err
	}
	switch {
	case l.ID == "":
		opts := want.listener()
		opts.LoadbalancerID = b.ID
		return true, fault.Refuse("Octavia", "make the listener of "+want.Name, listeners.Create(ctx, o.Client, opts).Err)
	case p.ID == "":
		opts := want.pool()
		opts.ListenerID = l.ID
		return true, fault.Refuse("Octavia", "make the pool of "+want.Name, pools.Create(ctx, o.Client, opts).Err)
	case p.Monitor.ID == "" && want.Monitored:
		opts := want.monitor()
		opts.PoolID = p.ID
		return true, fault.Refuse("Octavia", "make the health monitor of "+want.Name, monitors.Create(ctx, o.Client, opts).Err)
	case !want.served(p):
		return true, fault.Refuse("Octavia", "set the members of "+want.Name, pools.BatchUpdateMembers(ctx, o.Client, p.ID, want.members()).Err)
	}
	return o.admit(ctx, want, l.ID)
}

// admit has the listener take calls from whom it should, and from nobody else:
// somebody may have changed that by hand.
func (o Octavia) admit(ctx context.Context, want Wish, listener string) (changes bool, err error) {
	l, err := listeners.Get(ctx, o.Client, listener).Extract()
	if err != nil {
		return false, fault.Refuse("Octavia", "show the listener of "+want.Name, err)
	}
	var opts listeners.UpdateOpts
	if !l.AdminStateUp {
		up := true
		opts.AdminStateUp = &up
	}
	if !sameNetworks(l.AllowedCIDRs, want.Allowed) {
		allowed := append([]string{}, want.Allowed...) // none is no limit
		opts.AllowedCIDRs = &allowed
	}
	if opts == (listeners.UpdateOpts{}) {
		return false, nil
	}
	return true, fault.Refuse("Octavia", "say who may call "+want.Name, listeners.Update(ctx, o.Client, listener, opts).Err)
}

// sameNetworks compares them as sets, however they are written.
func sameNetworks(a, b []string) bool { return slices.Equal(networks(a), networks(b)) }

func networks(all []string) []string {
	var out []string
	for _, text := range all {
		if p, err := netip.ParsePrefix(text); err == nil {
			text = p.Masked().String()
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// whole discards a load balancer of which a part failed, or that was made
// without the parts that it was asked for with: some providers say nothing of
// those that they leave out, and nobody ever finishes them.
func (o Octavia) whole(ctx context.Context, want Wish, b LoadBalancer, parts ...part) error {
	for _, p := range parts {
		switch {
		case p.Status == failed:
			return o.discard(ctx, b, "A part (%s) of the load balancer %s (%s) is in the state ERROR.", p.ID, b.Name, b.ID)
		case p.Status == "PENDING_CREATE":
			o.Habits.note(want.Provider)
			return o.discard(ctx, b, "Octavia's provider left out a part (%s) of the load balancer %s (%s).", p.ID, b.Name, b.ID)
		}
	}
	return nil
}

// served reports whether the pool has the wanted members, and no others.
func (w Wish) served(p pool) bool {
	var have []string
	for _, m := range p.Members {
		if m.Port != w.Port {
			return false
		}
		have = append(have, m.Address)
	}
	want := slices.Clone(w.Members)
	slices.Sort(have)
	slices.Sort(want)
	return slices.Equal(have, want)
}

// bare is a load balancer without parts.
func (w Wish) bare() loadbalancers.CreateOpts {
	return loadbalancers.CreateOpts{Name: w.Name, Description: w.Mark, VipSubnetID: w.Subnet, VipAddress: w.Address, Provider: w.Provider}
}

// whole is a load balancer with all its parts.
func (w Wish) whole() loadbalancers.CreateOpts {
	opts, l, p := w.bare(), w.listener(), w.pool()
	if w.Monitored {
		p.Monitor = w.monitor()
	}
	for _, m := range w.Members {
		p.Members = append(p.Members, pools.CreateMemberOpts{Address: m, ProtocolPort: w.Port, SubnetID: w.Subnet})
	}
	l.DefaultPool = &p
	opts.Listeners = []listeners.CreateOpts{l}
	return opts
}

func (w Wish) listener() listeners.CreateOpts {
	return listeners.CreateOpts{Name: w.Name, Description: w.Mark, Protocol: listeners.ProtocolTCP, ProtocolPort: w.Port, AllowedCIDRs: w.Allowed}
}

func (w Wish) pool() pools.CreateOpts {
	return pools.CreateOpts{Name: w.Name, Description: w.Mark, Protocol: pools.ProtocolTCP, LBMethod: pools.LBMethod(w.Algorithm)}
}

// monitor asks for a connection: all providers can do that.
func (w Wish) monitor() monitors.CreateOpts {
	return monitors.CreateOpts{Name: w.Name, Type: monitors.TypeTCP, Delay: 5, Timeout: 3, MaxRetries: 2, MaxRetriesDown: 3}
}

func (w Wish) members() []pools.BatchUpdateMemberOpts {
	all := []pools.BatchUpdateMemberOpts{}
	for _, m := range w.Members {
		all = append(all, pools.BatchUpdateMemberOpts{Address: m, ProtocolPort: w.Port, SubnetID: &w.Subnet})
	}
	return all
}
