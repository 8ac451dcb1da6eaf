// Package gates lets only so much be under way at once.
package gates

import (
	"context"
	"sync"
)

// Gates have room for so many each. The zero value is ready.
type Gates struct {
	mu    sync.Mutex
	slots map[string]chan struct{}
}

func (g *Gates) slot(key string, size int) chan struct{} {
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

// Gate is one to pass: all that have the same name share its room, which is what
// it was when it was first named.
type Gate struct {
	Name string
	Room int
}

// Enter waits until there is room at all gates, in their order; leave gives it
// back. An error is ctx's.
func (g *Gates) Enter(ctx context.Context, all ...Gate) (leave func(), err error) {
	var held []chan struct{}
	leave = func() {
		for _, slot := range held {
			<-slot
		}
	}
	for _, gate := range all {
		slot := g.slot(gate.Name, gate.Room)
		if err := acquire(ctx, slot); err != nil {
			leave()
			return nil, err
		}
		held = append(held, slot)
	}
	return leave, nil
}

func acquire(ctx context.Context, slot chan struct{}) error {
	select {
	case slot <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
