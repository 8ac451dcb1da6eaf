package configs

import (
	"context"
	"sync"
)

// changes is a queue of machines whose config may have changed. It never blocks
// who adds, holds each machine once, and keeps the order.
type changes struct {
	mu    sync.Mutex
	queue []string
	in    map[string]bool
	added chan struct{}
	out   chan string // where forward hands them to
}

func newChanges() *changes {
	return &changes{in: map[string]bool{}, added: make(chan struct{}, 1), out: make(chan string)}
}

// add puts machines into the queue, by ID.
func (c *changes) add(machines ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range machines {
		if !c.in[m] {
			c.in[m] = true
			c.queue = append(c.queue, m)
		}
	}
	select {
	case c.added <- struct{}{}:
	default:
	}
}

func (c *changes) pop() (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return "", false
	}
	m := c.queue[0]
	c.queue = c.queue[1:]
	delete(c.in, m)
	return m, true
}

// forward hands the queue on, one by one, until ctx ends.
func (c *changes) forward(ctx context.Context) {
	for {
		m, ok := c.pop()
		if !ok {
			select {
			case <-c.added:
				continue
			case <-ctx.Done():
				return
			}
		}
		select {
		case c.out <- m:
		case <-ctx.Done():
			return
		}
	}
}
