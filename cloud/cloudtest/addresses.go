package cloudtest

import (
	"errors"
	"net/netip"
	"strings"
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
	s.comesBack(addresses, scope, spec, first)
	for range 2 {
		s.delete(scope, cloud.Object{Kind: jeroboam.KindAddress, Name: spec.Name, CloudID: first.CloudID})
	}
	s.same(s.list(scope), []string{"machine virtual-master-0", "network virtual"})
}

// comesBack loses an address as a person would who deletes what it is, and has
// it made again; but not while it is another's.
func (s *suite) comesBack(addresses cloud.Addresses, scope cloud.Scope, spec cloud.AddressSpec, first cloud.Address) {
	s.Helper()
	line := jeroboam.Resource{Kind: jeroboam.KindAddress, Name: spec.Name, CloudID: first.CloudID,
		Attributes: map[string]string{cloud.AttributeAddress: first.Address, cloud.AttributePublic: first.Public}}
	s.stands(scope, line, true)
	lost := cloud.Object{Kind: line.Kind, Name: line.Name, CloudID: line.CloudID}
	s.delete(scope, lost)
	s.stands(scope, line, false)
	spec.Address = first.Address
	thief := spec
	thief.Name = "virtual-thief"
	_, err := addresses.EnsureAddress(s.ctx, scope, thief)
	s.must(err)
	_, err = addresses.EnsureAddress(s.ctx, scope, spec)
	if e, ok := jeroboam.AsError(err); !ok || e.Kind != jeroboam.Conflict || !strings.Contains(e.Detail, first.Address) || e.Remedy == "" {
		s.Errorf("while another has the address: %v", err)
	}
	s.delete(scope, cloud.Object{Kind: lost.Kind, Name: thief.Name})
	again, err := addresses.EnsureAddress(s.ctx, scope, spec)
	s.must(err)
	s.same(again.Address, first.Address)
	line.CloudID = again.CloudID
	s.stands(scope, line, true)
}

// stands wants the cloud to say so of a line of the ledger, or that it does not.
func (s *suite) stands(scope cloud.Scope, line jeroboam.Resource, want bool) {
	s.Helper()
	got, err := cloud.Stands(s.ctx, s.cloud, scope, line)
	s.must(err)
	if got != want {
		s.Errorf("the %s %s stands as %+v: %v", line.Kind, line.Name, line, got)
	}
}
