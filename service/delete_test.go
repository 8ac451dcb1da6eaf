package service_test

import (
	"context"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/service"
)

func TestTheWordCountsBeforeTheLabelAndTheLastWordMost(t *testing.T) {
	const keep, remove = jeroboam.KeepData, jeroboam.RemoveData
	for name, test := range map[string]struct {
		label string
		words []jeroboam.DataWish
		want  jeroboam.DataWish
	}{
		"nobody says anything":                 {"", []jeroboam.DataWish{""}, keep},
		"the label":                            {"remove", []jeroboam.DataWish{""}, remove},
		"a word":                               {"", []jeroboam.DataWish{remove}, remove},
		"a word against the label":             {"remove", []jeroboam.DataWish{keep}, keep},
		"another word":                         {"", []jeroboam.DataWish{remove, keep}, keep},
		"asked again without a word":           {"", []jeroboam.DataWish{remove, ""}, remove},
		"a word after only the label":          {"remove", []jeroboam.DataWish{"", keep}, keep},
		"and the label is not looked at again": {"remove", []jeroboam.DataWish{keep, ""}, keep},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := house(t)
			c := create(t, h, service.ClusterRequest{Name: "demo", Labels: map[string]string{"data_on_delete": test.label}})
			for _, word := range test.words {
				if err := h.Service.DeleteCluster(t.Context(), olga, "demo", word); err != nil {
					t.Fatal(err)
				}
			}
			got, err := h.Service.Cluster(t.Context(), olga, c.ID)
			if err != nil || got.Spec.Data != test.want {
				t.Errorf("its data: %q (%v), want %q", got.Spec.Data, err, test.want)
			}
			if ops, err := h.Service.Operations(t.Context(), olga, c.ID); err != nil || len(ops) != 2 {
				t.Errorf("%d operations (%v), want the create and one delete", len(ops), err)
			}
		})
	}
}

func TestAWishForDataThatIsNoneIsRefused(t *testing.T) {
	h, _ := house(t)
	create(t, h, service.ClusterRequest{Name: "demo"})
	if err := h.Service.DeleteCluster(t.Context(), olga, "demo", "maybe"); jeroboam.KindOf(err) != jeroboam.Invalid {
		t.Errorf("got %v", err)
	}
	if _, err := h.Service.CreateCluster(t.Context(), olga, service.ClusterRequest{Name: "other", Template: "k8s",
		Labels: map[string]string{"data_on_delete": "maybe"}}); jeroboam.KindOf(err) != jeroboam.Invalid {
		t.Errorf("as a label: %v", err)
	}
}

// Dependents implements cloud.Dependents for a cloud that does not answer.
func (mute) Dependents(context.Context, cloud.Scope) ([]cloud.Dependent, error) {
	return nil, jeroboam.Errorf(jeroboam.Unavailable, "cloud", "The cloud does not answer.")
}

// TestARehearsedDeleteHidesNothing: a plan that lacks what the cluster has made
// would be believed.
func TestARehearsedDeleteHidesNothing(t *testing.T) {
	remove := func(s *service.Service) error { return s.DeleteCluster(t.Context(), olga, "stateful", "") }
	h, _ := house(t, func(o *service.Options, _ *api.Options) { o.Drivers[0].Dependents = mute{} })
	create(t, h, service.ClusterRequest{Name: "stateful"})
	if _, err := h.Service.Rehearse(t.Context(), remove); jeroboam.KindOf(err) != jeroboam.Unavailable {
		t.Errorf("of a cloud that does not answer: %v", err)
	}
	h, _ = house(t)
	create(t, h, service.ClusterRequest{Name: "stateful"})
	p, err := h.Service.Rehearse(t.Context(), remove)
	var kept []string
	for _, s := range p.Steps {
		if s.Action == plan.Keep {
			kept = append(kept, s.Object.CloudID)
		}
	}
	if err != nil || len(kept) != 1 || kept[0] != "volume-1" {
		t.Errorf("kept would be %q, %v", kept, err)
	}
}
