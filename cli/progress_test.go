package cli

import (
	"bytes"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

var began = time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)

func step(after time.Duration, name string, state jeroboam.StepState, cause *jeroboam.Cause) wire.Event {
	return wire.Event{Type: "step", Step: name, State: string(state), Cause: cause, At: wire.Time{Time: began.Add(after)}}
}

// play shows a short operation: a step that meets trouble twice in the same
// way, one that goes well, and one that is still under way.
func play(p *progress) {
	busy := &jeroboam.Cause{Kind: jeroboam.Unavailable, Detail: "The cloud did not answer."}
	p.start(wire.Operation{Verb: "create", Summary: "demo", CreatedAt: wire.Time{Time: began}})
	p.event(step(10*time.Millisecond, "network", jeroboam.StepRunning, nil))
	p.event(step(20*time.Millisecond, "network", jeroboam.StepRetrying, busy))
	p.event(step(30*time.Millisecond, "network", jeroboam.StepRetrying, busy))
	p.event(step(40*time.Millisecond, "machine demo-worker-0", jeroboam.StepRunning, nil))
	p.event(step(1500*time.Millisecond, "network", jeroboam.StepDone, nil))
	p.end()
}

func TestOnAPipeThereIsOneLineForEachPieceOfNews(t *testing.T) {
	var out bytes.Buffer
	play(newProgress(&out))
	want := "create demo\n" +
		"    0.02s  network                           retrying: The cloud did not answer.\n" +
		"    1.50s  network                           done\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestOnATerminalTheStepsUnderWayAreRedrawnBelow(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out)
	p.width = 60
	play(p)
	want := "create demo\n" +
		"     ...   network                           running\n" +
		"\x1b[1A\x1b[J" +
		"    0.02s  network                           retrying: The cloud did not answer.\n" +
		"     ...   network                           retrying: The \n" +
		"\x1b[1A\x1b[J" +
		"     ...   network                           retrying: The \n" +
		"\x1b[1A\x1b[J" +
		"     ...   network                           retrying: The \n" +
		"     ...   machine demo-worker-0             running\n" +
		"\x1b[2A\x1b[J" +
		"    1.50s  network                           done\n" +
		"     ...   machine demo-worker-0             running\n" +
		"\x1b[1A\x1b[J"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
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
