package engine

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/configs"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/journal"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/snapshot"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// repairPause is how long the engine leaves a cluster alone whose repair failed.
const repairPause = time.Minute

// turn looks at the cluster once, starts what may start, writes down how things
// stand, and says whether there is a reason to stay and when to look again.
func (r *run) turn(ctx context.Context) (leave bool, after time.Duration, err error) {
	s, err := snapshot.Load(ctx, r.Store, r.id)
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		r.forget()
		return true, 0, nil
	}
	if err != nil {
		return true, 0, err
	}
	if err := r.takeUp(ctx, s); err != nil {
		return true, 0, err
	}
	d, err := r.Drivers.Of(s.Cluster)
	if err != nil {
		return r.stuck(ctx, err)
	}
	if r.op.Load() == nil && !s.Cluster.Status.State.Resting() {
		r.cancelAllBut(nil)
		return true, 0, nil // failed: it waits for a person's next word
	}
	if due, _ := r.watch.due(r.Now()); due && !s.Cluster.Spec.Deleted {
		r.startLook(ctx, s, d)
	}
	steps := r.plan(ctx, s, d)
	if r.op.Load() == nil {
		stay, after, err := r.mend(ctx, s, steps)
		if err != nil || r.op.Load() == nil {
			return !stay, after, err
		}
	}
	return r.advance(ctx, s, d, steps)
}

// forget drops what is remembered of a cluster that is no more.
func (r *run) forget() {
	r.configs.Forget(r.id)
	r.authorities.Forget(r.id)
	r.pauses.Keep(r.id, nil)
}

// takeUp makes the newest open operation the run's own.
func (r *run) takeUp(ctx context.Context, s *snapshot.Snapshot) error {
	have := r.op.Load()
	n := len(s.Operations)
	switch {
	case n == 0:
		r.op.Store(nil)
		return nil
	case n == 1 && have != nil && have.ID == s.Operations[0].ID:
		r.op.Store(&s.Operations[0])
		return nil
	}
	var op *jeroboam.Operation
	var lines journal.Lines
	err := store.Retry(ctx, r.Store, func(tx store.Tx) (err error) {
		if op, err = r.journal.Open(tx, s.Operations); err != nil {
			return err
		}
		lines, err = journal.Reopen(tx, *op)
		return err
	})
	if err != nil {
		return err
	}
	for _, old := range s.Operations[:n-1] {
		r.ended(old, jeroboam.OperationSuperseded, nil)
	}
	if s.Newest.State == jeroboam.OperationPending {
		r.pauses.Keep(r.id, nil) // a new word of the user: no old back-off counts
		r.watch.begun, r.watch.stale = true, true
	}
	r.op.Store(op)
	r.lines = lines
	return nil
}

// plan asks what is left to do.
func (r *run) plan(ctx context.Context, s *snapshot.Snapshot, d Driver) []plan.Step {
	actual := plan.Actual{Authorities: s.Authorities, Machines: s.Machines, Ledger: s.Ledger, Lost: r.watch.lost, FrontLost: r.watch.frontLost}
	if !s.Cluster.Spec.Deleted {
		made := r.configs.Refresh(ctx, s)
		actual.Digests, actual.Disrupted = made.Digests, disrupted(s, d, made)
		r.unconfigurable = made.Failure
		if made.Failure != nil && r.op.Load() == nil {
			actual.Digests = applied(s.Machines) // a cluster that runs does not need to be configured anew
		}
	}
	return plan.Next(plan.Desired{Cluster: s.Cluster, Groups: s.Groups, Authorities: d.COE.Traits().Authorities,
		Credential: d.Cloud.Capabilities().Credentials}, actual)
}

// disrupted finds the workers that have to be emptied before they take the
// config that is made for them.
func disrupted(s *snapshot.Snapshot, d Driver, made *configs.Made) map[string]bool {
	out := map[string]bool{}
	upgrader, ok := d.COE.(coe.Upgrader)
	if !ok {
		return out
	}
	for _, m := range s.Machines {
		config, ready, _ := made.Of(m.ID)
		if from := s.Version(m); ready && !m.IsMaster() && from != "" {
			out[m.ID] = upgrader.Disrupts(from, config.Bundle.Version)
		}
	}
	return out
}

