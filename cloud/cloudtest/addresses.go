package cloudtest

import (
	"errors"
	"net/netip"
	"sync"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

func address(s *suite) {
	addresses, ok := s.addresses()
	if !ok {
		s.Skip("this cloud has no virtual addresses")
	}
	scope, network := s.cluster("virtual")
	spec := cloud.AddressSpec{Name: "virtual-api", Network: network}
	made, errs := make([]cloud.Address, 2), make([]error, 2)
	var wait sync.WaitGroup
	for i := range made { // as after a job that was taken for lost
		wait.Go(func() { made[i], errs[i] = addresses.EnsureAddress(s.ctx, scope, spec) })
	}
	wait.Wait()
	s.must(errors.Join(errs...))
	first := made[0]
	s.same(made[1], first)
	machine := s.spec("virtual-master-0", network)
	machine.Routed = []string{first.Address}
	has := s.ensure(scope, machine).Address
	inside, err := netip.ParsePrefix(network.CIDR)
	s.must(err)
	if a, err := netip.ParseAddr(first.Address); err != nil || !inside.Contains(a) || first.Address == has || first.Address == network.Gateway {
		s.Errorf("the address is %q beside %s and %s, in %s", first.Address, has, network.Gateway, network.CIDR)
	}
	s.same(s.list(scope), []string{"address virtual-api", "machine virtual-master-0", "network virtual"})
	s.cloud = s.Open()
	addresses, _ = s.addresses()
	again, err := addresses.EnsureAddress(s.ctx, scope, spec)
	s.must(err)
	s.same(again, first)
	for range 2 {
		s.delete(scope, cloud.Object{Kind: jeroboam.KindAddress, Name: spec.Name, CloudID: first.CloudID})
	}
	s.same(s.list(scope), []string{"machine virtual-master-0", "network virtual"})
}
