package agents

import (
	"context"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// followPause gathers what another server writes together.
const followPause = 100 * time.Millisecond

// Follow announces, until ctx ends, the machines with an agent here whose config
// another server has changed. It returns at once where there is no other.
func (a *Agents) Follow(ctx context.Context) {
	if a.Shared {
		a.here.follow(ctx, a.follow)
	}
}

// follow announces the machines of a cluster whose config another server has
// changed, or has given its turn.
func (a *Agents) follow(ctx context.Context, cluster string) {
	var signals []<-chan struct{}
	for _, kind := range []string{store.KindMachine, store.KindResource, store.KindAuthority} {
		signals = append(signals, a.Store.Watch(ctx, kind, cluster))
	}
	for {
		if err := a.Configs.Look(ctx, cluster); err != nil && ctx.Err() == nil && jeroboam.KindOf(err) != jeroboam.NotFound {
			a.Log.Warn("configs not looked at", "cluster", cluster, "kind", jeroboam.KindOf(err), "reason", err)
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
