// Package cloudtest is what every cloud must do, as tests. A cloud that passes
// may stand in for another anywhere.
package cloudtest

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// Harness is one cloud to test, empty at first.
type Harness struct {
	// Open returns a new value on the same cloud: what a service finds that was
	// killed and started again. It is called at least once.
	Open func() cloud.Cloud
	// Stop makes a machine stop running as a crash would. nil: this cloud's
	// machines never stop by themselves.
	Stop func(machine cloud.Machine)
	// Flavor and Image are names in the catalogue.
	Flavor, Image string
	// Patience is how long one test may take; 0: a minute.
	Patience time.Duration
	// Look is how long a test waits before it asks again; 0: 5 milliseconds. A cloud
	// that is asked all the time comes to nothing else.
	Look time.Duration
	// Project is where everything is made; "": a made-up one for each cluster.
	Project string
	// Full, if the cloud has a limit that the test can meet, is a demand beyond it.
	Full *cloud.Demand
	// Beget makes, as a cluster would for itself, one of each kind that the cloud
	// has, the same for each cluster. nil: clusters make nothing here.
	Beget func(scope cloud.Scope, network cloud.Network)
}

// Run tests the cloud; open makes a fresh, empty one for each test.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	tests := []struct {
		name string
		run  func(*suite)
	}{
		{"what is ensured twice exists once", ensureTwice},
		{"a new value on the same cloud finds everything", findAgain},
		{"machines ensured side by side have different addresses", sideBySide},
		{"an address stays with its machine", addressStays},
		{"a freed address is used again, a taken one is not", addressReuse},
		{"deleting what is not there succeeds", deleteAbsent},
		{"a machine is deleted by its name alone", deleteByName},
		{"list tells everything, and nothing after delete", listComplete},
		{"clusters are apart", clustersApart},
		{"a stopped machine is told of and started again", restartStopped},
		{"a stopped machine is deleted", deleteStopped},
		{"a watcher tells of a machine that stopped", watchStopped},
		{"user-data is asked for once, and its error stops the machine", userDataOnce},
		{"a balancer keeps its address when its backends change", balancer},
		{"an address is kept from machines and found again", address},
		{"a credential is ensured once, and two live side by side", credentials},
		{"volumes are made with their machine, found with it and gone with it", volumes},
		{"what a cluster made for itself is found and told from another's", dependents},
		{"the catalogue finds what exists and names it when asked for another", catalogue},
		{"a sweep lists every cluster that has something", sweep},
		{"check lets pass what fits and refuses what does not", check},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := open(t)
			s := &suite{T: t, Harness: h, cloud: h.Open()}
			defer s.within(s.sweepAll) // however the test ends
			s.within(func() { test.run(s) })
		})
	}
}

// suite is one test on one cloud.
type suite struct {
	*testing.T
	Harness
	ctx    context.Context
	cloud  cloud.Cloud
	scopes []cloud.Scope
}

// within gives a part of the test its time.
func (s *suite) within(do func()) {
	ctx, cancel := context.WithTimeout(s.Context(), cmp.Or(s.Patience, time.Minute))
	defer cancel()
	s.ctx = ctx
	do()
}

// scope makes a cluster's scope that nobody else has.
func (s *suite) scope(name string) cloud.Scope {
	scope := cloud.Scope{Cluster: uuid.NewString(), Project: cmp.Or(s.Project, "project-of-"+name), Name: name}
	s.scopes = append(s.scopes, scope)
	return scope
}

// cluster makes a scope with its network.
func (s *suite) cluster(name string) (cloud.Scope, cloud.Network) {
	s.Helper()
	scope := s.scope(name)
	return scope, s.network(scope)
}

func (s *suite) network(scope cloud.Scope) cloud.Network {
	s.Helper()
	network, err := s.cloud.EnsureNetwork(s.ctx, scope, cloud.NetworkSpec{Name: scope.Name})
	s.must(err)
	return network
}

// spec describes a machine; its ID is new.
func (s *suite) spec(name string, network cloud.Network) cloud.MachineSpec {
	s.Helper()
	id := uuid.NewString()
	spec := cloud.MachineSpec{
		ID: id, Name: name, Role: jeroboam.RoleWorker, Network: network,
		Flavor: jeroboam.Flavor{ID: "test", Name: "test", VCPUs: 1, MemoryMB: 256},
		Image:  jeroboam.Image{ID: s.Image, Name: s.Image},
		UserData: func() ([]byte, error) {
			return fmt.Appendf(nil, `{"machine":%q,"token":"once"}`, id), nil
		},
	}
	if c, ok := s.cloud.(cloud.Catalogue); ok {
		var err error
		spec.Flavor, err = c.FindFlavor(s.ctx, s.Project, s.Flavor)
		s.must(err)
		spec.Image, err = c.FindImage(s.ctx, s.Project, s.Image)
		s.must(err)
	}
	return spec
}

