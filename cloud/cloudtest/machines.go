package cloudtest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

func ensureTwice(s *suite) {
	scope, network := s.cluster("twice")
	again, err := s.cloud.EnsureNetwork(s.ctx, scope, cloud.NetworkSpec{Name: scope.Name})
	s.must(err)
	s.same(again, network)
	spec := s.spec("twice-worker-0", network)
	first := s.ensure(scope, spec)
	s.eventuallyState(scope, spec.Name, cloud.Active)
	second := s.ensure(scope, spec)
	s.same([]string{second.ID, second.CloudID, second.Name, second.Address}, []string{spec.ID, first.CloudID, spec.Name, first.Address})
	s.same(len(s.machines(scope)), 1)
	s.same(s.list(scope), []string{"machine twice-worker-0", "network twice"})
	prefix, err := netip.ParsePrefix(network.CIDR)
	s.must(err)
	for _, text := range []string{first.Address, network.Gateway} {
		if address, err := netip.ParseAddr(text); err != nil || !prefix.Contains(address) {
			s.Errorf("the address %s is not in the network %s", text, network.CIDR)
		}
	}
}

func findAgain(s *suite) {
	scope, network := s.cluster("again")
	spec := s.spec("again-master-0", network)
	made := s.ensure(scope, spec)
	s.eventuallyState(scope, spec.Name, cloud.Active)
	before, list := s.machines(scope), s.list(scope)

	s.cloud = s.Open()
	s.same(s.machines(scope), before)
	s.same(s.list(scope), list)
	s.same(s.network(scope), network)
	s.same(s.ensure(scope, spec).Address, made.Address)
	s.same(s.list(scope), list)
}

func sideBySide(s *suite) {
	scope, network := s.cluster("side")
	const n = 3
	specs := make([]cloud.MachineSpec, n)
	for i := range specs {
		specs[i] = s.spec(fmt.Sprintf("side-worker-%d", i), network)
	}
	errs := make([]error, 2*n)
	var wait sync.WaitGroup
	for i := range errs { // each one twice, as after a job that was taken for lost
		wait.Go(func() { _, errs[i] = s.cloud.EnsureMachine(s.ctx, scope, specs[i%n]) })
	}
	wait.Wait()
	s.must(errors.Join(errs...))
	addresses := map[string]string{network.Gateway: "the gateway"}
	for name, machine := range s.machines(scope) {
		if other, taken := addresses[machine.Address]; taken {
			s.Errorf("%s and %s both have the address %s", name, other, machine.Address)
		}
		addresses[machine.Address] = name
	}
	s.same(len(addresses), n+1)
}

func addressStays(s *suite) {
	scope, network := s.cluster("stays")
	first, second := s.spec("stays-worker-0", network), s.spec("stays-worker-1", network)
	s.ensure(scope, first)
	address := s.ensure(scope, second).Address
	s.delete(scope, cloud.Object{Kind: jeroboam.KindMachine, Name: first.Name, ID: first.ID})
	s.same(s.ensure(scope, second).Address, address)
	s.same(s.machines(scope)[second.Name].Address, address)
}

func addressReuse(s *suite) {
	scope, network := s.cluster("reuse")
	old := s.spec("reuse-worker-0", network)
	s.ensure(scope, old)
	kept := s.ensure(scope, s.spec("reuse-worker-1", network))
	s.delete(scope, cloud.Object{Kind: jeroboam.KindMachine, Name: old.Name, ID: old.ID})
	replacement := s.ensure(scope, s.spec("reuse-worker-0", network)) // same name, another ID
	if replacement.ID == old.ID || replacement.Address == kept.Address {
		s.Errorf("the replacement is %+v beside %+v", replacement, kept)
	}
	// A late repeat of the first delete must not hit the replacement.
	s.delete(scope, cloud.Object{Kind: jeroboam.KindMachine, Name: old.Name, ID: old.ID})
	s.same(s.list(scope), []string{"machine reuse-worker-0", "machine reuse-worker-1", "network reuse"})
}

func deleteAbsent(s *suite) {
	scope := s.scope("absent")
	id := uuid.NewString()
	for _, object := range []cloud.Object{
		{Kind: jeroboam.KindMachine, Name: "absent-worker-0", ID: id, CloudID: id},
		{Kind: jeroboam.KindMachine, Name: "absent-worker-0"},
		{Kind: jeroboam.KindBalancer, Name: "absent"},
		{Kind: jeroboam.KindAddress, Name: "absent"},
		{Kind: jeroboam.KindNetwork, Name: "absent"},
	} {
		s.must(s.cloud.Delete(s.ctx, scope, object))
		s.must(s.cloud.Delete(s.ctx, scope, object))
	}
	s.same(s.list(scope), []string{})
	s.same(len(s.machines(scope)), 0)
}

