package progress

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
func play(v *View) {
	busy := &jeroboam.Cause{Kind: jeroboam.Unavailable, Detail: "The cloud did not answer."}
	v.Start(wire.Operation{Verb: "create", Summary: "demo", CreatedAt: wire.Time{Time: began}})
	v.Event(step(10*time.Millisecond, "network", jeroboam.StepRunning, nil))
	v.Event(step(20*time.Millisecond, "network", jeroboam.StepRetrying, busy))
	v.Event(step(30*time.Millisecond, "network", jeroboam.StepRetrying, busy))
	v.Event(step(40*time.Millisecond, "machine demo-worker-0", jeroboam.StepRunning, nil))
	v.Event(step(1500*time.Millisecond, "network", jeroboam.StepDone, nil))
	v.End()
}

func TestOnAPipeThereIsOneLineForEachPieceOfNews(t *testing.T) {
	var out bytes.Buffer
	play(New(&out, nil))
	want := "create demo\n" +
		"    0.02s  network                           retrying: The cloud did not answer.\n" +
		"    1.50s  network                           done\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestOnATerminalTheStepsUnderWayAreRedrawnBelow(t *testing.T) {
	var out bytes.Buffer
	v := New(&out, nil)
	v.width = 60
	play(v)
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
