package service_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/service"
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
