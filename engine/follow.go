package engine

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// followPause gathers what another server writes together.
const followPause = 100 * time.Millisecond

// following knows whose agents this server has. An agent calls one server, and
// any may work on its cluster: what that one writes is how the agent's server
// hears that a config has changed.
type following struct {
	mu       sync.Mutex
	machines map[string]string // with an agent here: their clusters
	agents   map[string]int    // how many those are, by cluster
	changed  chan struct{}
}

func newFollowing() *following {
	return &following{machines: map[string]string{}, agents: map[string]int{}, changed: make(chan struct{}, 1)}
}

// came tells that the agent of a cluster's machine is here.
func (f *following) came(cluster, machine string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.machines[machine]; known {
		return
	}
	f.machines[machine] = cluster
	if f.agents[cluster]++; f.agents[cluster] == 1 {
		f.tell()
	}
}

// left tells that a machine's agent is not here any more.
func (f *following) left(machine string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	cluster, known := f.machines[machine]
	if !known {
		return
	}
	delete(f.machines, machine)
	if f.agents[cluster]--; f.agents[cluster] == 0 {
		delete(f.agents, cluster)
		f.tell()
	}
}

func (f *following) tell() {
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

// wanted are the clusters that have agents here.
func (f *following) wanted() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.agents)
}

// run follows each cluster that has agents here, until ctx ends.
func (f *following) run(ctx context.Context, follow func(ctx context.Context, cluster string)) {
	running := map[string]context.CancelFunc{}
	var ended sync.WaitGroup
	defer ended.Wait()
	for {
		wanted := f.wanted()
		for cluster, stop := range running {
			if wanted[cluster] == 0 {
				stop()
				delete(running, cluster)
			}
		}
		for cluster := range wanted {
			if running[cluster] != nil {
				continue
			}
			one, stop := context.WithCancel(ctx)
			running[cluster] = stop
			ended.Go(func() { follow(one, cluster) })
		}
		select {
		case <-f.changed:
		case <-ctx.Done():
			for _, stop := range running {
				stop()
			}
			return
		}
	}
}

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
	s, err := e.load(ctx, cluster)
	if err != nil {
		return err
	}
	e.refresh(ctx, s)
	for _, m := range s.machines {
		if m.Status.Target != "" && m.Status.Target != m.Status.AppliedConfig {
			e.changes.add(m.ID)
		}
	}
	return nil
}
