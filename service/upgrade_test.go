package service_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/service/drivers"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

// template makes a template of olga's that differs from others in its name and
// what edit changes.
func template(t *testing.T, h *apikit.House, name string, edit func(*jeroboam.Template)) {
	t.Helper()
	made := jeroboam.Template{Name: name, COE: apikit.COE, Image: apikit.Image, Flavor: apikit.Flavor, ServerType: "vm", FloatingIPEnabled: true,
		Labels: map[string]string{"kube_tag": "v1.36.3"}}
	edit(&made)
	if _, err := h.Service.CreateTemplate(context.Background(), olga, made); err != nil {
		t.Fatal(err)
	}
}

func older(t *jeroboam.Template) { t.Labels = map[string]string{"kube_tag": "v1.35.2"} }

func TestAnUpgradeThatCannotBeIsRefusedBeforeAnythingChanges(t *testing.T) {
	twin := func(o *service.Options) {
		other := o.Drivers[0]
		other.Name = "k8s_other"
		o.Drivers = append(o.Drivers, other)
	}
	pure := func(o *service.Options) { o.Drivers[0].Engine = judge{o.Drivers[0].Engine} }
	for name, test := range map[string]struct {
		template func(*jeroboam.Template)
		options  func(*service.Options)
		kind     jeroboam.Kind
		says     string
	}{
		"to an older version":        {older, nil, jeroboam.Conflict, "cannot be upgraded to v1.35.2 in place"},
		"to another network driver":  {func(t *jeroboam.Template) { t.NetworkDriver = "calico" }, nil, jeroboam.Conflict, "has the network driver calico"},
		"to another driver":          {func(t *jeroboam.Template) { t.Driver = "k8s_other" }, twin, jeroboam.Conflict, "is for the driver k8s_other"},
		"by an engine without a way": {func(*jeroboam.Template) {}, pure, jeroboam.Unsupported, "of driver k8s_test is not supported"},
	} {
		t.Run(name, func(t *testing.T) {
			h := apikit.New(t, func(o *service.Options, _ *api.Options) {
				if test.options != nil {
					test.options(o)
				}
			})
			template(t, h, "k8s", func(t *jeroboam.Template) { t.Driver = apikit.Driver })
			template(t, h, "wanted", test.template)
			c := create(t, h, service.ClusterRequest{Name: "demo"})
			put(t, h, c.ID, jeroboam.CreateComplete)
			_, err := h.Service.UpgradeCluster(t.Context(), olga, "demo", service.Upgrade{Template: "wanted"})
			e, ok := jeroboam.AsError(err)
			if !ok || e.Kind != test.kind || !strings.Contains(e.Detail, test.says) {
				t.Errorf("got %#v", err)
			}
			if n := len(records[jeroboam.Operation](t, h, c.ID)); n != 1 {
				t.Errorf("there are %d operations", n)
			}
		})
	}
}

// judge is the part of an engine that every one has.
type judge struct{ drivers.Engine }

func TestGroupsFollowTheirCluster(t *testing.T) {
	h := apikit.New(t)
	template(t, h, "older", older)
	template(t, h, "newer", func(*jeroboam.Template) {})
	c := create(t, h, service.ClusterRequest{Name: "demo", Template: "older"})
	if err := h.Converge(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Service.CreateNodeGroup(t.Context(), olga, "demo", service.NodeGroupRequest{Name: "gpu"}); err != nil {
		t.Fatal(err)
	}
	versions := func() string {
		if err := h.Converge(t.Context(), c.ID); err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, g := range records[jeroboam.NodeGroup](t, h, c.ID) {
			said = append(said, g.Status.Version+g.Spec.Labels["kube_tag"])
		}
		return strings.Join(said, " ")
	}
	upgrade := func(up service.Upgrade) error {
		_, err := h.Service.UpgradeCluster(t.Context(), olga, "demo", up)
		return err
	}
	const old, fresh = "v1.35.2v1.35.2", "v1.36.3v1.36.3"
	if got := versions(); got != old+" "+old+" "+old {
		t.Fatal(got)
	}
	if err := upgrade(service.Upgrade{Template: "newer", Group: "gpu"}); jeroboam.KindOf(err) != jeroboam.Conflict {
		t.Errorf("a group before its control plane: %v", err)
	}
	if err := upgrade(service.Upgrade{Template: "newer", Group: jeroboam.DefaultMaster, Batch: 4}); err != nil {
		t.Fatal(err)
	}
	if got := versions(); got != fresh+" "+fresh+" "+old {
		t.Errorf("after the cluster's upgrade: %s", got)
	}
	if groups := records[jeroboam.NodeGroup](t, h, c.ID); groups[1].Spec.Batch != 4 || groups[2].Spec.Version != "v1.35.2" {
		t.Errorf("%+v", groups)
	}
	if err := upgrade(service.Upgrade{Template: "newer", Group: "gpu"}); err != nil {
		t.Fatal(err)
	}
	if got := versions(); got != fresh+" "+fresh+" "+fresh {
		t.Errorf("after the group's upgrade: %s", got)
	}
}

func TestACredentialOfACloudThatGivesNoneIsNotRotated(t *testing.T) {
	h := apikit.New(t, func(o *service.Options, _ *api.Options) { o.Drivers[0].Credentials = false })
	template(t, h, "k8s", func(*jeroboam.Template) {})
	c := create(t, h, service.ClusterRequest{Name: "demo"})
	put(t, h, c.ID, jeroboam.CreateComplete)
	_, err := h.Service.RotateCredential(t.Context(), olga, "demo")
	if e, ok := jeroboam.AsError(err); !ok || e.Kind != jeroboam.Unsupported || !strings.Contains(e.Detail, "hold no credential of a cloud") {
		t.Errorf("got %#v", err)
	}
}

func TestEachRotationWantsOneGenerationMore(t *testing.T) {
	h, _ := house(t)
	c := create(t, h, service.ClusterRequest{Name: "demo"})
	for _, kind := range []string{"", "etcd", "front_proxy", "kubelet", "etcd"} {
		put(t, h, c.ID, jeroboam.UpdateComplete)
		if _, err := h.Service.RotateAuthority(t.Context(), olga, c.ID, kind); err != nil {
			t.Fatal(err)
		}
	}
	shown, err := h.Service.Cluster(t.Context(), olga, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{jeroboam.AuthorityMain: 2, jeroboam.AuthorityEtcd: 3, jeroboam.AuthorityFrontProxy: 2} {
		if got := shown.Spec.Generation(name); got != want {
			t.Errorf("%s: generation %d, want %d", name, got, want)
		}
	}
}
