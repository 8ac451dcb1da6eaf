package agents

import (
	"context"
	"maps"
	"sync"
)

// here knows whose agents this server has. An agent calls one server, and
// any may work on its cluster: what that one writes is how the agent's server
// hears that a config has changed.
type here struct {
	mu       sync.Mutex
	machines map[string]string // with an agent here: their clusters
	agents   map[string]int    // how many those are, by cluster
	changed  chan struct{}
}

func newHere() here {
	return here{machines: map[string]string{}, agents: map[string]int{}, changed: make(chan struct{}, 1)}
}

// came tells that the agent of a cluster's machine is here.
func (h *here) came(cluster, machine string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.machines[machine]; known {
		return
	}
	h.machines[machine] = cluster
	if h.agents[cluster]++; h.agents[cluster] == 1 {
		h.tell()
	}
}

// left tells that a machine's agent is not here any more.
func (h *here) left(machine string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	cluster, known := h.machines[machine]
	if !known {
		return
	}
	delete(h.machines, machine)
	if h.agents[cluster]--; h.agents[cluster] == 0 {
		delete(h.agents, cluster)
		h.tell()
	}
}

func (h *here) tell() {
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

// wanted are the clusters that have agents here.
func (h *here) wanted() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.agents)
}

// follow runs follow for each cluster that has agents here, until ctx ends.
func (h *here) follow(ctx context.Context, follow func(ctx context.Context, cluster string)) {
	running := map[string]context.CancelFunc{}
	var ended sync.WaitGroup
	defer ended.Wait()
	for {
		wanted := h.wanted()
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
		case <-h.changed:
		case <-ctx.Done():
			for _, stop := range running {
				stop()
			}
			return
		}
	}
}
