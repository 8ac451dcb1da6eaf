package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/journal"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/trouble"
	"github.com/jeroboam-cloud/jeroboam/plan"
)

// run is one stay of the engine at one cluster. Only its own goroutine touches
// the fields; steps under way get a task and see no more than op.
type run struct {
	*Engine
	id      string                             // of the cluster
	op      atomic.Pointer[jeroboam.Operation] // the open one, nil for none
	flights map[string]*flight                 // by step name
	landed  chan landing
	lines   journal.Lines
	written chan struct{} // closed when what the turn says is in the journal
	// unconfigurable is why machines cannot be configured.
	unconfigurable error
	watch          watch
	prober         prober
	idle           time.Time // since when nothing has happened
}

// flight is a step under way.
type flight struct {
	step   plan.Step
	cancel context.CancelFunc
	ended  func(jeroboam.StepState, error) // see Observer
}

// stopped tells of a flight that nobody waits for any more; it may have got to
// its end all the same, as the step that forgets the cluster itself.
func (f *flight) stopped(err error) {
	if err == nil {
		f.ended(jeroboam.StepDone, nil)
		return
	}
	f.ended("", err)
}

// landing is how a flight ended.
type landing struct {
	name string
	err  error
}

const (
	// linger is how long a run stays when nothing happens, before it makes room
	// for another cluster: coming back costs more than staying for a moment.
	linger = 5 * time.Second
	// slowLook is when a run that waits for machines comes back though nothing
	// woke it.
	slowLook = time.Minute
)

// converge is the Worker's Run: it stays as long as there is something to do
// soon. When it returns no step is under way.
func (e *Engine) converge(ctx context.Context, cluster string, woken <-chan struct{}) (time.Duration, error) {
	r := &run{Engine: e, id: cluster, flights: map[string]*flight{}, landed: make(chan landing),
		lines: journal.NewLines(), watch: watch{stale: true}, idle: e.Now()}
	e.working.Add(1)
	defer e.working.Add(-1)
	defer r.ground()
	for {
		leave, after, err := r.inTurn(ctx, woken)
		if err != nil || (leave && len(r.flights) == 0) {
			return after, err
		}
		if err := r.await(ctx, after, woken); err != nil {
			return 0, err
		}
	}
}

// inTurn takes a turn when it is polite to, with all that has happened by then.
func (r *run) inTurn(ctx context.Context, woken <-chan struct{}) (leave bool, after time.Duration, err error) {
	defer r.Pace.Work(ctx)()
	r.landMore()
	select {
	case <-woken:
		r.watch.stale, r.idle = true, r.Now()
	default:
	}
	return r.turn(ctx)
}

// await returns when something has happened, or after a time if it is not zero.
func (r *run) await(ctx context.Context, after time.Duration, woken <-chan struct{}) error {
	var due <-chan time.Time
	if after > 0 {
		timer := time.NewTimer(after)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case l := <-r.landed:
		r.land(l)
		r.landMore()
	case <-woken:
		r.watch.stale, r.idle = true, r.Now()
	case <-due:
	}
	return nil
}

// landMore takes in what else has ended by now, so that many steps that end
// together cost one turn.
func (r *run) landMore() {
	for len(r.flights) > 0 {
		select {
		case l := <-r.landed:
			r.land(l)
		default:
			return
		}
	}
}

// ground cancels what is under way and waits for it.
func (r *run) ground() {
	for _, f := range r.flights {
		f.cancel()
	}
	for len(r.flights) > 0 {
		l := <-r.landed
		r.flights[l.name].cancel()
		r.flights[l.name].stopped(l.err)
		delete(r.flights, l.name)
	}
}

// launch starts do, which ends before converge returns: see ground.
func (r *run) launch(ctx context.Context, step plan.Step, do func(context.Context) error) {
	ctx, cancel := context.WithCancel(ctx)
	ended := func(jeroboam.StepState, error) {} // looking and probing are no steps
	if op := r.op.Load(); op != nil && step.Action != "" {
		ctx, ended = r.Observer.Step(ctx, *op, string(step.Action), step.Name)
	}
	r.flights[step.Name] = &flight{step: step, cancel: cancel, ended: ended}
	go func() { r.landed <- landing{name: step.Name, err: do(ctx)} }()
}

// land takes in how a flight ended.
func (r *run) land(l landing) {
	f := r.flights[l.name]
	f.cancel()
	delete(r.flights, l.name)
	switch l.name {
	case probeName:
		r.prober.landed(l.err, r.Now())
	case lookName:
		r.watch.landed(l.err)
		if l.err != nil && !errors.Is(l.err, context.Canceled) {
			r.Log.Warn("look", slog.String("cluster", r.id), slog.String("kind", string(jeroboam.KindOf(l.err))), slog.String("error", l.err.Error()))
		}
	default:
		r.landStep(f, l.err)
	}
}

func (r *run) landStep(f *flight, err error) {
	r.idle = r.Now()
	op := r.op.Load()
	if op == nil || errors.Is(err, context.Canceled) {
		f.stopped(err)
		return // the plan no longer holds the step, or all has ended
	}
	name, p := f.step.Name, r.pauses.Get(r.id, f.step.Name)
	if l, ok := asLater(err); ok {
		r.pauses.Set(r.id, name, p.Wait(r.Now()))
		r.lines.Say(name, journal.Entry{State: jeroboam.StepWaiting, Message: l.message})
		f.ended(jeroboam.StepWaiting, nil)
		return
	}
	if err != nil {
		f.ended(r.failed(op, name, p, err), err)
		return
	}
	f.ended(jeroboam.StepDone, nil)
	r.pauses.Set(r.id, name, trouble.Pause{})
	r.lines.Closed(name)
	r.watch.found(f.step)
	r.logEntry(op, name, jeroboam.StepDone, p.Attempts+1, nil)
}

// failed decides when a step that met trouble is tried again, and says how it
// stands until then.
func (r *run) failed(op *jeroboam.Operation, name string, p trouble.Pause, err error) jeroboam.StepState {
	if p.Attempts++; p.Attempts == 1 {
		p.Since = r.Now()
	}
	v := journal.Entry{Cause: jeroboam.CauseOf(err)}
	switch trouble.Judge(err, p.Attempts, r.Now().Sub(p.Since), !op.Deadline.IsZero()) {
	case trouble.Retry:
		p.Until, v.State = r.Now().Add(trouble.Backoff(p.Attempts)), jeroboam.StepRetrying
	case trouble.Block:
		p.Until, v.State = r.Now().Add(trouble.Blocked), jeroboam.StepBlocked
	case trouble.GiveUp:
		p.Until, v.State = r.Now().Add(trouble.Blocked), jeroboam.StepFailed
	}
	r.pauses.Set(r.id, name, p)
	r.lines.Say(name, v)
	r.logEntry(op, name, v.State, p.Attempts, err)
	return v.State
}

// logEntry writes the one log line of a step's end.
func (e *Engine) logEntry(op *jeroboam.Operation, name string, state jeroboam.StepState, attempt int, err error) {
	attrs := []any{slog.String("project", op.Project), slog.String("cluster", op.Cluster), slog.String("operation", op.ID),
		slog.String("step", name), slog.String("state", string(state)), slog.Int("attempt", attempt)}
	if err == nil {
		e.Log.Info("step", attrs...)
		return
	}
	attrs = append(attrs, slog.String("kind", string(jeroboam.KindOf(err))), slog.String("error", err.Error()))
	e.Log.Warn("step", attrs...)
}
