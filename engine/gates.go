package engine

import (
	"context"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/plan"
)

// gates let only so many cloud calls through at once, per project and per cloud.
type gates struct {
	mu    sync.Mutex
	slots map[string]chan struct{}
}

func (g *gates) slot(key string, size int) chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.slots == nil {
		g.slots = map[string]chan struct{}{}
	}
	if g.slots[key] == nil {
		g.slots[key] = make(chan struct{}, size)
	}
	return g.slots[key]
}

// enter waits for a turn; leave gives it back.
func (e *Engine) enter(ctx context.Context, c jeroboam.Cluster) (leave func(), err error) {
	project := e.gates.slot("project "+c.Project, e.Limits.PerProject)
	cloud := e.gates.slot("driver "+c.Spec.Driver, e.Limits.PerCloud)
	if err := acquire(ctx, project); err != nil {
		return nil, err
	}
	if err := acquire(ctx, cloud); err != nil {
		<-project
		return nil, err
	}
	return func() { <-cloud; <-project }, nil
}

func acquire(ctx context.Context, slot chan struct{}) error {
	select {
	case slot <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pauses remember when a step may be tried again, across the runs of a
// cluster, so that a busy cluster's wake-ups do not cut a back-off short.
type pauses struct {
	mu    sync.Mutex
	until map[string]map[string]pause // by cluster, by step
}

// pause is how a step stands that did not succeed.
type pause struct {
	until    time.Time
	attempts int       // failed in a row
	since    time.Time // the first of them, or the first wait
}

// wait is the pause after another look at something that is under way.
func (p pause) wait(now time.Time) pause {
	if p.since.IsZero() {
		p.since = now
	}
	p.until = now.Add(min(max(now.Sub(p.since)/4, firstLook), slowestLook))
	return p
}

func (p *pauses) get(cluster, step string) pause {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.until[cluster][step]
}

func (p *pauses) set(cluster, step string, v pause) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until == nil {
		p.until = map[string]map[string]pause{}
	}
	if p.until[cluster] == nil {
		p.until[cluster] = map[string]pause{}
	}
	p.until[cluster][step] = v
}

// keep forgets the pauses of steps that are no longer planned.
func (p *pauses) keep(cluster string, steps []plan.Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until[cluster] == nil {
		return
	}
	kept := map[string]pause{}
	for _, s := range steps {
		name := s.Name
		if s.Action == plan.AwaitReady {
			name = probeName
		}
		if v, ok := p.until[cluster][name]; ok {
			kept[name] = v
		}
	}
	if len(kept) == 0 {
		delete(p.until, cluster)
		return
	}
	p.until[cluster] = kept
}
