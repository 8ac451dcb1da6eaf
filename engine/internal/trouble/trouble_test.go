package trouble

import (
	"errors"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
)

func TestErrorsAreMetByTheirKind(t *testing.T) {
	of := func(k jeroboam.Kind) error { return jeroboam.Errorf(k, "test", "It did not work.") }
	for name, c := range map[string]struct {
		err      error
		attempt  int
		since    time.Duration
		deadline bool
		want     Verdict
	}{
		"a cloud that is away":                                {of(jeroboam.Unavailable), 50, time.Minute, false, Retry},
		"one that is away for longer than anybody waits":      {of(jeroboam.Timeout), 50, 2 * time.Hour, false, GiveUp},
		"one that is away while the operation has a deadline": {of(jeroboam.Unavailable), 50, 2 * time.Hour, true, Retry},
		"our own fault, at first":                             {errors.New("nil map"), 7, time.Second, true, Retry},
		"our own fault, again and again":                      {errors.New("nil map"), 8, time.Second, true, GiveUp},
		"a quota":                                             {of(jeroboam.QuotaExceeded), 1, 0, true, Block},
		"a disruption budget":                                 {of(jeroboam.Conflict), 99, 9 * time.Hour, false, Block},
	} {
		if got := Judge(c.err, c.attempt, c.since, c.deadline); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

func TestBackoffDoublesUpToItsLimit(t *testing.T) {
	for attempt, want := range map[int]time.Duration{0: 100 * time.Millisecond, 1: 100 * time.Millisecond, 2: 200 * time.Millisecond,
		5: 1600 * time.Millisecond, 10: 30 * time.Second, 1000: 30 * time.Second} {
		if got := Backoff(attempt); got != want {
			t.Errorf("after %d attempts: %v, want %v", attempt, got, want)
		}
	}
}

func TestPausesAreKeptForStepsThatArePlanned(t *testing.T) {
	var p Pauses
	now := time.Unix(1000, 0)
	p.Set("c1", "network", Pause{Until: now, Attempts: 3})
	p.Set("c1", "balancer", Pause{Attempts: 1})
	p.Set("c2", "network", Pause{}.Wait(now))
	p.Keep("c1", map[string]bool{"network": true, "other": true})
	if p.Get("c1", "network").Attempts != 3 || p.Get("c1", "balancer") != (Pause{}) {
		t.Errorf("%+v", p.until)
	}
	first := p.Get("c2", "network")
	if first.Until != now.Add(firstLook) || first.Wait(now.Add(8*time.Second)).Until != now.Add(10*time.Second) {
		t.Errorf("%+v", first)
	}
	p.Keep("c2", nil)
	p.Keep("c3", nil)
	if len(p.until) != 1 {
		t.Errorf("%+v", p.until)
	}
}
