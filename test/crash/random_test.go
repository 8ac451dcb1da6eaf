package crash

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/jeroboam-cloud/jeroboam"
	cloudsim "github.com/jeroboam-cloud/jeroboam/cloud/sim"
)

// event is one thing that happens to a cluster, some time after the last one.
type event struct {
	After  time.Duration
	Kind   string // resize, masters, kill, lose, crash, outage
	Count  int
	Remove []string
}

// script is a random life: a create, then events, then perhaps a delete.
type script struct {
	Masters, Workers int
	Address          string // choice of the API's
	Events           []event
	Delete           bool
}

func drawScript(t *rapid.T) script {
	s := script{Masters: rapid.SampledFrom([]int{1, 3}).Draw(t, "masters"), Workers: rapid.IntRange(0, 3).Draw(t, "workers"),
		Address: rapid.SampledFrom([]string{"", "virtual"}).Draw(t, "address"), Delete: rapid.Bool().Draw(t, "delete")}
	for range rapid.IntRange(0, 8).Draw(t, "events") {
		e := event{After: time.Duration(rapid.IntRange(0, 1500).Draw(t, "ms")) * time.Millisecond,
			Kind:  rapid.SampledFrom([]string{"resize", "resize", "masters", "kill", "lose", "crash", "crash", "outage"}).Draw(t, "kind"),
			Count: rapid.IntRange(0, 4).Draw(t, "count")}
		for i := range 4 {
			if rapid.IntRange(0, 4).Draw(t, "named") == 0 {
				e.Remove = append(e.Remove, fmt.Sprint(i))
			}
		}
		s.Events = append(s.Events, e)
	}
	return s
}

// TestWhateverHappensItEndsWell plays random lives: changes of mind in
// mid-flight, machines that die, services that are killed, clouds that do not
// answer; and requires that all of it comes to the end that was asked for last.
func TestWhateverHappensItEndsWell(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScript(rt)
		var story string
		synctest.Test(t, func(t *testing.T) { story = play(t, s) })
		if story != "" {
			rt.Fatalf("%+v\n%s", s, story)
		}
	})
}

// witness turns what a test would fail with into a value.
type witness struct {
	testing.TB
	said string
}

type failed struct{}

func (w *witness) Helper() {}

func (w *witness) Errorf(format string, args ...any) { w.said += fmt.Sprintf(format, args...) + "\n" }

func (w *witness) Fatalf(format string, args ...any) {
	w.Errorf(format, args...)
	panic(failed{})
}

func (w *witness) Fatal(args ...any) { w.Fatalf("%s", fmt.Sprint(args...)) }

// play plays a script and returns what was wrong, "" if nothing was.
func play(t *testing.T, s script) (story string) {
	witness := &witness{TB: t}
	var outage atomic.Int64 // until when no call is answered
	model := pace()
	model.Fault = func(c cloudsim.Call) cloudsim.Fault {
		if time.Now().UnixNano() < outage.Load() {
			return fault(c.Number%2 == 0)
		}
		return cloudsim.Fault{}
	}
	w := newWorld(witness, model, drains())
	w.watched = true
	w.start()
	defer func() { w.stop() }()
	defer func() {
		if r := recover(); r != nil && r != (failed{}) {
			panic(r)
		}
		story = witness.said
	}()
	w.address = s.Address
	last := w.create(s.Masters, s.Workers)
	masters, workers := s.Masters, s.Workers
	state := jeroboam.CreateComplete
	for _, e := range s.Events {
		w.pass(e.After)
		switch e.Kind {
		case "resize":
			last, workers, state = w.resize(e.Count, e.Remove...), e.Count, jeroboam.UpdateComplete
		case "masters":
			if s.Masters > 1 { // one control-plane node has no balancer to grow behind
				masters, state = 3+e.Count/3*2, jeroboam.UpdateComplete
				last = w.masters(masters, e.Remove...)
			}
		case "kill", "lose":
			w.strike(e.Kind, e.Count)
		case "crash":
			w.life.store.StopAfter(e.Count*3 + 1)
		case "outage":
			outage.Store(time.Now().Add(time.Duration(e.Count+1) * 500 * time.Millisecond).UnixNano())
		}
	}
	w.pass(time.Second)
	w.life.store.StopAfter(1 << 40)
	if s.Delete {
		w.await(w.remove())
		w.requireGone()
		return witness.said
	}
	w.await(last)
	w.pass(3 * time.Minute) // for what has died behind the last operation
	w.requireWhole(state, masters, workers)
	return witness.said
}

// pass lets time go by, and starts the service again if it was killed.
func (w *world) pass(d time.Duration) {
	for end := time.Now().Add(d); ; time.Sleep(10 * time.Millisecond) {
		w.revive()
		if !time.Now().Before(end) {
			return
		}
	}
}

func (w *world) masters(count int, remove ...string) string {
	return w.request(jeroboam.VerbResize, func(_ *jeroboam.Cluster, groups []*jeroboam.NodeGroup) {
		groups[0].Spec.Count, groups[0].Spec.Remove, groups[0].Status.State = count, remove, jeroboam.UpdateInProgress
	})
}

// strike hits a worker, if there is one by that number.
func (w *world) strike(kind string, n int) {
	name := fmt.Sprintf("demo-1-worker-%d", n)
	if kind == "kill" {
		_ = w.cloud.Kill(clusterID, name) // none there: nothing dies
		return
	}
	_ = w.cloud.Lose(clusterID, name)
}
