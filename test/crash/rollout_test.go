package crash

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
)

// TestANewConfigGoesRoundByTurns: a service that comes back with other software
// changes its clusters by one control-plane node and one worker at a time,
// wherever it is cut off, and their users see no change of state.
func TestANewConfigGoesRoundByTurns(t *testing.T) {
	for _, cut := range []int{0, 3, 9} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, pace(), drains())
			w.start()
			defer func() { w.stop() }()
			w.await(w.create(3, 4))
			before := w.applied()
			w.stop()
			w.digit = "1"
			w.start()
			if cut > 0 {
				w.life.store.StopAfter(cut)
			}
			last := before
			for range 800 {
				w.revive()
				w.requireTurns()
				now := w.applied()
				if n := changes(last, now); n > 1 {
					t.Fatalf("%d machines took a config at once\n%s", n, w.journal())
				}
				last = now
				time.Sleep(20 * time.Millisecond)
			}
			w.requireWhole(jeroboam.CreateComplete, 3, 4)
			for name, digest := range w.applied() {
				if digest == before[name] {
					t.Errorf("cut off after %d writes, %s was left behind\n%s", cut, name, w.journal())
				}
			}
		})
	}
}

func changes(before, after map[string]string) int {
	n := 0
	for name, digest := range after {
		if digest != before[name] {
			n++
		}
	}
	return n
}

func (w *world) applied() map[string]string {
	out := map[string]string{}
	for _, m := range list[jeroboam.Machine](w) {
		out[m.Name] = m.Status.AppliedConfig
	}
	return out
}

// requireTurns checks that no more than one machine of each role is changing.
func (w *world) requireTurns() {
	w.t.Helper()
	down := map[string]int{}
	for _, m := range list[jeroboam.Machine](w) {
		if m.Status.ReadyAt.IsZero() {
			down[m.Role]++
		}
	}
	if down[jeroboam.RoleMaster]+down[jeroboam.RoleWorker] > 1 {
		w.t.Fatalf("%v machines change at once\n%s", down, w.journal())
	}
}
