package engine

import (
	"context"
	"strings"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/journal"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/snapshot"
	"github.com/jeroboam-cloud/jeroboam/plan"
)

// start begins every step that may begin now.
func (r *run) start(ctx context.Context, s *snapshot.Snapshot, d Driver, steps []plan.Step) {
	var awaited []plan.Step
	for _, step := range plan.Ready(steps) {
		switch step.Action {
		case plan.AwaitJoin, plan.AwaitConfig:
			r.lines.Say(step.Name, r.waiting(s, step))
		case plan.AwaitReady:
			awaited = append(awaited, step)
			r.lines.Say(step.Name, journal.Entry{State: jeroboam.StepWaiting, Message: r.prober.message(step.Machine, r.unchanged, r.Now())})
		default:
			r.begin(ctx, s, d, step)
		}
	}
	r.inquire(ctx, s, d, awaited)
}

// waiting is the line of a step that is done by a machine's agent: it says what
// the agent has to say.
func (r *run) waiting(s *snapshot.Snapshot, step plan.Step) journal.Entry {
	m := step.Machine
	switch {
	case step.Action == plan.AwaitJoin:
		return journal.Entry{State: jeroboam.StepWaiting, Message: "the machine's agent has not called yet"}
	case m.Status.Cause != nil:
		return journal.Entry{State: jeroboam.StepBlocked, Cause: m.Status.Cause}
	case r.unconfigurable != nil:
		return journal.Entry{State: jeroboam.StepBlocked, Cause: jeroboam.CauseOf(r.unconfigurable)}
	}
	message := unsettled(m.Status.Services)
	if message == "" && r.Now().Sub(m.Status.JoinedAt) > 2*quiet {
		message = unready(m.Status.Services)
	}
	return journal.Entry{State: jeroboam.StepWaiting, Message: message}
}

// unready names the services that a machine still waits for.
func unready(services []jeroboam.ServiceState) string {
	var out []string
	for _, s := range services {
		if s.State == "waiting" || s.State == "starting" || s.State == "running" {
			out = append(out, s.Name)
		}
	}
	if out == nil {
		return ""
	}
	return "not ready yet: " + strings.Join(out, ", ")
}

// unsettled names the services that do not stay up, with the last thing each of
// them said, so that nobody has to look for a log to learn why a step waits.
func unsettled(services []jeroboam.ServiceState) string {
	var out []string
	for _, s := range services {
		if s.State != "backoff" && s.State != "failed" {
			continue
		}
		line := s.Name + " does not stay up"
		if said := strings.TrimSpace(s.Message); said != "" {
			line += ": " + said[strings.LastIndexByte(said, '\n')+1:]
		}
		out = append(out, line)
	}
	return strings.Join(out, "; ")
}

// begin starts one step, unless it is under way, has to pause, or something
// else is still being done to the same object.
func (r *run) begin(ctx context.Context, s *snapshot.Snapshot, d Driver, step plan.Step) {
	if r.flights[step.Name] != nil || r.busy() >= r.Limits.PerCluster {
		return
	}
	if r.Now().Before(r.pauses.Get(r.id, step.Name).Until) || r.occupied(step) {
		return
	}
	if said, _ := r.lines.Said(step.Name); said.State != jeroboam.StepWaiting { // which goes on, look by look
		r.lines.Say(step.Name, journal.Entry{State: jeroboam.StepRunning})
	}
	t := task{run: r, snap: s, driver: d, step: step, op: *r.op.Load()}
	written := r.written
	r.launch(ctx, step, func(ctx context.Context) error {
		// Else a quick one ends its line before the turn says that it runs.
		select {
		case <-written:
			return t.do(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// occupied reports whether a step under way is about the same thing: a machine
// whose making was cancelled is not deleted before the call has returned, and
// the sweep waits for everybody.
func (r *run) occupied(step plan.Step) bool {
	if l := r.watch.look; l != nil && l.close && founds(step) {
		return true
	}
	if step.Action == plan.Sweep {
		return r.busy() > 0
	}
	for _, f := range r.flights {
		if subject(f.step) == subject(step) {
			return true
		}
	}
	return false
}

func subject(s plan.Step) string {
	switch {
	case s.Machine.Name != "":
		return jeroboam.KindMachine + " " + s.Machine.Name
	case s.Action == plan.DeleteObject:
		return s.Object.Kind
	case s.Action == plan.SetBackends:
		return jeroboam.KindBalancer
	case s.Group != "":
		return "group " + s.Group
	}
	return string(s.Action)
}

// horizon says whether to stay, and when to look again though nothing happens.
func (r *run) horizon(steps []plan.Step) (leave bool, after time.Duration) {
	now := r.Now()
	after = slowLook
	sooner := func(d time.Duration) { after = min(after, max(d, time.Millisecond)) }
	for _, step := range plan.Ready(steps) {
		if step.Action == plan.AwaitReady && r.prober.probe == nil {
			sooner(r.prober.due(now))
		}
		if p := r.pauses.Get(r.id, step.Name); now.Before(p.Until) && r.flights[step.Name] == nil {
			sooner(p.Until.Sub(now))
		}
	}
	if due, wait := r.watch.due(now); !due && wait > 0 {
		sooner(wait)
	}
	if op := r.op.Load(); !op.Deadline.IsZero() {
		sooner(op.Deadline.Sub(now))
	}
	if stay := r.idle.Add(linger).Sub(now); stay > 0 {
		return false, min(after, stay)
	}
	return after > linger, after
}
