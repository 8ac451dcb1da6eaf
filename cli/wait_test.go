package cli

import (
	"io"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/client"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

// TestWhatAnOperationDidNotFindIsNoClusterThatIsGone: both are NotFound, and only
// the latter is the success of a deletion.
func TestWhatAnOperationDidNotFindIsNoClusterThatIsGone(t *testing.T) {
	h, olga := apikit.New(t), jeroboam.Caller{UserID: "olga", ProjectID: "p1", Roles: []string{"member", "reader"}}
	s, err := client.New(client.Options{Endpoint: h.Server.URL + "/v1", Token: jeroboam.Secret(h.Token("olga", "p1", "member", "reader"))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = h.Service.CreateTemplate(t.Context(), olga, jeroboam.Template{Name: "k8s", COE: apikit.COE, Image: apikit.Image, Flavor: apikit.Flavor, ServerType: "vm"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := h.Service.CreateCluster(t.Context(), olga, service.ClusterRequest{Template: "k8s"})
	if err != nil {
		t.Fatal(err)
	}
	err = h.Store.Update(t.Context(), func(tx store.Tx) error {
		op, err := store.Edit(tx, c.Status.Operation, func(op *jeroboam.Operation) {
			op.State, op.Cause = jeroboam.OperationFailed, &jeroboam.Cause{Kind: jeroboam.NotFound, Reason: "flavor", Detail: "Unable to find flavor huge."}
		})
		if err != nil {
			return err
		}
		return store.Put(tx, &jeroboam.Event{ID: "end", Cluster: c.ID, Project: c.Project, Operation: op.ID, Type: "operation", State: string(op.State)})
	})
	if err != nil {
		t.Fatal(err)
	}
	a := &app{stderr: io.Discard}
	if err := a.follow(t.Context(), s, c.ID, time.Minute); exitCode(err) != exitNotFound {
		t.Errorf("a flavor that is not there: %v", err)
	}
	if err := a.follow(t.Context(), s, "00000000-0000-4000-8000-0000000000ff", time.Minute); err != nil {
		t.Errorf("a cluster that is gone: %v", err)
	}
}

func TestAFailedOperationFailsTheCommandWithItsCause(t *testing.T) {
	cause := &jeroboam.Cause{Kind: jeroboam.QuotaExceeded, Reason: "quota", Detail: "No cores are left.", Remedy: "Ask for more."}
	err := failure(wire.Operation{Verb: "create", State: jeroboam.OperationFailed, Cause: cause})
	e, _ := jeroboam.AsError(err)
	if e == nil || e.Kind != jeroboam.QuotaExceeded || e.Detail != cause.Detail || e.Remedy != cause.Remedy {
		t.Errorf("got %v", err)
	}
	if err := failure(wire.Operation{State: jeroboam.OperationComplete}); err != nil {
		t.Errorf("a complete one: %v", err)
	}
	if err := failure(wire.Operation{State: jeroboam.OperationSuperseded}); jeroboam.KindOf(err) != jeroboam.Conflict {
		t.Errorf("a superseded one: %v", err)
	}
}
