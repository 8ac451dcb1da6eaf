package service_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

func TestVeryManyWarningsAreCounted(t *testing.T) {
	h, _ := house(t)
	labels := map[string]string{"kube_tag": "v1.36.3"}
	for i := range 5000 {
		labels[fmt.Sprintf("%04d-%s", i, strings.Repeat("x", 300))] = "1"
	}
	c := create(t, h, service.ClusterRequest{Labels: labels})
	got := h.Service.LabelWarnings(c.Spec.COE, c.Spec.Labels)
	if len(got) != 11 || got[10] != "4990 more labels have no effect." || !strings.HasPrefix(got[0], `The label "0000-xxx`) || len(got[0]) > 200 {
		t.Errorf("%d warnings: %q", len(got), got)
	}
	var told []string
	for _, e := range records[jeroboam.Event](t, h, c.ID) {
		if e.Type == "warning" {
			told = append(told, e.Message)
		}
	}
	if len(told) != len(got) || told[10] != got[10] {
		t.Errorf("events %q", told)
	}
}

func TestInheritedLabelsAreToldOfOnce(t *testing.T) {
	h, _ := house(t)
	c := create(t, h, service.ClusterRequest{})
	if err := h.Converge(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	before := len(records[jeroboam.Event](t, h, c.ID))
	for name, labels := range map[string]map[string]string{"same": nil, "merged": {"a": "1"}, "none": {}} {
		g, err := h.Service.CreateNodeGroup(t.Context(), olga, c.ID, service.NodeGroupRequest{Name: name, Labels: labels, MergeLabels: true})
		if err != nil {
			t.Fatal(err)
		}
		if w := h.Service.GroupLabelWarnings(g); len(w) > 0 {
			t.Errorf("%s: %q", name, w)
		}
	}
	for _, e := range records[jeroboam.Event](t, h, c.ID)[before:] {
		if e.Type == "warning" {
			t.Errorf("told again: %+v", e)
		}
	}
}

// integrating is an engine that can tie clusters to their cloud.
type integrating struct{ apikit.Engine }

func (e integrating) Traits() coe.Traits {
	t := e.Engine.Traits()
	t.Labels = append(slices.Clone(t.Labels), jeroboam.Label{Name: "cloud_enabled", Type: jeroboam.LabelBool, Effect: "an add-on", Credential: true})
	return t
}

func TestWhatCallsTheCloudNeedsACredential(t *testing.T) {
	for gives, value := range map[bool]string{true: "True", false: "TRUE"} {
		h := apikit.New(t, func(o *service.Options, _ *api.Options) {
			o.Drivers[0].Engine, o.Drivers[0].Credentials = integrating{}, gives
		})
		labels := map[string]string{"cloud_enabled": value}
		_, err := h.Service.CreateTemplate(t.Context(), olga, jeroboam.Template{Name: "k8s", COE: apikit.COE, Image: apikit.Image,
			Flavor: apikit.Flavor, ServerType: "vm", Labels: labels})
		if refused := jeroboam.KindOf(err) == jeroboam.Invalid; refused == gives || (gives && err != nil) {
			t.Errorf("a cloud that gives credentials (%v): %v", gives, err)
		}
		if e, _ := jeroboam.AsError(err); !gives && (e.Reason != "cloud_enabled" || !strings.Contains(e.Detail, apikit.Driver) || e.Remedy == "") {
			t.Errorf("the refusal does not help: %+v", e)
		}
		if got := h.Service.LabelWarnings(apikit.COE, labels); len(got) > 0 {
			t.Errorf("warnings %q", got)
		}
	}
	h := apikit.New(t, func(o *service.Options, _ *api.Options) { o.Drivers[0].Engine = integrating{} })
	off := map[string]string{"cloud_enabled": "false"}
	if _, err := h.Service.CreateTemplate(t.Context(), olga, jeroboam.Template{Name: "off", COE: apikit.COE, Image: apikit.Image,
		Flavor: apikit.Flavor, ServerType: "vm", Labels: off}); err != nil {
		t.Errorf("turned off: %v", err)
	}
}

func TestAVolumeThatACloudDoesNotHaveIsToldOf(t *testing.T) {
	size := 5
	for has, want := range map[bool][]string{true: nil,
		false: {"docker_volume_size has no effect: the cloud of the driver " + apikit.Driver + " has no volumes."}} {
		h, _ := house(t, func(o *service.Options, _ *api.Options) { o.Drivers[0].Volumes = has })
		c := create(t, h, service.ClusterRequest{DockerVolumeSize: &size, Labels: map[string]string{"kube_tag": "v1.36.3"}})
		if got := h.Service.ClusterWarnings(c); !slices.Equal(got, want) {
			t.Errorf("a cloud with volumes (%v): %q", has, got)
		}
		var told []string
		for _, e := range records[jeroboam.Event](t, h, c.ID) {
			if e.Type == "warning" {
				told = append(told, e.Message)
			}
		}
		if !slices.Equal(told, want) {
			t.Errorf("events %q", told)
		}
	}
}

func TestBareMetalHasMoreTime(t *testing.T) {
	ten := 10 * time.Minute
	for serverType, want := range map[string]time.Duration{"vm": time.Hour, "bm": 3 * time.Hour} {
		h := apikit.New(t, func(o *service.Options, _ *api.Options) { o.Drivers[0].ServerType = serverType })
		_, err := h.Service.CreateTemplate(t.Context(), olga, jeroboam.Template{Name: "k8s", COE: apikit.COE, Image: apikit.Image,
			Flavor: apikit.Flavor, ServerType: serverType})
		if err != nil {
			t.Fatal(err)
		}
		if got := create(t, h, service.ClusterRequest{}).Spec.CreateTimeout; got != want {
			t.Errorf("%s: %v, want %v", serverType, got, want)
		}
		if got := create(t, h, service.ClusterRequest{CreateTimeout: &ten}).Spec.CreateTimeout; got != ten {
			t.Errorf("%s with a time of its own: %v", serverType, got)
		}
	}
}