func deleteByName(s *suite) {
	scope, network := s.cluster("name")
	s.ensure(scope, s.spec("name-worker-0", network))
	s.ensure(scope, s.spec("name-worker-1", network))
	s.delete(scope, cloud.Object{Kind: jeroboam.KindMachine, Name: "name-worker-0"})
	s.same(s.list(scope), []string{"machine name-worker-1", "network name"})
}

func listComplete(s *suite) {
	scope, network := s.cluster("complete")
	want := []string{"machine complete-master-0", "machine complete-worker-0", "network complete"}
	for _, name := range []string{"complete-master-0", "complete-worker-0"} {
		s.ensure(scope, s.spec(name, network))
	}
	if balancers, ok := s.balancers(); ok {
		_, err := balancers.EnsureBalancer(s.ctx, scope, cloud.BalancerSpec{Name: "complete-api", Network: network, Port: 6443})
		s.must(err)
		want = append([]string{"balancer complete-api"}, want...)
	}
	if addresses, ok := s.addresses(); ok {
		_, err := addresses.EnsureAddress(s.ctx, scope, cloud.AddressSpec{Name: "complete-api", Network: network})
		s.must(err)
		want = append([]string{"address complete-api"}, want...)
	}
	s.same(s.list(scope), want)
	s.empty(scope)
	s.same(s.list(scope), []string{})
	s.same(len(s.machines(scope)), 0)
}

func clustersApart(s *suite) {
	one, oneNetwork := s.cluster("one")
	two, twoNetwork := s.cluster("two")
	if oneNetwork.CIDR == twoNetwork.CIDR && oneNetwork.ID == twoNetwork.ID {
		s.Errorf("both clusters have the network %+v", oneNetwork)
	}
	kept := s.spec("same-worker-0", oneNetwork)
	s.ensure(one, kept)
	s.ensure(two, s.spec("same-worker-0", twoNetwork))
	s.same(s.list(one), []string{"machine same-worker-0", "network one"})
	// What is one cluster's is absent in the other.
	s.must(s.cloud.Delete(s.ctx, two, cloud.Object{Kind: jeroboam.KindMachine, Name: kept.Name, ID: kept.ID}))
	s.empty(two)
	s.same(s.list(two), []string{})
	s.same(s.list(one), []string{"machine same-worker-0", "network one"})
	s.eventuallyState(one, kept.Name, cloud.Active)
}

func (s *suite) stoppable() {
	s.Helper()
	if s.Stop == nil {
		s.Skip("machines of this cloud never stop by themselves")
	}
}

func restartStopped(s *suite) {
	s.stoppable()
	scope, network := s.cluster("stopped")
	spec := s.spec("stopped-worker-0", network)
	made := s.ensure(scope, spec)
	s.eventuallyState(scope, spec.Name, cloud.Active)
	s.Stop(made)
	s.eventuallyState(scope, spec.Name, cloud.Stopped)
	spec.UserData = func() ([]byte, error) { return nil, errors.New("asked for user-data a second time") }
	again := s.ensure(scope, spec)
	s.same([]string{again.ID, again.CloudID, again.Address}, []string{made.ID, made.CloudID, made.Address})
	s.eventuallyState(scope, spec.Name, cloud.Active)
	s.same(len(s.machines(scope)), 1)
}

func deleteStopped(s *suite) {
	s.stoppable()
	scope, network := s.cluster("off")
	spec := s.spec("off-worker-0", network)
	made := s.ensure(scope, spec)
	s.eventuallyState(scope, spec.Name, cloud.Active)
	s.Stop(made)
	s.eventuallyState(scope, spec.Name, cloud.Stopped)
	s.delete(scope, cloud.Object{Kind: jeroboam.KindMachine, Name: spec.Name, ID: spec.ID})
	s.same(s.list(scope), []string{"network off"})
}

func watchStopped(s *suite) {
	s.stoppable()
	watcher, ok := s.cloud.(cloud.Watcher)
	if !ok {
		s.Skip("this cloud does not watch")
	}
	scope, network := s.cluster("watched")
	spec := s.spec("watched-worker-0", network)
	made := s.ensure(scope, spec)
	s.eventuallyState(scope, spec.Name, cloud.Active)
	ctx, cancel := context.WithCancel(s.ctx)
	stopped := watcher.Watch(ctx)
	s.Stop(made)
	for told := false; !told; { // others on the cloud may lose machines of theirs
		select {
		case cluster, open := <-stopped:
			told = cluster == scope.Cluster
			if !open {
				s.Fatal("the watcher ended")
			}
		case <-s.ctx.Done():
			s.Fatal("the watcher said nothing")
		}
	}
	cancel()
	for range stopped { // ends because it is closed
	}
}

func userDataOnce(s *suite) {
	scope, network := s.cluster("data")
	spec := s.spec("data-worker-0", network)
	refused := jeroboam.Errorf(jeroboam.Unavailable, "vault", "The vault did not answer.")
	spec.UserData = func() ([]byte, error) { return nil, refused }
	_, err := s.cloud.EnsureMachine(s.ctx, scope, spec)
	s.kind(err, jeroboam.Unavailable)
	asked := 0
	spec.UserData = func() ([]byte, error) { asked++; return []byte(`{}`), nil }
	s.ensure(scope, spec)
	s.ensure(scope, spec)
	s.same(asked, 1)
}

