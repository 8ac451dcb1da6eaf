package cloudtest

import (
	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// volumes are made once with their machine, found with it and gone with it.
func volumes(s *suite) {
	if !s.cloud.Capabilities().Volumes {
		s.Skip("this cloud has no volumes")
	}
	scope, network := s.cluster("laden")
	spec, other := s.spec("laden-master-0", network), s.spec("laden-master-1", network)
	spec.Volumes = []cloud.Volume{{Name: "etcd", SizeGB: 1, Lasts: true}, {Name: "containers", SizeGB: 1}}
	other.Volumes = spec.Volumes
	made := s.ensure(scope, spec)
	beside := s.ensure(scope, other)
	s.eventuallyState(scope, spec.Name, cloud.Active)
	s.eventuallyState(scope, other.Name, cloud.Active)
	serials := map[string]bool{}
	for _, m := range []cloud.Machine{made, beside} {
		for _, v := range spec.Volumes {
			serials[m.Volumes[v.Name]] = true
		}
	}
	if len(serials) != 4 || serials[""] {
		s.Errorf("the volumes of two machines are %v and %v", made.Volumes, beside.Volumes)
	}
	s.cloud = s.Open()
	s.same(s.ensure(scope, spec).Volumes, made.Volumes)
	s.same(s.machines(scope)[spec.Name].Volumes, made.Volumes)
	s.same(s.list(scope), []string{"machine laden-master-0", "machine laden-master-1", "network laden"})
	s.delete(scope, cloud.Object{Kind: jeroboam.KindMachine, Name: spec.Name, ID: spec.ID})
	s.same(s.machines(scope)[other.Name].Volumes, beside.Volumes)
	s.same(s.list(scope), []string{"machine laden-master-1", "network laden"})
}
