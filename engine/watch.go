package engine

import (
	"context"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/snapshot"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/trouble"
	"github.com/jeroboam-cloud/jeroboam/plan"
)

// lookName is the flight that asks the cloud which machines live. It is no
// step: nobody needs to read that somebody looked.
const lookName = "(look)"

// lookEvery is the least time between two looks of one run.
const lookEvery = time.Second

// watch knows which machines of a cluster have died.
type watch struct {
	stale bool // something has happened since the last look
	last  time.Time
	lost  map[string]bool // machine IDs
	look  *look           // under way or just landed
	fails int             // looks in a row that told nothing
}

type look struct {
	asked []string // machines that were made when the look began
	lives map[string]bool
}

// due reports whether it is time to look, or else how long to wait for it.
func (w *watch) due(now time.Time) (bool, time.Duration) {
	if !w.stale || w.look != nil {
		return false, 0
	}
	wait := w.last.Add(max(lookEvery, trouble.Backoff(w.fails+1))).Sub(now)
	return wait <= 0, max(wait, 0)
}

func (r *run) startLook(ctx context.Context, s *snapshot.Snapshot, d Driver) {
	l := &look{lives: map[string]bool{}}
	for _, m := range s.Machines {
		if m.Status.CloudID != "" {
			l.asked = append(l.asked, m.ID)
		}
	}
	r.watch.stale, r.watch.last = false, r.Now()
	if len(l.asked) == 0 {
		return
	}
	r.watch.look = l
	t := task{run: r, snap: s, driver: d, step: plan.Step{Name: lookName}}
	atRest := r.op.Load() == nil
	r.launch(ctx, t.step, func(ctx context.Context) error {
		if err := t.look(ctx, l); err != nil || !atRest {
			return err
		}
		// Whoever woke a cluster at rest has seen that something does not answer.
		return t.ensureFooting(ctx)
	})
}

func (t task) look(ctx context.Context, l *look) error {
	return t.call(ctx, "machines", func() error {
		machines, err := t.driver.Cloud.Machines(ctx, t.scope())
		for _, m := range machines {
			l.lives[m.ID] = m.State == cloud.Active || m.State == cloud.Building
		}
		return err
	})
}

// landed takes in a look. One that failed tells nothing: a cloud that does not
// answer has not lost its machines.
func (w *watch) landed(err error) {
	l := w.look
	w.look = nil
	if err != nil {
		w.stale = true
		w.fails++
		return
	}
	w.fails = 0
	w.lost = map[string]bool{}
	for _, id := range l.asked {
		if !l.lives[id] {
			w.lost[id] = true
		}
	}
}

// found tells that a machine has been made or started again.
func (w *watch) found(id string) { delete(w.lost, id) }

// needsRepair reports whether a cluster that should be whole has lost something
// the engine can mend. A machine whose agent is away only has to come back.
func needsRepair(steps []plan.Step, machines []jeroboam.Machine) bool {
	connected := map[string]bool{}
	for _, m := range machines {
		connected[m.ID] = m.Status.Connected
	}
	for _, s := range steps {
		waits := s.Action == plan.Update || s.Action == plan.AwaitConfig || s.Action == plan.AwaitReady
		if !waits || connected[s.Machine.ID] {
			return true
		}
	}
	return false
}
