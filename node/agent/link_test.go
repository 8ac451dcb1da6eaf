package agent

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node/agent/internal/supervise"
)

func TestAnAgentKnocksLessAndLessAndSeldomWhenItsMachineIsNoMore(t *testing.T) {
	pauses := supervise.Backoff{First: redialFirst, Last: redialLast}
	away := errors.New("nobody answers")
	for _, most := range []time.Duration{100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000} {
		most *= time.Millisecond
		if got := redialPause(away, &pauses); got < most/2 || got > most {
			t.Errorf("got %v, want between %v and %v", got, most/2, most)
		}
	}
	gone := fmt.Errorf("stream: %w", jeroboam.Errorf(jeroboam.NotFound, "machine", "The machine is no more."))
	if got := redialPause(gone, &pauses); got < redialGone/2 || got > redialGone {
		t.Errorf("got %v, want up to %v", got, redialGone)
	}
}
