package service_test

import (
	"reflect"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/store"
)

func TestARehearsalLeavesNothing(t *testing.T) {
	h, _ := house(t)
	c := create(t, h, service.ClusterRequest{Name: "demo"})
	if err := h.Converge(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	everything := func() (all []store.Record) {
		t.Helper()
		err := h.Store.View(t.Context(), func(tx store.Tx) error {
			for _, kind := range []string{store.KindCluster, store.KindNodeGroup, store.KindOperation, store.KindEvent, store.KindMachine, store.KindUsage} {
				found, err := tx.List(store.Query{Kind: kind})
				if err != nil {
					return err
				}
				all = append(all, found...)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	before := everything()
	for name, verb := range map[string]func(*service.Service) error{
		"create": func(s *service.Service) error {
			_, err := s.CreateCluster(t.Context(), olga, service.ClusterRequest{Name: "other", Template: "k8s"})
			return err
		},
		"resize": func(s *service.Service) error {
			_, err := s.ResizeCluster(t.Context(), olga, "demo", service.Resize{Count: 5})
			return err
		},
		"delete": func(s *service.Service) error { return s.DeleteCluster(t.Context(), olga, "demo", "") },
	} {
		p, err := h.Service.Rehearse(t.Context(), verb)
		if err != nil || p.Operation.Verb != name || len(p.Steps) == 0 {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		if after := everything(); !reflect.DeepEqual(after, before) {
			t.Errorf("after the rehearsal of %s: %d records, want %d", name, len(after), len(before))
		}
	}
	_, err := h.Service.Rehearse(t.Context(), func(s *service.Service) error {
		_, err := s.ResizeCluster(t.Context(), olga, "demo", service.Resize{Count: -1})
		return err
	})
	if jeroboam.KindOf(err) != jeroboam.Invalid {
		t.Errorf("a wish that is refused: %v", err)
	}
	p, err := h.Service.Rehearse(t.Context(), func(s *service.Service) error {
		_, err := s.Cluster(t.Context(), olga, "demo")
		return err
	})
	if err != nil || p.Cluster.ID != "" {
		t.Errorf("a verb that changes nothing: %+v, %v", p, err)
	}
}
