package engine

import (
	"context"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/snapshot"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// followPause gathers what another server writes together.
const followPause = 100 * time.Millisecond

// follow announces the machines of a cluster whose config another server has
// changed, or has given its turn.
func (e *Engine) follow(ctx context.Context, cluster string) {
	var signals []<-chan struct{}
	for _, kind := range []string{store.KindMachine, store.KindResource, store.KindAuthority} {
		signals = append(signals, e.Store.Watch(ctx, kind, cluster))
	}
	for {
		if err := e.announce(ctx, cluster); err != nil && ctx.Err() == nil && jeroboam.KindOf(err) != jeroboam.NotFound {
			e.Log.Warn("configs not looked at", "cluster", cluster, "kind", jeroboam.KindOf(err), "reason", err)
		}
		select {
		case <-time.After(followPause):
		case <-ctx.Done():
			return
		}
		var open bool
		select {
		case _, open = <-signals[0]:
		case _, open = <-signals[1]:
		case _, open = <-signals[2]:
		}
		if !open {
			return
		}
	}
}

func (e *Engine) announce(ctx context.Context, cluster string) error {
	s, err := snapshot.Load(ctx, e.Store, cluster)
	if err != nil {
		return err
	}
	e.refresh(ctx, s)
	for _, m := range s.Machines {
		if m.Status.Target != "" && m.Status.Target != m.Status.AppliedConfig {
			e.changes.Add(m.ID)
		}
	}
	return nil
}
