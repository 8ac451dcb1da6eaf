package cloudtest

import (
	"slices"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// dependents makes two clusters of one name make things for themselves, and
// deletes those of one.
func dependents(s *suite) {
	c, ok := s.cloud.(cloud.Dependents)
	if !ok || s.Beget == nil {
		s.Skip("in this cloud clusters make nothing for themselves")
	}
	scope, network := s.cluster("parent")
	other, otherNetwork := s.cluster("parent")
	s.same(s.dependents(c, scope), []string{})
	s.Beget(scope, network)
	s.Beget(other, otherNetwork)
	want := s.dependents(c, other)
	mine := s.dependents(c, scope)
	if len(mine) == 0 || len(mine) != len(want) {
		s.Fatalf("of what both made alike %q is listed of the one, %q of the other", mine, want)
	}
	s.same(s.list(scope), []string{"network parent"}) // it is not what was made for the cluster
	found, err := c.Dependents(s.ctx, scope)
	s.must(err)
	for _, d := range found {
		if !jeroboam.MadeByCluster(d.Kind) || d.Name == "" || d.CloudID == "" {
			s.Errorf("listed is %+v", d)
		}
		if jeroboam.HoldsData(d.Kind) != (d.SizeGB > 0) {
			s.Errorf("%s %s has %d GB", d.Kind, d.Name, d.SizeGB)
		}
	}
	s.part(scope, found)
	s.same(s.dependents(c, scope), []string{})
	s.same(s.dependents(c, other), want)
	for _, d := range found { // absent is success
		s.must(s.cloud.Delete(s.ctx, scope, d.Object))
	}
	s.delete(scope, cloud.Object{Kind: jeroboam.KindNetwork, Name: scope.Name})
	left, err := c.Dependents(s.ctx, other)
	s.must(err)
	s.part(other, left)
}

// part deletes them in the order that the contract asks for.
func (s *suite) part(scope cloud.Scope, all []cloud.Dependent) {
	s.Helper()
	for _, kind := range jeroboam.KindsMadeByCluster() {
		for _, d := range all {
			if d.Kind == kind {
				s.delete(scope, d.Object)
			}
		}
	}
}

// dependents names what the cluster has made for itself: "kind of".
func (s *suite) dependents(c cloud.Dependents, scope cloud.Scope) []string {
	s.Helper()
	all, err := c.Dependents(s.ctx, scope)
	s.must(err)
	names := []string{}
	for _, d := range all {
		names = append(names, d.Kind+" "+d.Of)
	}
	slices.Sort(names)
	return names
}
