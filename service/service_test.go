package service_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/service/access"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	olga = jeroboam.Caller{UserID: "olga", ProjectID: "p1", Roles: []string{"member", "reader"}, RequestID: "req-1"}
	anna = jeroboam.Caller{UserID: "anna", ProjectID: "p0", Roles: []string{"admin", "member", "reader"}}
)

// house is a house with olga's template "k8s".
func house(t *testing.T, options ...apikit.Option) (*apikit.House, jeroboam.Template) {
	t.Helper()
	h := apikit.New(t, options...)
	made, err := h.Service.CreateTemplate(t.Context(), olga, jeroboam.Template{Name: "k8s", COE: apikit.COE, Image: apikit.Image,
		Flavor: apikit.Flavor, ServerType: "vm", Labels: map[string]string{"a": "1"}, FloatingIPEnabled: true})
	if err != nil {
		t.Fatal(err)
	}
	return h, made
}

func create(t *testing.T, h *apikit.House, r service.ClusterRequest) jeroboam.Cluster {
	t.Helper()
	if r.Template == "" {
		r.Template = "k8s"
	}
	c, err := h.Service.CreateCluster(t.Context(), olga, r)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// records reads everything of one kind that belongs to a cluster.
func records[T store.Noun](t *testing.T, h *apikit.House, cluster string) []T {
	t.Helper()
	var found []T
	err := h.Store.View(t.Context(), func(tx store.Tx) (err error) {
		found, err = store.List[T](tx, store.Query{Parent: cluster})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestACreateWritesTheClusterAndItsGroupsAtOnce(t *testing.T) {
	h, template := house(t)
	three, five, yes := 3, 5, true
	c := create(t, h, service.ClusterRequest{Name: "demo", Masters: &three, Workers: &five, MasterLB: &yes,
		Labels: map[string]string{"min_node_count": "2"}, MergeLabels: true})
	labels := map[string]string{"a": "1", "min_node_count": "2"}
	want := jeroboam.ClusterSpec{Template: template.ID, Driver: apikit.Driver, COE: apikit.COE, Version: apikit.Versions[0],
		Image: apikit.Image, Flavor: apikit.Flavor, MasterFlavor: apikit.Flavor, Labels: labels, CreateTimeout: time.Hour,
		NetworkDriver: "flannel", FloatingIPEnabled: true, MasterLBEnabled: true}
	if !reflect.DeepEqual(c.Spec, want) || c.Status.State != jeroboam.CreateInProgress || c.Project != "p1" || c.User != "olga" {
		t.Errorf("got %+v\nwant %+v", c, want)
	}
	var got []jeroboam.NodeGroupSpec
	for _, g := range records[jeroboam.NodeGroup](t, h, c.ID) {
		if !g.Default || g.Status.State != jeroboam.CreateInProgress {
			t.Errorf("%+v", g)
		}
		got = append(got, g.Spec)
	}
	groups := []jeroboam.NodeGroupSpec{
		{Count: 3, Flavor: apikit.Flavor, Image: apikit.Image, Labels: labels},
		{Count: 5, Min: 2, Flavor: apikit.Flavor, Image: apikit.Image, Labels: labels},
	}
	if !reflect.DeepEqual(got, groups) {
		t.Errorf("got %+v\nwant %+v", got, groups)
	}
}

func TestAHundredRacingCreatesAtALimitOfTenGiveTen(t *testing.T) {
	h, _ := house(t)
	if _, err := h.Service.Quotas.Create(t.Context(), anna, jeroboam.Quota{Project: "p1", Resource: jeroboam.QuotaCluster, HardLimit: 10}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	errs := make([]error, 100)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = h.Service.CreateCluster(t.Context(), olga, service.ClusterRequest{Template: "k8s", Name: fmt.Sprintf("c%d", i)})
		})
	}
	wg.Wait()
	made := 0
	for _, err := range errs {
		switch {
		case err == nil:
			made++
		case jeroboam.KindOf(err) != jeroboam.QuotaExceeded:
			t.Error(err)
		}
	}
	found, err := h.Service.Clusters(t.Context(), olga, access.Page{})
	if err != nil || made != 10 || len(found) != 10 {
		t.Errorf("made %d, found %d, %v", made, len(found), err)
	}
}

// TestWhatEachStateAccepts is the table of operations and states. Every refusal
// is a conflict that says what to do.
func TestWhatEachStateAccepts(t *testing.T) {
	states := []jeroboam.State{jeroboam.CreateInProgress, jeroboam.CreateFailed, jeroboam.CreateComplete, jeroboam.UpdateInProgress,
		jeroboam.UpdateFailed, jeroboam.UpdateComplete, jeroboam.DeleteInProgress, jeroboam.DeleteFailed}
	resting := []jeroboam.State{jeroboam.CreateComplete, jeroboam.UpdateComplete}
	resizable := append(slices.Clone(resting), jeroboam.UpdateInProgress, jeroboam.UpdateFailed)
	two, s := 2, func(h *apikit.House) *service.Service { return h.Service }
	verbs := map[string]struct {
		accepted []jeroboam.State
		do       func(h *apikit.House, id string) error
	}{
		"patch": {resting, func(h *apikit.House, id string) error {
			_, err := s(h).UpdateCluster(t.Context(), olga, id, service.ClusterChange{NodeCount: &two})
			return err
		}},
		"resize": {resizable, func(h *apikit.House, id string) error {
			_, err := s(h).ResizeCluster(t.Context(), olga, id, service.Resize{Count: 2})
			return err
		}},
		"group": {resizable, func(h *apikit.House, id string) error {
			_, err := s(h).UpdateNodeGroup(t.Context(), olga, id, jeroboam.DefaultWorker,
				func(jeroboam.NodeGroup) (service.NodeGroupChange, error) { return service.NodeGroupChange{Min: 1}, nil })
			return err
		}},
		"retry": {[]jeroboam.State{jeroboam.CreateFailed, jeroboam.UpdateFailed, jeroboam.DeleteFailed}, func(h *apikit.House, id string) error {
			_, err := s(h).RetryCluster(t.Context(), olga, id)
			return err
		}},
		"upgrade": {resting, func(h *apikit.House, id string) error {
			_, err := s(h).UpgradeCluster(t.Context(), olga, id, service.Upgrade{Template: "k8s"})
			return err
		}},
		"rotate the authorities": {resting, func(h *apikit.House, id string) error {
			_, err := s(h).RotateAuthority(t.Context(), olga, id, "")
			return err
		}},
		"rotate the credential": {resizable, func(h *apikit.House, id string) error {
			_, err := s(h).RotateCredential(t.Context(), olga, id)
			return err
		}},
		"delete": {states, func(h *apikit.House, id string) error { return s(h).DeleteCluster(t.Context(), olga, id, "") }},
	}
	for name, verb := range verbs {
		for _, state := range states {
			t.Run(name+" in "+string(state), func(t *testing.T) {
				h, _ := house(t)
				c := create(t, h, service.ClusterRequest{Name: "demo"})
				put(t, h, c.ID, state)
				err := verb.do(h, c.ID)
				if slices.Contains(verb.accepted, state) {
					if err != nil {
						t.Error(err)
					}
					return
				}
				if e, ok := jeroboam.AsError(err); !ok || e.Kind != jeroboam.Conflict || e.Reason != "state" || e.Remedy == "" {
					t.Errorf("got %#v", err)
				}
			})
		}
	}
}

// put gives a cluster and its groups a state, as the engine would.
func put(t *testing.T, h *apikit.House, id string, state jeroboam.State) {
	t.Helper()
	groups := records[jeroboam.NodeGroup](t, h, id)
	err := h.Store.Update(t.Context(), func(tx store.Tx) error {
		c, err := store.Get[jeroboam.Cluster](tx, id)
		if err != nil {
			return err
		}
		c.Status.State, c.Spec.Deleted = state, strings.HasPrefix(string(state), "DELETE")
		for _, g := range groups {
			g.Status.State = state
			if err := store.Put(tx, &g); err != nil {
				return err
			}
		}
		return store.Put(tx, &c)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEachChangeIsOneOperationAndWakesTheEngine(t *testing.T) {
	h, _ := house(t)
	limit := 30 * time.Minute
	c := create(t, h, service.ClusterRequest{Name: "demo", CreateTimeout: &limit})
	put(t, h, c.ID, jeroboam.CreateComplete)
	h.Clock.Advance(time.Minute)
	if _, err := h.Service.ResizeCluster(t.Context(), olga, "demo", service.Resize{Count: 3}); err != nil {
		t.Fatal(err)
	}
	h.Clock.Advance(time.Minute)
	for range 3 { // more than one wish is one operation
		if err := h.Service.DeleteCluster(t.Context(), olga, "demo", ""); err != nil {
			t.Fatal(err)
		}
	}
	start := c.CreatedAt
	want := []jeroboam.Operation{
		{Verb: "create", Summary: "demo: default-master 1, default-worker 1", CreatedAt: start, Deadline: start.Add(limit)},
		{Verb: "resize", Summary: "default-worker 1 -> 3", CreatedAt: start.Add(time.Minute), Deadline: start.Add(time.Minute + limit)},
		{Verb: "delete", Summary: "demo", CreatedAt: start.Add(2 * time.Minute)},
	}
	got := records[jeroboam.Operation](t, h, c.ID)
	for i := range got {
		if got[i].Request != "req-1" || got[i].User != "olga" || got[i].State != jeroboam.OperationPending || got[i].Project != "p1" {
			t.Errorf("%+v", got[i])
		}
		got[i] = jeroboam.Operation{Verb: got[i].Verb, Summary: got[i].Summary, CreatedAt: got[i].CreatedAt, Deadline: got[i].Deadline}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	h.Work(t)
	for done := h.Store.Watch(t.Context(), store.KindCluster, ""); ; <-done {
		if _, err := h.Service.Cluster(t.Context(), olga, c.ID); jeroboam.KindOf(err) == jeroboam.NotFound {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestLabelsOfAClusterReplaceOrMergeThoseOfItsTemplate(t *testing.T) {
	h, _ := house(t)
	for name, c := range map[string]struct {
		request service.ClusterRequest
		want    map[string]string
	}{
		"absent":  {service.ClusterRequest{}, map[string]string{"a": "1"}},
		"empty":   {service.ClusterRequest{Labels: map[string]string{}}, map[string]string{"a": "1"}},
		"given":   {service.ClusterRequest{Labels: map[string]string{"b": "2"}}, map[string]string{"b": "2"}},
		"merging": {service.ClusterRequest{Labels: map[string]string{"b": "2"}, MergeLabels: true}, map[string]string{"a": "1", "b": "2"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := create(t, h, c.request).Spec.Labels; fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestThreeStatesOfABooleanAreKeptApart(t *testing.T) {
	h, _ := house(t)
	yes, no := true, false
	for want, given := range map[bool]*bool{true: nil, false: &no} {
		if got := create(t, h, service.ClusterRequest{FloatingIP: given}).Spec.FloatingIPEnabled; got != want {
			t.Errorf("given %v: %v", given, got)
		}
	}
	if c := create(t, h, service.ClusterRequest{MasterLB: &yes}); !c.Spec.MasterLBEnabled {
		t.Error("a balancer was asked for")
	}
}

func TestTheVersionIsResolvedWhenAClusterIsMade(t *testing.T) {
	h, _ := house(t)
	for tag, want := range map[string]string{"": apikit.Versions[0], "v1.35.2": "v1.35.2", "1.35.2": "v1.35.2"} {
		c := create(t, h, service.ClusterRequest{Labels: map[string]string{"kube_tag": tag}})
		if c.Spec.Version != want {
			t.Errorf("%q: got %s, want %s", tag, c.Spec.Version, want)
		}
	}
}

func TestNodesToRemoveAreKeptForTheEngine(t *testing.T) {
	h, _ := house(t)
	four := 4
	c := create(t, h, service.ClusterRequest{Workers: &four})
	if err := h.Converge(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	worker := records[jeroboam.NodeGroup](t, h, c.ID)[1]
	var machines []jeroboam.Machine
	for _, m := range records[jeroboam.Machine](t, h, c.ID) {
		if m.Group == worker.ID {
			machines = append(machines, m)
		}
	}
	for i, name := range []string{strings.ToUpper(machines[1].ID), "3"} {
		if _, err := h.Service.ResizeCluster(t.Context(), olga, c.ID, service.Resize{Count: 3 - i, Remove: []string{name}}); err != nil {
			t.Fatal(err)
		}
	}
	got := records[jeroboam.NodeGroup](t, h, c.ID)[1].Spec
	if want := []string{strings.ToUpper(machines[1].ID), "3"}; got.Count != 2 || !slices.Equal(got.Remove, want) {
		t.Errorf("got %+v, want to remove %v", got, want)
	}
	_, err := h.Service.ResizeCluster(t.Context(), olga, c.ID, service.Resize{Count: 1, Remove: []string{c.Name + "-default-master-0"}})
	if e, _ := jeroboam.AsError(err); e == nil || e.Kind != jeroboam.Invalid || e.Reason != "nodes_to_remove" {
		t.Errorf("a node of another group: %v", err)
	}
}

func TestAResizeOfAnotherSizeThanItWasMadeOfIsRefused(t *testing.T) {
	h, _ := house(t)
	c := create(t, h, service.ClusterRequest{})
	if err := h.Converge(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	from := 1
	if _, err := h.Service.ResizeCluster(t.Context(), olga, c.ID, service.Resize{Count: 3, From: &from}); err != nil {
		t.Fatal(err)
	}
	_, err := h.Service.ResizeCluster(t.Context(), olga, c.ID, service.Resize{Count: 2, From: &from})
	if e, _ := jeroboam.AsError(err); e == nil || e.Kind != jeroboam.Conflict || e.Reason != "size" {
		t.Errorf("made of another size: %v", err)
	}
	if got := records[jeroboam.NodeGroup](t, h, c.ID)[1].Spec.Count; got != 3 {
		t.Errorf("%d nodes are wanted", got)
	}
}

func TestATemplateInUseStays(t *testing.T) {
	h, template := house(t)
	create(t, h, service.ClusterRequest{})
	if err := h.Service.DeleteTemplate(t.Context(), olga, "k8s"); jeroboam.KindOf(err) != jeroboam.Invalid {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		edit func(*jeroboam.Template)
		ok   bool
	}{
		"another name":    {func(t *jeroboam.Template) { t.Name = "new" }, true},
		"tags":            {func(t *jeroboam.Template) { t.Tags = "x" }, true},
		"two at once":     {func(t *jeroboam.Template) { t.Name, t.Tags = "new", "x" }, false},
		"nothing at all":  {func(*jeroboam.Template) {}, false},
		"another flavor":  {func(t *jeroboam.Template) { t.Flavor = apikit.BigFlavor }, false},
		"another label":   {func(t *jeroboam.Template) { t.Labels = map[string]string{"b": "2"} }, false},
		"publish, hidden": {func(t *jeroboam.Template) { t.Public, t.Hidden = true, true }, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.Service.UpdateTemplate(t.Context(), anna, template.ID, func(old jeroboam.Template) (jeroboam.Template, error) {
				old.Name, old.Tags = "k8s", ""
				edited := old
				c.edit(&edited)
				return edited, nil
			})
			if (err == nil) != c.ok {
				t.Error(err)
			}
			restore(t, h, template)
		})
	}
}

func restore(t *testing.T, h *apikit.House, template jeroboam.Template) {
	t.Helper()
	err := h.Store.Update(t.Context(), func(tx store.Tx) error {
		now, err := store.Get[jeroboam.Template](tx, template.ID)
		if err != nil {
			return err
		}
		template.Revision = now.Revision
		return store.Put(tx, &template)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestATokenWithoutAProjectSeesNothing(t *testing.T) {
	h, _ := house(t)
	create(t, h, service.ClusterRequest{Name: "demo"})
	nobody := jeroboam.Caller{UserID: "uwe", Roles: []string{"member", "reader"}}
	if _, err := h.Service.Clusters(t.Context(), nobody, access.Page{}); jeroboam.KindOf(err) != jeroboam.Forbidden {
		t.Error(err)
	}
	if _, err := h.Service.Cluster(t.Context(), nobody, "demo"); jeroboam.KindOf(err) != jeroboam.Forbidden {
		t.Error(err)
	}
}
