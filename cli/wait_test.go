package cli

import (
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

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
