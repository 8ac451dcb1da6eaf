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

// watch knows which machines of a cluster have died, and whether what stands
// before them does.
type watch struct {
	stale     bool // something has happened since the last look
	begun     bool // a user's operation has, and nobody has looked closely since
	last      time.Time
	lost      map[string]bool // machine IDs
	frontLost bool
	look      *look // under way or just landed
	fails     int   // looks in a row that told nothing
}

// look is one at the machines. A close one is also at what they share, and sets
// that right: at rest, because whoever woke the cluster has seen that something
// does not answer, and when a user changes something.
type look struct {
	close     bool
	asked     []string // machines that were made when the look began
	lives     map[string]bool
	told      bool // lives is known
	frontLost bool
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
	l := &look{lives: map[string]bool{}, close: r.op.Load() == nil || r.watch.begun && !r.founding()}
	for _, m := range s.Machines {
		if m.Status.CloudID != "" {
			l.asked = append(l.asked, m.ID)
		}
	}
	r.watch.stale, r.watch.last = false, r.Now()
	if len(l.asked) == 0 {
		r.watch.begun = false // what they will share is yet to be made
		return
	}
	r.watch.look = l
	t := task{run: r, snap: s, driver: d, step: plan.Step{Name: lookName}}
	r.launch(ctx, t.step, func(ctx context.Context) error {
		err := t.look(ctx, l)
		switch {
		case err != nil || !l.close:
			return err
		case l.frontLost: // a step makes it again
			_, err := t.ensureNetwork(ctx)
			return err
		}
		return t.ensureFooting(ctx)
	})
}

func (t task) look(ctx context.Context, l *look) error {
	err := t.call(ctx, "machines", func() error {
		machines, err := t.driver.Cloud.Machines(ctx, t.scope())
		for _, m := range machines {
			l.lives[m.ID] = m.State.Lives()
		}
		return err
	})
	l.told = err == nil
	front, fronted := t.snap.Front()
	if err != nil || !l.close || !fronted {
		return err
	}
	return t.call(ctx, "find "+front.Kind, func() error {
		stands, err := cloud.Stands(ctx, t.driver.Cloud, t.scope(), front)
		l.frontLost = err == nil && !stands
		return err
	})
}

// founding reports whether a step is at what machines share.
func (r *run) founding() bool {
	for _, f := range r.flights {
		if founds(f.step) {
			return true
		}
	}
	return false
}

// founds reports whether a step and a close look are about the same things.
func founds(s plan.Step) bool {
	switch s.Action {
	case plan.MakeNetwork, plan.MakeBalancer, plan.MakeAddress, plan.SetBackends:
		return true
	case plan.DeleteObject:
		return s.Machine.Name == ""
	}
	return false
}

// landed takes in a look. It tells nothing of what it could not see: a cloud
// that does not answer has not lost its machines.
func (w *watch) landed(err error) {
	l := w.look
	w.look = nil
	switch {
	case err != nil:
		w.stale = true
		w.fails++
	case l.close:
		w.fails, w.begun, w.frontLost = 0, false, l.frontLost
	default:
		w.fails = 0
	}
	w.frontLost = w.frontLost || l.frontLost
	if !l.told {
		return
	}
	w.lost = map[string]bool{}
	for _, id := range l.asked {
		if !l.lives[id] {
			w.lost[id] = true
		}
	}
}

// found tells that what a step makes is there, or there again.
func (w *watch) found(s plan.Step) {
	switch s.Action {
	case plan.MakeMachine:
		delete(w.lost, s.Machine.ID)
	case plan.MakeBalancer, plan.MakeAddress:
		w.frontLost = false
	}
}

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
