package engine

import (
	"context"
	"sync"

	"github.com/jeroboam-cloud/jeroboam"
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