func (s *suite) ensure(scope cloud.Scope, spec cloud.MachineSpec) cloud.Machine {
	s.Helper()
	machine, err := s.cloud.EnsureMachine(s.ctx, scope, spec)
	s.must(err)
	return machine
}

// machines lists the cluster's machines by name.
func (s *suite) machines(scope cloud.Scope) map[string]cloud.Machine {
	s.Helper()
	list, err := s.cloud.Machines(s.ctx, scope)
	s.must(err)
	byName := map[string]cloud.Machine{}
	for _, machine := range list {
		if _, twice := byName[machine.Name]; twice {
			s.Errorf("the machine %s is listed twice", machine.Name)
		}
		byName[machine.Name] = machine
	}
	return byName
}

// eventually asks again until the answer is yes: clouds may take their time.
func (s *suite) eventually(what string, yes func() bool) {
	s.Helper()
	ticker := time.NewTicker(cmp.Or(s.Look, 5*time.Millisecond))
	defer ticker.Stop()
	for !yes() {
		select {
		case <-s.ctx.Done():
			s.Fatalf("waited in vain until %s", what)
		case <-ticker.C:
		}
	}
}

func (s *suite) eventuallyState(scope cloud.Scope, name string, states ...cloud.MachineState) {
	s.Helper()
	s.eventually(fmt.Sprintf("%s is %v", name, states), func() bool {
		return slices.Contains(states, s.machines(scope)[name].State)
	})
}

func (s *suite) balancers() (cloud.Balancers, bool) {
	s.Helper()
	return offered[cloud.Balancers](s, s.cloud.Capabilities().Balancers)
}

func (s *suite) addresses() (cloud.Addresses, bool) {
	s.Helper()
	return offered[cloud.Addresses](s, s.cloud.Capabilities().Addresses)
}

// offered finds a part of the contract that not every cloud has; the
// capabilities must say the same.
func offered[T any](s *suite, said bool) (T, bool) {
	s.Helper()
	part, ok := s.cloud.(T)
	if ok != said {
		s.Errorf("Capabilities say %+v, but that it is a %s is %v", s.cloud.Capabilities(), reflect.TypeFor[T](), ok)
	}
	return part, ok
}

// delete asks until the object is gone, as the contract lets a cloud answer.
func (s *suite) delete(scope cloud.Scope, object cloud.Object) {
	s.Helper()
	s.eventually(fmt.Sprintf("%v is deleted", object), func() bool {
		err := s.cloud.Delete(s.ctx, scope, object)
		if e, ok := jeroboam.AsError(err); ok && e.Kind == jeroboam.Unavailable && e.Reason == "deleting" {
			return false
		}
		s.must(err)
		return true
	})
}

// list names the cluster's objects: "kind name".
func (s *suite) list(scope cloud.Scope) []string {
	s.Helper()
	objects, err := s.cloud.List(s.ctx, scope)
	s.must(err)
	names := []string{}
	for _, object := range objects {
		names = append(names, object.Kind+" "+object.Name)
	}
	slices.Sort(names)
	return names
}

// empty deletes all that the cloud lists for the cluster, in the order of a
// service: what stands on a network before that.
func (s *suite) empty(scope cloud.Scope) {
	s.Helper()
	objects, err := s.cloud.List(s.ctx, scope)
	s.must(err)
	slices.SortStableFunc(objects, func(a, b cloud.Object) int {
		return strings.Compare(a.Kind, b.Kind) // address, balancer, machine, network
	})
	for _, object := range objects {
		s.delete(scope, object)
	}
}

// sweepAll leaves the cloud as it was found, whatever failed.
func (s *suite) sweepAll() {
	for _, scope := range s.scopes {
		s.empty(scope)
		s.same(s.list(scope), []string{})
	}
}

func (s *suite) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *suite) same(got, want any) {
	s.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		s.Errorf("got  %s\nwant %s", g, w)
	}
}

// kind checks the kind of an error, and that it says something.
func (s *suite) kind(err error, want jeroboam.Kind) {
	s.Helper()
	e, ok := jeroboam.AsError(err)
	if !ok {
		s.Errorf("got the error %v, want one of the kind %s", err, want)
		return
	}
	if e.Kind != want || e.Detail == "" || e.Reason == "" {
		s.Errorf("got %+v, want the kind %s with a reason and a detail", *e, want)
	}
}