func balancer(s *suite) {
	balancers, ok := s.balancers()
	if !ok {
		s.Skip("this cloud has no balancers")
	}
	scope, network := s.cluster("balanced")
	spec := cloud.BalancerSpec{Name: "balanced-api", Network: network, Port: 6443}
	first, err := balancers.EnsureBalancer(s.ctx, scope, spec)
	s.must(err)
	machine := s.ensure(scope, s.spec("balanced-master-0", network))
	if _, err := netip.ParseAddr(first.Address); err != nil || first.Address == machine.Address || first.Address == network.Gateway {
		s.Errorf("the balancer's address is %q beside %s and %s", first.Address, machine.Address, network.Gateway)
	}
	spec.Backends = []string{machine.Address}
	for range 2 {
		again, err := balancers.EnsureBalancer(s.ctx, scope, spec)
		s.must(err)
		s.same(again, first)
	}
	line := jeroboam.Resource{Kind: jeroboam.KindBalancer, Name: spec.Name, CloudID: first.CloudID,
		Attributes: map[string]string{cloud.AttributeAddress: first.Address, cloud.AttributePublic: first.Public}}
	s.stands(scope, line, true)
	s.same(s.list(scope), []string{"balancer balanced-api", "machine balanced-master-0", "network balanced"})
	s.delete(scope, cloud.Object{Kind: jeroboam.KindBalancer, Name: spec.Name, CloudID: first.CloudID})
	s.stands(scope, line, false)
	s.same(s.list(scope), []string{"machine balanced-master-0", "network balanced"})
}

func catalogue(s *suite) {
	c, ok := s.cloud.(cloud.Catalogue)
	if !ok {
		s.Skip("this cloud has no catalogue")
	}
	flavor, err := c.FindFlavor(s.ctx, s.Project, s.Flavor)
	s.must(err)
	byID, err := c.FindFlavor(s.ctx, s.Project, flavor.ID)
	s.must(err)
	s.same(byID, flavor)
	if flavor.VCPUs < 1 || flavor.MemoryMB < 1 {
		s.Errorf("the flavor has no size: %+v", flavor)
	}
	image, err := c.FindImage(s.ctx, s.Project, s.Image)
	s.must(err)
	if image.Distro == "" {
		s.Errorf("the image chooses no driver: %+v", image)
	}
	_, err = c.FindFlavor(s.ctx, s.Project, "none-such")
	s.unknown(err, s.Flavor)
	_, err = c.FindImage(s.ctx, s.Project, "none-such")
	s.unknown(err, s.Image)
	s.unknown(c.FindKeypair(s.ctx, s.Project, "user", "none-such"), "")
	s.unknown(c.FindNetwork(s.ctx, s.Project, "none-such", true), "")
	s.unknown(c.FindNetwork(s.ctx, s.Project, "none-such", false), "")
	s.unknown(c.FindSubnet(s.ctx, s.Project, "none-such"), "")
}

// unknown wants an error that names what was asked for and what exists.
func (s *suite) unknown(err error, exists string) {
	s.Helper()
	s.kind(err, jeroboam.NotFound)
	if err != nil && !(strings.Contains(err.Error(), "none-such") && strings.Contains(err.Error(), exists)) {
		s.Errorf("the error %q does not name what was asked for and %q", err, exists)
	}
}

func sweep(s *suite) {
	sweeper, ok := s.cloud.(cloud.Sweeper)
	if !ok {
		s.Skip("this cloud cannot list its clusters")
	}
	one, network := s.cluster("swept")
	s.ensure(one, s.spec("swept-worker-0", network))
	two, _ := s.cluster("other")
	scopes := func() []cloud.Scope {
		list, err := sweeper.Clusters(s.ctx)
		s.must(err)
		return list
	}
	for _, scope := range []cloud.Scope{one, two} {
		if !slices.Contains(scopes(), scope) {
			s.Errorf("%+v is not among %+v", scope, scopes())
		}
	}
	s.empty(one)
	left := scopes()
	if slices.ContainsFunc(left, func(scope cloud.Scope) bool { return scope.Cluster == one.Cluster }) {
		s.Errorf("%s is still among %+v", one.Cluster, left)
	}
}

func check(s *suite) {
	scope := s.scope("checked")
	spec := s.spec("checked-worker-0", cloud.Network{})
	s.must(s.cloud.Check(s.ctx, scope, cloud.Demand{Machines: []cloud.MachineSpec{spec}}))
	s.same(s.list(scope), []string{})
	if s.Full == nil {
		return
	}
	s.kind(s.cloud.Check(s.ctx, scope, *s.Full), jeroboam.QuotaExceeded)
}
