package trouble

import (
	"sync"
	"time"
)

// Pauses remember when a step may be tried again, across the stays at a
// cluster, so that a busy cluster's wake-ups do not cut a back-off short. The
// zero value is ready; it is safe for concurrent use.
type Pauses struct {
	mu    sync.Mutex
	until map[string]map[string]Pause // by cluster, by step
}

// Pause is how a step stands that did not succeed.
type Pause struct {
	Until    time.Time
	Attempts int       // failed in a row
	Since    time.Time // the first of them, or the first wait
}

// Wait is the pause after another look at something that is under way.
func (p Pause) Wait(now time.Time) Pause {
	if p.Since.IsZero() {
		p.Since = now
	}
	p.Until = now.Add(min(max(now.Sub(p.Since)/4, firstLook), slowestLook))
	return p
}

// Get returns how a step stands; the zero Pause if nothing is known of it.
func (p *Pauses) Get(cluster, step string) Pause {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.until[cluster][step]
}

// Set remembers how a step stands.
func (p *Pauses) Set(cluster, step string, v Pause) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until == nil {
		p.until = map[string]map[string]Pause{}
	}
	if p.until[cluster] == nil {
		p.until[cluster] = map[string]Pause{}
	}
	p.until[cluster][step] = v
}

// Keep forgets the pauses of all steps but these.
func (p *Pauses) Keep(cluster string, steps map[string]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := map[string]Pause{}
	for name, v := range p.until[cluster] {
		if steps[name] {
			kept[name] = v
		}
	}
	if len(kept) == 0 {
		delete(p.until, cluster)
		return
	}
	p.until[cluster] = kept
}
