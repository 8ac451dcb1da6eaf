package service_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/service/access"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

func TestWhatTheCloudCannotDoIsRefusedWithEveryReason(t *testing.T) {
	h, _ := house(t)
	c := create(t, h, service.ClusterRequest{Name: "demo"})
	if err := h.Converge(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	many := apikit.MostMachines + 1
	for name, verb := range map[string]func() error{
		"create": func() error {
			_, err := h.Service.CreateCluster(t.Context(), olga, service.ClusterRequest{Template: "k8s", Workers: &many})
			return err
		},
		"resize": func() error {
			_, err := h.Service.ResizeCluster(t.Context(), olga, "demo", service.Resize{Count: many + 1})
			return err
		},
		"update": func() error {
			count := many + 1
			_, err := h.Service.UpdateCluster(t.Context(), olga, "demo", service.ClusterChange{NodeCount: &count})
			return err
		},
		"an administrator's update": func() error {
			count := many + 1
			_, err := h.Service.UpdateCluster(t.Context(), anna, c.ID, service.ClusterChange{NodeCount: &count})
			return err
		},
		"node group": func() error {
			_, err := h.Service.CreateNodeGroup(t.Context(), olga, "demo", service.NodeGroupRequest{Name: "many", Count: &many})
			return err
		},
	} {
		err := verb()
		e, ok := jeroboam.AsError(err)
		if !ok || e.Kind != jeroboam.QuotaExceeded || !strings.Contains(e.Detail, "500 servers left") ||
			!strings.Contains(e.Detail, "500 cores left") || e.Remedy != "Ask for fewer nodes." {
			t.Errorf("%s: %v", name, err)
		}
	}
	if found := records[jeroboam.NodeGroup](t, h, c.ID); len(found) != 2 || found[1].Spec.Count != 1 {
		t.Errorf("something was written down: %+v", found)
	}
	if _, err := h.Service.ResizeCluster(t.Context(), olga, "demo", service.Resize{Count: 400}); err != nil {
		t.Errorf("what the cloud can do: %v", err)
	}
}

// mute is a cloud that does not answer.
type mute struct{}

func (mute) Check(context.Context, cloud.Scope, cloud.Demand) error {
	return errors.Join(jeroboam.Errorf(jeroboam.Unavailable, "cloud", "The cloud does not answer."), errors.New("broken"))
}

func TestACloudThatDoesNotAnswerRefusesNothing(t *testing.T) {
	h, _ := house(t, func(o *service.Options, _ *api.Options) { o.Drivers[0].Preflight = mute{} })
	create(t, h, service.ClusterRequest{Name: "demo"})
}

func TestWhatIsMissingIsToldTogetherWithWhatTheCloudCannotDo(t *testing.T) {
	h, _ := house(t)
	many := apikit.MostMachines + 1
	_, err := h.Service.CreateCluster(t.Context(), olga, service.ClusterRequest{Template: "k8s", Workers: &many, Flavor: "huge", MasterFlavor: "huger",
		FixedNetwork: "nowhere", Keypair: "lost"})
	e, ok := jeroboam.AsError(err)
	if !ok || e.Kind != jeroboam.Invalid || e.Reason != "flavor" {
		t.Fatalf("the first reason shall decide: %v", err)
	}
	last := -1
	for _, reason := range []string{"Unable to find flavor huge.", "Unable to find flavor huger.", "Unable to find fixed network nowhere.",
		"Unable to find keypair lost.", "500 servers left", "500 cores left"} {
		at := strings.Index(e.Detail, reason)
		if at <= last {
			t.Errorf("%q is not in its place in %q", reason, e.Detail)
		}
		last = at
	}
	if all, err := h.Service.Clusters(t.Context(), olga, access.Page{}); err != nil || len(all) > 0 {
		t.Errorf("something was written down: %v, %v", all, err)
	}
	create(t, h, service.ClusterRequest{Name: "demo"})
	_, err = h.Service.CreateNodeGroup(t.Context(), olga, "demo", service.NodeGroupRequest{Name: "odd", Flavor: "huge", Image: "lost"})
	if e, ok = jeroboam.AsError(err); !ok || e.Kind != jeroboam.Invalid || e.Detail != "Unable to find flavor huge. Image lost could not be found." {
		t.Errorf("a node group: %v", err)
	}
}

// wants notes what is asked of a cloud.
type wants struct{ last *cloud.Demand }

func (w wants) Check(_ context.Context, _ cloud.Scope, want cloud.Demand) error {
	*w.last = want
	return nil
}

func TestADemandTellsAllThatIsKnown(t *testing.T) {
	var got cloud.Demand
	h, _ := house(t, func(o *service.Options, _ *api.Options) { o.Drivers[0].Preflight = wants{&got} })
	no := false
	c := create(t, h, service.ClusterRequest{Name: "demo", FloatingIP: &no, FixedNetwork: apikit.Network})
	if got.Network == nil || got.Network.FixedNetwork != apikit.Network || got.Network.Name != "demo" || len(got.Machines) != 2 {
		t.Fatalf("a new cluster: %+v", got)
	}
	if m := got.Machines[0]; m.Role != jeroboam.RoleMaster || m.Image.ID != apikit.Image || m.Flavor.ID != apikit.Flavor || m.Public.FloatingIP {
		t.Errorf("its control plane: %+v", m)
	}
	if err := h.Converge(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	network := cloud.Network{ID: "n", Subnet: "s", CIDR: "10.0.0.0/24", Gateway: "10.0.0.1"}
	lines := slices.DeleteFunc(records[jeroboam.Resource](t, h, c.ID), func(r jeroboam.Resource) bool { return r.Kind != jeroboam.KindNetwork })
	lines[0].Attributes = network.Attributes()
	err := h.Store.Update(t.Context(), func(tx store.Tx) error {
		return store.Put(tx, &lines[0])
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Service.ResizeCluster(t.Context(), olga, "demo", service.Resize{Count: 3}); err != nil {
		t.Fatal(err)
	}
	if got.Network != nil || len(got.Machines) != 2 || got.Machines[1].Network != network || got.Machines[1].Image.ID != apikit.Image {
		t.Errorf("a resize: %+v", got)
	}
}
