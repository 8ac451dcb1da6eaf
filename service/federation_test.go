package service_test

import (
	"slices"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/identity"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

func federate(t *testing.T, s *service.Service, r service.FederationRequest) jeroboam.Federation {
	t.Helper()
	f, err := s.CreateFederation(t.Context(), olga, r)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestAClusterThatGoesLeavesItsFederationsAtOnce(t *testing.T) {
	h, _ := house(t)
	one, two := create(t, h, service.ClusterRequest{Name: "one"}), create(t, h, service.ClusterRequest{Name: "two"})
	member := federate(t, h.Service, service.FederationRequest{Name: "members", Members: []string{"one", two.ID}})
	host := federate(t, h.Service, service.FederationRequest{Name: "hosted", Host: "one", Members: []string{"two"}})
	apart := federate(t, h.Service, service.FederationRequest{Name: "apart", Members: []string{"two"}})
	if err := h.Service.DeleteCluster(t.Context(), olga, one.ID, ""); err != nil {
		t.Fatal(err)
	}
	for _, f := range []jeroboam.Federation{member, host, apart} {
		got, err := h.Service.Federation(t.Context(), olga, f.ID)
		if err != nil || got.Host != "" || !slices.Equal(got.Members, []string{two.ID}) || len(got.Clusters) != 1 {
			t.Errorf("%s: %+v, %v", f.Name, got, err)
		}
		if touched := got.State == jeroboam.UpdateComplete; touched != (f.Name != "apart") {
			t.Errorf("%s is %s", f.Name, got.State)
		}
	}
	var told []string
	for _, e := range records[jeroboam.Event](t, h, one.ID) {
		if e.Type == "federation" {
			told = append(told, e.State+": "+e.Message)
		}
	}
	if want := []string{"joined: The cluster joined the federation members.",
		"left: The cluster left the federation members because it is being deleted.",
		"left: The cluster left the federation hosted because it is being deleted."}; !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
}

func TestAFederationIsAsHealthyAsItsWorstMember(t *testing.T) {
	for _, c := range []struct {
		parts []jeroboam.Health
		want  jeroboam.Health
	}{
		{nil, ""},
		{[]jeroboam.Health{jeroboam.Healthy, jeroboam.Healthy}, jeroboam.Healthy},
		{[]jeroboam.Health{""}, jeroboam.HealthUnknown},
		{[]jeroboam.Health{jeroboam.HealthUnknown, jeroboam.Healthy}, jeroboam.HealthUnknown},
		{[]jeroboam.Health{"", jeroboam.Healthy, jeroboam.Unhealthy}, jeroboam.Unhealthy},
	} {
		if got := jeroboam.WorstHealth(c.parts); got != c.want {
			t.Errorf("of %q: %q, want %q", c.parts, got, c.want)
		}
	}
}

func TestNobodyFederatesAnothersClusters(t *testing.T) {
	h, _ := house(t)
	create(t, h, service.ClusterRequest{Name: "one"})
	f := federate(t, h.Service, service.FederationRequest{Members: []string{"one"}})
	// An administrator sees the clusters of all projects, and still groups only its own.
	for what, err := range map[string]error{
		"join": ignore(h.Service.CreateFederation(t.Context(), anna, service.FederationRequest{Members: []string{"one"}})),
		"host": ignore(h.Service.CreateFederation(t.Context(), anna, service.FederationRequest{Host: "one"})),
		"show": ignore(h.Service.Federation(t.Context(), anna, f.ID)),
		"leave": ignore(h.Service.UpdateFederation(t.Context(), anna, f.ID, func(jeroboam.Federation) (service.FederationChange, error) {
			return service.FederationChange{Leave: []string{"one"}}, nil
		})),
		"delete": h.Service.DeleteFederation(t.Context(), anna, f.ID),
	} {
		if jeroboam.KindOf(err) != jeroboam.NotFound {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func ignore[T any](_ T, err error) error { return err }

func TestAListInFullHasARuleOfItsOwn(t *testing.T) {
	rules, err := identity.Parse("rules", []byte("cluster:detail: '!'\nclustertemplate:detail: '!'\nfederation:detail: '!'\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := apikit.New(t, func(o *service.Options, _ *api.Options) { o.Policy = rules }).Service
	for _, detail := range []bool{false, true} {
		p := service.Page{Detail: detail}
		for what, err := range map[string]error{
			"clusters":    ignore(s.Clusters(t.Context(), olga, p)),
			"templates":   ignore(s.Templates(t.Context(), olga, p)),
			"federations": ignore(s.Federations(t.Context(), olga, p)),
		} {
			if denied := jeroboam.KindOf(err) == jeroboam.Forbidden; denied != detail {
				t.Errorf("%s, in full %v: %v", what, detail, err)
			}
		}
	}
}
