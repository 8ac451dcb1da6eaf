package service_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/service"
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
