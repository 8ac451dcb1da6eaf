package engine

import (
	"cmp"
	"context"
	"sync/atomic"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/journal"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/snapshot"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/release"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// probeName is the one flight that asks the COE about all nodes awaited.
const probeName = "(probe)"

// prober asks a cluster's API often at first, when nodes come up within
// moments, and seldom when it takes long.
type prober struct {
	began  time.Time
	last   time.Time
	health coe.Health // as last seen
	why    string     // why there is none
	probe  *probe     // under way or just landed
	hung   int        // probes in a row that got no answer in their time
}

// limit is how long one probe may take. A connection that hangs, as to a server
// that is just starting behind a balancer, must not keep the next question
// waiting; one to a slow server must get its answer in the end.
func (p *prober) limit() time.Duration { return min(firstLimit<<min(p.hung, 8), slowestLimit) }

const (
	firstLimit   = 500 * time.Millisecond
	slowestLimit = 10 * time.Second
)

// probe is one flight. It asks a few times before it lands in vain: a turn costs
// more than a question.
type probe struct {
	awaited atomic.Pointer[[]plan.Step] // by now; others may have come up meanwhile
	health  coe.Health                  // as last seen
	asked   time.Time                   // when that was
}

// patrol is how long a probe asks before it lands in vain.
const patrol = time.Second

// quiet is how long a node may take before the journal tells why it is not ready.
const quiet = 3 * time.Second

func (p *prober) interval(now time.Time) time.Duration {
	switch age := now.Sub(p.began); {
	case age < 15*time.Second:
		return 100 * time.Millisecond
	case age < time.Minute:
		return 500 * time.Millisecond
	}
	return 10 * time.Second
}

// due is how long to wait for the next probe.
func (p *prober) due(now time.Time) time.Duration {
	if p.began.IsZero() {
		return 0
	}
	return max(p.last.Add(p.interval(now)).Sub(now), 0)
}

// message tells why a node is not ready, "" while it is too early to say.
func (p *prober) message(m jeroboam.Machine, unchanged func(jeroboam.Machine, coe.Node) string, now time.Time) string {
	if p.began.IsZero() || now.Sub(p.began) < quiet {
		return ""
	}
	if !p.health.Reachable {
		return p.why
	}
	for _, n := range p.health.Nodes {
		if n.Name == m.Name {
			return cmp.Or(n.Message, unchanged(m, n))
		}
	}
	return "The node has not registered yet."
}

func (p *prober) landed(err error, now time.Time) {
	if took := now.Sub(p.probe.asked); took >= p.limit() {
		p.hung++
	} else {
		p.hung = 0
	}
	p.last = now
	probe := p.probe
	p.probe = nil
	if err != nil {
		p.health, p.why = coe.Health{}, jeroboam.CauseOf(err).Detail
		return
	}
	p.health, p.why = probe.health, probe.health.Message
}

// unchanged tells why a machine that is taking another config is not ready yet,
// whatever its node says of itself: the node's word may be older than the
// config. It is "" when the node has changed.
func (r *run) unchanged(m jeroboam.Machine, node coe.Node) string {
	if m.Status.Target == "" {
		return ""
	}
	if message := cmp.Or(unsettled(m.Status.Services), unready(m.Status.Services)); message != "" {
		return message
	}
	made := r.configs.Known(r.id)
	if made == nil {
		return ""
	}
	if config, _, _ := made.Of(m.ID); release.Compare(node.Version, config.Bundle.Version) == 0 {
		return ""
	}
	return "the node still says that it runs " + node.Version
}

// inquire says which steps wait for a node to be ready, and sees to it that
// somebody asks.
func (r *run) inquire(ctx context.Context, s *snapshot.Snapshot, d Driver, awaited []plan.Step) {
	if p := r.prober.probe; p != nil {
		p.awaited.Store(&awaited)
		return
	}
	if len(awaited) == 0 || r.prober.due(r.Now()) > 0 {
		return
	}
	r.prober.began, r.prober.last = r.probingSince(), r.Now()
	p := &probe{asked: r.Now()}
	p.awaited.Store(&awaited)
	r.prober.probe = p
	limit, pause := r.prober.limit(), r.prober.interval(r.Now())
	r.launch(ctx, plan.Step{Name: probeName}, func(ctx context.Context) error { return r.ask(ctx, s, d, p, limit, pause) })
}

// ask asks until there is news, nobody waits any more, or it has taken a while.
func (r *run) ask(ctx context.Context, s *snapshot.Snapshot, d Driver, p *probe, limit, pause time.Duration) error {
	for began := r.Now(); ; {
		p.asked = r.Now()
		news, err := r.askOnce(ctx, s, d, p, limit)
		if now := r.Now(); news || ctx.Err() != nil || now.Sub(p.asked) >= limit || now.Add(pause).Sub(began) > patrol {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		if op := r.op.Load(); op == nil || len(*p.awaited.Load()) == 0 {
			return err
		}
	}
}

// askOnce asks the COE about its nodes, and writes down those that have become ready.
func (r *run) askOnce(ctx context.Context, s *snapshot.Snapshot, d Driver, p *probe, limit time.Duration) (news bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	op := r.op.Load()
	if op == nil {
		return false, nil
	}
	access, err := r.accessTo(ctx, d, s)
	if err != nil {
		return false, err
	}
	if p.health, err = d.COE.Health(ctx, access); err != nil {
		return false, err
	}
	return r.recordReady(ctx, *op, s, p.health, *p.awaited.Load())
}

// probingSince is when the first of the nodes awaited was first asked about, in
// this run or an earlier one.
func (r *run) probingSince() time.Time {
	p := r.pauses.Get(r.id, probeName)
	if p.Since.IsZero() {
		p.Since = r.Now()
		r.pauses.Set(r.id, probeName, p)
	}
	return p.Since
}

// recordReady writes down the nodes that are ready and were awaited, and reports
// whether there are any.
func (r *run) recordReady(ctx context.Context, op jeroboam.Operation, s *snapshot.Snapshot, h coe.Health, awaited []plan.Step) (any bool, err error) {
	nodes := make(map[string]coe.Node, len(h.Nodes))
	for _, n := range h.Nodes {
		nodes[n.Name] = n
	}
	var ready []plan.Step
	for _, step := range awaited {
		if n := nodes[step.Machine.Name]; n.Ready && r.unchanged(step.Machine, n) == "" {
			ready = append(ready, step)
		}
	}
	if len(ready) == 0 {
		return false, nil
	}
	return true, store.Retry(ctx, r.Store, func(tx store.Tx) error {
		for _, step := range ready {
			if err := r.nodeReady(tx, op, step, nodes[step.Machine.Name].Version); err != nil {
				return err
			}
		}
		version := controlPlaneVersion(s, nodes)
		_, err := store.Change(tx, op.Cluster, func(c *jeroboam.Cluster) bool {
			same := version == "" || version == c.Status.COEVersion
			if !same {
				c.Status.COEVersion = version
			}
			return !same
		})
		return err
	})
}

// controlPlaneVersion is the oldest version of a control-plane node: a cluster
// has come to a version when all of them have.
func controlPlaneVersion(s *snapshot.Snapshot, nodes map[string]coe.Node) string {
	oldest := ""
	for _, m := range s.Masters() {
		if v := nodes[m.Name].Version; v != "" && (oldest == "" || release.Compare(v, oldest) < 0) {
			oldest = v
		}
	}
	return oldest
}

func (e *Engine) nodeReady(tx store.Tx, op jeroboam.Operation, s plan.Step, version string) error {
	m, err := store.Edit(tx, s.Machine.ID, func(m *jeroboam.Machine) {
		m.Status.ReadyAt, m.Status.Version = e.Now().UTC(), version
	})
	if err != nil {
		return err
	}
	if err := e.journal.Write(tx, op, s.Name, journal.Entry{State: jeroboam.StepDone}); err != nil {
		return err
	}
	return e.journal.Tell(tx, op, jeroboam.Event{Step: s.Name, Type: journal.TypeNode, State: "ready", Message: m.Name + " is ready"})
}