func applied(machines []jeroboam.Machine) map[string]string {
	out := make(map[string]string, len(machines))
	for _, m := range machines {
		out[m.ID] = m.Status.AppliedConfig
	}
	return out
}

// mend opens the engine's own operation if a cluster at rest has lost something.
func (r *run) mend(ctx context.Context, s *snapshot.Snapshot, steps []plan.Step) (stay bool, after time.Duration, err error) {
	if !needsRepair(steps, s.Machines) {
		_, after := r.watch.due(r.Now())
		return r.watch.look != nil || (r.watch.stale && after > 0 && after < linger), after, nil
	}
	if n := s.Newest; n.Verb == jeroboam.VerbRepair && n.State == jeroboam.OperationFailed {
		if pause := n.FinishedAt.Add(repairPause).Sub(r.Now()); pause > 0 {
			return false, pause, nil
		}
	}
	var op *jeroboam.Operation
	err = store.Retry(ctx, r.Store, func(tx store.Tx) (err error) {
		op, err = r.journal.Repair(tx, s.Cluster, summary(steps))
		return err
	})
	if err != nil {
		return false, 0, err
	}
	r.op.Store(op)
	r.lines = journal.NewLines()
	return true, 0, nil
}

// summary names what a repair is about: the machines in question, or what
// stands before them.
func summary(steps []plan.Step) string {
	var names []string
	for _, s := range steps {
		if s.Action == plan.MakeBalancer || s.Action == plan.MakeAddress {
			names = append(names, s.Name)
		}
		if s.Machine.Name != "" && !strings.Contains(strings.Join(names, " ")+" ", s.Machine.Name+" ") {
			names = append(names, s.Machine.Name)
		}
		if len(names) == 3 {
			return strings.Join(names, " ") + " …"
		}
	}
	return strings.Join(names, " ")
}

// advance does what the plan says and decides whether the operation has ended.
func (r *run) advance(ctx context.Context, s *snapshot.Snapshot, d Driver, steps []plan.Step) (leave bool, after time.Duration, err error) {
	r.pauses.Keep(r.id, paced(steps))
	r.cancelAllBut(steps)
	if len(steps) == 0 && r.busy() == 0 {
		return r.conclude(ctx, s)
	}
	if cause := r.hopeless(steps); cause != nil {
		return r.abandon(ctx, cause)
	}
	r.written = make(chan struct{})
	r.start(ctx, s, d, steps)
	planned := names(steps)
	r.lines.Finish(func(name string) bool { return planned[name] || r.flights[name] != nil })
	if err := r.record(ctx, s, d); err != nil {
		return true, 0, err
	}
	close(r.written)
	leave, after = r.horizon(steps)
	return leave, after, nil
}

func names(steps []plan.Step) map[string]bool {
	out := make(map[string]bool, len(steps))
	for _, s := range steps {
		out[s.Name] = true
	}
	return out
}

// paced names the steps whose pauses count; that of the probe stands for all
// that wait to be ready.
func paced(steps []plan.Step) map[string]bool {
	out := names(steps)
	out[probeName] = slices.ContainsFunc(steps, func(s plan.Step) bool { return s.Action == plan.AwaitReady })
	return out
}

// busy counts the steps under way; looking and probing are none, but for a close
// look, which may change something.
func (r *run) busy() int {
	n := len(r.flights)
	if r.flights[probeName] != nil {
		n--
	}
	if r.flights[lookName] != nil && !r.watch.look.close {
		n--
	}
	return n
}

// cancelAllBut stops steps that the plan no longer holds.
func (r *run) cancelAllBut(steps []plan.Step) {
	planned := names(steps)
	for name, f := range r.flights {
		if !planned[name] && name != probeName && name != lookName {
			f.cancel()
		}
	}
}
