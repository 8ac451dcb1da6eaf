package federation_test

import (
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/service/access"
	"github.com/jeroboam-cloud/jeroboam/service/federation"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	olga = jeroboam.Caller{UserID: "olga", ProjectID: "p1", Roles: []string{"member", "reader"}}
	anna = jeroboam.Caller{UserID: "anna", ProjectID: "p0", Roles: []string{"admin", "member", "reader"}}
)

// house is a house with olga's clusters of these names.
func house(t *testing.T, names ...string) (*apikit.House, []jeroboam.Cluster) {
	t.Helper()
	h := apikit.New(t)
	_, err := h.Service.CreateTemplate(t.Context(), olga, jeroboam.Template{Name: "k8s", COE: apikit.COE, Image: apikit.Image,
		Flavor: apikit.Flavor, ServerType: "vm"})
	if err != nil {
		t.Fatal(err)
	}
	made := make([]jeroboam.Cluster, len(names))
	for i, name := range names {
		if made[i], err = h.Service.CreateCluster(t.Context(), olga, service.ClusterRequest{Name: name, Template: "k8s"}); err != nil {
			t.Fatal(err)
		}
	}
	return h, made
}

func federate(t *testing.T, h *apikit.House, r federation.Request) jeroboam.Federation {
	t.Helper()
	f, err := h.Service.Federations.Create(t.Context(), olga, r)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestAClusterThatGoesLeavesItsFederationsAtOnce(t *testing.T) {
	h, made := house(t, "one", "two")
	one, two := made[0], made[1]
	member := federate(t, h, federation.Request{Name: "members", Members: []string{"one", two.ID}})
	host := federate(t, h, federation.Request{Name: "hosted", Host: "one", Members: []string{"two"}})
	apart := federate(t, h, federation.Request{Name: "apart", Members: []string{"two"}})
	if err := h.Service.DeleteCluster(t.Context(), olga, one.ID, ""); err != nil {
		t.Fatal(err)
	}
	for _, f := range []jeroboam.Federation{member, host, apart} {
		got, err := h.Service.Federations.Get(t.Context(), olga, f.ID)
		if err != nil || got.Host != "" || !slices.Equal(got.Members, []string{two.ID}) || len(got.Clusters) != 1 {
			t.Errorf("%s: %+v, %v", f.Name, got, err)
		}
		if touched := got.State == jeroboam.UpdateComplete; touched != (f.Name != "apart") {
			t.Errorf("%s is %s", f.Name, got.State)
		}
	}
	var told []string
	err := h.Store.View(t.Context(), func(tx store.Tx) error {
		events, err := store.List[jeroboam.Event](tx, store.Query{Parent: one.ID})
		for _, e := range events {
			if e.Type == "federation" {
				told = append(told, e.State+": "+e.Message)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"joined: The cluster joined the federation members.",
		"left: The cluster left the federation members because it is being deleted.",
		"left: The cluster left the federation hosted because it is being deleted."}; !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
}

func TestNobodyFederatesAnothersClusters(t *testing.T) {
	h, _ := house(t, "one")
	f := federate(t, h, federation.Request{Members: []string{"one"}})
	// An administrator sees the clusters of all projects, and still groups only its own.
	for what, err := range map[string]error{
		"join": ignore(h.Service.Federations.Create(t.Context(), anna, federation.Request{Members: []string{"one"}})),
		"host": ignore(h.Service.Federations.Create(t.Context(), anna, federation.Request{Host: "one"})),
		"show": ignore(h.Service.Federations.Get(t.Context(), anna, f.ID)),
		"leave": ignore(h.Service.Federations.Update(t.Context(), anna, f.ID, func(jeroboam.Federation) (federation.Change, error) {
			return federation.Change{Leave: []string{"one"}}, nil
		})),
		"delete": h.Service.Federations.Delete(t.Context(), anna, f.ID),
	} {
		if jeroboam.KindOf(err) != jeroboam.NotFound {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func ignore[T any](_ T, err error) error { return err }

func TestMembersAreShownInTheOrderInWhichTheyJoined(t *testing.T) {
	h, _ := house(t, "one", "two", "three")
	federate(t, h, federation.Request{Name: "many", Members: []string{"three", "one", "two"}})
	federate(t, h, federation.Request{Name: "few", Members: []string{"two"}})
	federate(t, h, federation.Request{Name: "none"})
	found, err := h.Service.Federations.List(t.Context(), olga, access.Page{Detail: true})
	if err != nil || len(found) != 3 {
		t.Fatalf("%+v, %v", found, err)
	}
	for i, want := range [][]string{{"three", "one", "two"}, {"two"}, {}} {
		got := []string{}
		for _, c := range found[i].Clusters {
			got = append(got, c.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s shows %q, want %q", found[i].Name, got, want)
		}
	}
}
