package openstack_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/listeners"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

// TestARealVirtualAddressComesBackAsItWas: whatever of it somebody takes away by
// hand. Who calls it, has it in a certificate, or may take it notices nothing.
func TestARealVirtualAddressComesBackAsItWas(t *testing.T) {
	testbed.Long(t)
	s := open(t)
	life, neutron := s.life("virtual", s.cloud()), s.Neutron(s.Operator.Project)
	network := life.network()
	spec := cloud.AddressSpec{Name: "virtual", Network: network, Public: cloud.Public{FloatingIP: true}}
	was := again(life, func(ctx context.Context) (cloud.Address, error) {
		return life.cloud.EnsureAddress(ctx, life.scope, spec)
	})
	machine := life.spec("virtual-master-0", network)
	machine.Routed = append(machine.Routed, was.Address)
	if _, err := life.ensure(machine); err != nil {
		t.Fatal(err)
	}
	spec.Address, spec.Public.Address = was.Address, was.Public
	same := func(what string) {
		t.Helper()
		if found, err := life.cloud.FindAddress(t.Context(), life.scope, spec.Name); found == was {
			t.Errorf("%s: nothing is noticed (%v)", what, err)
		}
		is, err := life.cloud.EnsureAddress(t.Context(), life.scope, spec)
		if err != nil || is.Address != was.Address || is.Public != was.Public {
			t.Errorf("%s: it was %+v and is %+v (%v)", what, was, is, err)
		}
		if found, err := life.cloud.FindAddress(t.Context(), life.scope, spec.Name); err != nil || found != is {
			t.Errorf("%s: made %+v, found %+v (%v)", what, is, found, err)
		}
		was = is
	}
	drop := func(port string) {
		t.Helper()
		if err := ports.Delete(t.Context(), neutron, port).ExtractErr(); err != nil {
			t.Fatal(err)
		}
	}
	drop(was.CloudID)
	same("its port was deleted")
	all := life.portsOf(neutron, network.ID)
	if !slices.ContainsFunc(all, func(p ports.Port) bool {
		return strings.HasPrefix(p.Name, machine.Name+"/") && slices.ContainsFunc(p.AllowedAddressPairs, func(a ports.AddressPair) bool { return a.IPAddress == was.Address })
	}) {
		t.Errorf("the machine may not take the address: %+v", all)
	}

	drop(was.CloudID)
	thief, err := ports.Create(t.Context(), neutron, ports.CreateOpts{NetworkID: network.ID, Name: "thief", ProjectID: s.project,
		FixedIPs: []ports.IP{{SubnetID: network.Subnet, IPAddress: was.Address}}}).Extract()
	if err != nil {
		t.Fatal(err)
	}
	_, err = life.cloud.EnsureAddress(t.Context(), life.scope, spec)
	if e, ok := jeroboam.AsError(err); !ok || e.Kind != jeroboam.Conflict || !strings.Contains(e.Detail, was.Address) || !strings.Contains(e.Detail, "thief ("+thief.ID) {
		t.Errorf("with the address taken: %v", err)
	}
	drop(thief.ID)
	same("another had its address")

	floating := life.floatingOf(neutron, was.Public)
	if err := floatingips.Update(t.Context(), neutron, floating, floatingips.UpdateOpts{PortID: new(string)}).Err; err != nil {
		t.Fatal(err)
	}
	same("its floating address was led away")
	if err := floatingips.Delete(t.Context(), neutron, floating).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	is, err := life.cloud.EnsureAddress(t.Context(), life.scope, spec)
	if err != nil || is.CloudID != was.CloudID || is.Public == "" {
		t.Errorf("after its floating address was deleted: %+v (%v)", is, err)
	}
	t.Logf("the floating address was %s and is %s", was.Public, is.Public)
	life.clear()
}

func (l life) portsOf(neutron *gophercloud.ServiceClient, network string) []ports.Port {
	l.Helper()
	pages, err := ports.List(neutron, ports.ListOpts{NetworkID: network}).AllPages(l.Context())
	if err != nil {
		l.Fatal(err)
	}
	all, err := ports.ExtractPorts(pages)
	if err != nil {
		l.Fatal(err)
	}
	return all
}

// floatingOf is the ID of a floating address.
func (l life) floatingOf(neutron *gophercloud.ServiceClient, address string) string {
	l.Helper()
	pages, err := floatingips.List(neutron, floatingips.ListOpts{FloatingIP: address}).AllPages(l.Context())
	if err != nil {
		l.Fatal(err)
	}
	all, err := floatingips.ExtractFloatingIPs(pages)
	if err != nil || len(all) != 1 {
		l.Fatalf("%d floating addresses are %s (%v)", len(all), address, err)
	}
	return all[0].ID
}

