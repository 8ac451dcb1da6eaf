package jobs

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestFollow(t *testing.T) {
	at := time.Date(2026, 11, 21, 7, 25, 0, 0, time.UTC)
	failed := errors.New("failed")
	for name, test := range map[string]struct {
		was  int // failures before
		how  outcome
		want next
		more bool
	}{
		"a run that has nothing to do leaves no job":  {3, outcome{}, next{}, false},
		"one that asks for more comes back then":      {3, outcome{again: time.Minute}, next{at: at.Add(time.Minute)}, true},
		"one that missed a wake comes back at once":   {3, outcome{rerun: true, again: time.Minute}, next{}, true},
		"a first failure is repeated soon":            {0, outcome{err: failed}, next{args: args{Failures: 1}, at: at.Add(250 * time.Millisecond)}, true},
		"each further one waits twice as long":        {3, outcome{err: failed}, next{args: args{Failures: 4}, at: at.Add(2 * time.Second)}, true},
		"but never more than 30 s":                    {1000, outcome{err: failed}, next{args: args{Failures: 1001}, at: at.Add(30 * time.Second)}, true},
		"a failure that missed a wake comes at once":  {3, outcome{err: failed, rerun: true}, next{args: args{Failures: 4}}, true},
		"a failure counts more than asking for again": {0, outcome{err: failed, again: time.Hour}, next{args: args{Failures: 1}, at: at.Add(250 * time.Millisecond)}, true},
	} {
		test.how.at = at
		test.want.Cluster = ""
		if test.more {
			test.want.Cluster = "c"
		}
		got, more := follow(args{Cluster: "c", Failures: test.was}, test.how)
		if got != test.want || more != test.more {
			t.Errorf("%s: %+v, %v; want %+v, %v", name, got, more, test.want, test.more)
		}
	}
}

func TestTheClockStrikesAtTheEarliestTimeItWasSetTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		begin := time.Now()
		go func() {
			c.set(begin.Add(time.Hour))
			time.Sleep(time.Second)
			c.set(begin.Add(10 * time.Second))
			c.set(begin.Add(20 * time.Second))
		}()
		if err := c.wait(t.Context()); err != nil || time.Since(begin) != 10*time.Second {
			t.Errorf("struck after %v, %v; want 10 s", time.Since(begin), err)
		}
		c.set(begin)
		if err := c.wait(t.Context()); err != nil || time.Since(begin) != 10*time.Second {
			t.Errorf("a time that has passed struck after %v, %v; want at once", time.Since(begin), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
		defer cancel()
		if err := c.wait(ctx); err == nil {
			t.Error("a clock that is not set struck")
		}
	})
}
