package crash

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// TestAQuotaBlocksWithItsRemedyAndResumesByItself: the cause shows at once, and
// when a person has removed it nobody has to ask again.
func TestAQuotaBlocksWithItsRemedyAndResumesByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		model := pace()
		model.Quota = 2
		w := newWorld(t, model, drains())
		w.start()
		defer w.stop()
		op := w.create(1, 2)
		time.Sleep(10 * time.Second)
		blocked := w.operation(op)
		if blocked.State != jeroboam.OperationBlocked || blocked.Cause == nil || blocked.Cause.Kind != jeroboam.QuotaExceeded || blocked.Cause.Remedy == "" {
			t.Fatalf("the operation is %s, %+v\n%s", blocked.State, blocked.Cause, w.journal())
		}
		if c := w.cluster(); c.Status.State != jeroboam.CreateInProgress || !strings.Contains(c.Status.Reason, "2 machines") {
			t.Errorf("the cluster shows %+v", c.Status)
		}
		w.cloud.SetQuota(3)
		w.await(op)
		w.requireWhole(jeroboam.CreateComplete, 1, 2)
		if took := time.Since(blocked.CreatedAt); took > time.Minute {
			t.Errorf("it took %v to resume", took)
		}
	})
}

// TestACreateWhoseTimeIsUpFailsWithItsCauseAndCanBeResumedOrDeleted
func TestACreateWhoseTimeIsUpFailsWithItsCause(t *testing.T) {
	for name, next := range map[string]func(*world) string{
		"and is resumed by a later change": func(w *world) string { w.cloud.SetQuota(9); return w.resize(2) },
		"and is deleted":                   func(w *world) string { return w.remove() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				model := pace()
				model.Quota = 2
				w := newWorld(t, model, drains())
				w.start()
				defer w.stop()
				op := w.create(1, 2)
				w.await(op)
				failed := w.operation(op)
				if failed.State != jeroboam.OperationFailed || failed.Cause.Kind != jeroboam.Timeout ||
					!strings.Contains(failed.Cause.Detail, "may have 2 machines") || !strings.Contains(failed.Cause.Remedy, "larger quota") {
					t.Fatalf("the operation is %s, %+v", failed.State, failed.Cause)
				}
				if c := w.cluster(); c.Status.State != jeroboam.CreateFailed || c.Status.Reason == "" {
					t.Errorf("the cluster shows %+v", c.Status)
				}
				time.Sleep(time.Hour)
				if n := len(w.cloud.Held(clusterID)); n != 4 {
					t.Errorf("the failed create holds %d objects, want the network, the credential and two machines", n)
				}
				w.await(next(w))
				if name == "and is deleted" {
					w.requireGone()
				} else {
					w.requireWhole(jeroboam.UpdateComplete, 1, 2)
				}
			})
		})
	}
}

// TestALostMachineIsMadeAgain: one that stopped is started, one that is gone
// is made anew, and the cluster's users see no change of state.
func TestALostMachineIsMadeAgain(t *testing.T) {
	for name, strike := range map[string]func(*world, string) error{
		"stopped": func(w *world, m string) error { return w.cloud.Kill(clusterID, m) },
		"gone":    func(w *world, m string) error { return w.cloud.Lose(clusterID, m) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, pace(), drains())
				w.watched = true
				w.start()
				defer w.stop()
				w.await(w.create(3, 2))
				for _, m := range []string{"demo-1-worker-1", "demo-1-master-0"} {
					if err := strike(w, m); err != nil {
						t.Fatal(err)
					}
					time.Sleep(5 * time.Second)
					w.requireWhole(jeroboam.CreateComplete, 3, 2)
					if !w.cloud.Nodes(clusterID)[m] {
						t.Fatalf("%s is not back after 5 s\n%s", m, w.journal())
					}
				}
			})
		})
	}
}

// TestALaterChangeTakesOver: the older operation is superseded, nothing of it
// is left open, and the end is the later one's.
func TestALaterChangeTakesOver(t *testing.T) {
	for _, after := range []time.Duration{0, 50 * time.Millisecond, 300 * time.Millisecond, 700 * time.Millisecond, 900 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, pace(), drains())
			w.start()
			defer w.stop()
			create := w.create(3, 2)
			time.Sleep(after)
			resize := w.resize(4)
			time.Sleep(after)
			remove := w.remove()
			w.await(remove)
			w.requireGone()
			for _, op := range []string{create, resize} {
				if s := w.operation(op).State; !s.Ended() {
					t.Errorf("after %v, %s is %s", after, op, s)
				}
				w.requireClosed(op)
			}
			w.requireClosed(remove)
		})
	}
}

// TestAnEndedOperationDoesNothingMore: at rest the engine makes no calls.
func TestAnEndedOperationDoesNothingMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, pace(), drains())
		w.start()
		defer w.stop()
		w.await(w.create(3, 3))
		time.Sleep(time.Second)
		calls, commits := w.cloud.Calls(), w.life.store.Commits()
		time.Sleep(24 * time.Hour)
		if w.cloud.Calls() != calls || w.life.store.Commits() != commits {
			t.Errorf("%d calls and %d writes while nothing happened", w.cloud.Calls()-calls, w.life.store.Commits()-commits)
		}
	})
}

// requireClosed checks that no line of an ended operation's journal is open.
func (w *world) requireClosed(op string) {
	w.t.Helper()
	steps, err := read(w, func(tx store.Tx) ([]jeroboam.Step, error) {
		return store.List[jeroboam.Step](tx, store.Query{Parent: op})
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range steps {
		if s.State != jeroboam.StepDone && s.State != jeroboam.StepFailed || s.FinishedAt.IsZero() {
			w.t.Errorf("step %s of %s is left %s\n%s", s.Name, op, s.State, w.journal())
		}
	}
}

func (w *world) cluster() jeroboam.Cluster {
	c, err := read(w, func(tx store.Tx) (jeroboam.Cluster, error) { return store.Get[jeroboam.Cluster](tx, clusterID) })
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}