// TestARealListenerThatSomebodyChangedIsSetRight: the next time that it is asked
// for, whether it lets in too many or too few.
func TestARealListenerThatSomebodyChangedIsSetRight(t *testing.T) {
	testbed.Long(t)
	s := open(t)
	life := s.life("callers", s.cloud())
	network := life.network()
	octavia := s.Octavia(s.name)
	spec := cloud.BalancerSpec{Name: "callers", Network: network, Port: 6443, Labels: map[string]string{"master_lb_allowed_cidrs": "192.0.2.0/24"}}
	wanted := []string{"192.0.2.0/24", network.CIDR}
	b := again(life, func(ctx context.Context) (cloud.Balancer, error) {
		return life.cloud.EnsureBalancer(ctx, life.scope, spec)
	})
	listener := func() listeners.Listener {
		t.Helper()
		pages, err := listeners.List(octavia, listeners.ListOpts{LoadbalancerID: b.CloudID}).AllPages(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all, err := listeners.ExtractListeners(pages)
		if err != nil || len(all) != 1 {
			t.Fatalf("there are the listeners %+v (%v)", all, err)
		}
		slices.Sort(all[0].AllowedCIDRs)
		return all[0]
	}
	slices.Sort(wanted)
	for _, by := range [][]string{{"0.0.0.0/0"}, {}, {"192.0.2.0/24"}} {
		l := listener()
		if !slices.Equal(l.AllowedCIDRs, wanted) {
			t.Errorf("it lets in %v, want %v", l.AllowedCIDRs, wanted)
		}
		if err := listeners.Update(t.Context(), octavia, l.ID, listeners.UpdateOpts{AllowedCIDRs: &by}).Err; err != nil {
			t.Fatal(err)
		}
		again(life, func(ctx context.Context) (cloud.Balancer, error) {
			return life.cloud.EnsureBalancer(ctx, life.scope, spec)
		})
	}
	if l := listener(); !slices.Equal(l.AllowedCIDRs, wanted) {
		t.Errorf("it lets in %v, want %v", l.AllowedCIDRs, wanted)
	}
	life.clear()
}

// TestARealAPIIsOpenToWhoMayCallItAlone: also where the group was made for
// everybody.
func TestARealAPIIsOpenToWhoMayCallItAlone(t *testing.T) {
	testbed.Long(t)
	s := open(t)
	life, neutron := s.life("guarded", s.cloud()), s.Neutron(s.Operator.Project)
	tunnel := map[string]string{"api_access": "tunnel"}
	for _, step := range []struct {
		what string
		spec cloud.NetworkSpec
		want []string // sources of the rules about the API's port; nil: there is no group
	}{
		{"a tunnel", cloud.NetworkSpec{Labels: tunnel}, nil},
		{"everybody", cloud.NetworkSpec{}, []string{""}},
		{"some by a balancer, of everybody's ways of writing", cloud.NetworkSpec{Balanced: true, Labels: map[string]string{"master_lb_allowed_cidrs": "192.0.2.9/24,2001:db8::/32"}},
			[]string{"10.0.0.0/24", "192.0.2.0/24", "2001:db8::/32"}},
		{"everybody by name", cloud.NetworkSpec{Labels: map[string]string{"master_lb_allowed_cidrs": "0.0.0.0/0"}}, []string{""}},
		{"a tunnel with a balancer", cloud.NetworkSpec{Labels: tunnel, Balanced: true}, []string{"10.0.0.0/24"}},
		{"a tunnel, after all that", cloud.NetworkSpec{Labels: tunnel}, []string{}},
	} {
		step.spec.Name, step.spec.APIPort = life.scope.Name, 6443
		for range 2 { // the second time nothing is done
			again(life, func(ctx context.Context) (cloud.Network, error) {
				return life.cloud.EnsureNetwork(ctx, life.scope, step.spec)
			})
		}
		if got := life.sources(neutron, life.scope.Name+"-api"); !slices.Equal(got, step.want) || (got == nil) != (step.want == nil) {
			t.Errorf("%s: got %q, want %q", step.what, got, step.want)
		}
	}
	life.clear()
}

// sources are those of the rules by which a group of the project lets in the
// API's callers, nil if there is no such group.
func (l life) sources(neutron *gophercloud.ServiceClient, name string) []string {
	l.Helper()
	pages, err := groups.List(neutron, groups.ListOpts{Name: name, ProjectID: l.project}).AllPages(l.Context())
	if err != nil {
		l.Fatal(err)
	}
	all, err := groups.ExtractGroups(pages)
	if err != nil {
		l.Fatal(err)
	}
	if len(all) == 0 {
		return nil
	}
	out := []string{}
	for _, r := range all[0].Rules {
		if r.Direction == "ingress" {
			out = append(out, r.RemoteIPPrefix)
		}
	}
	slices.Sort(out)
	return out
}
