// Package agents knows whose agents call this server, and which of them have to be
// told something.
package agents

import (
	"context"
	"sync"
)

// Changes is a queue of machines whose config may have changed. It never blocks
// who adds, holds each machine once, and keeps the order.
type Changes struct {
	mu    sync.Mutex
	queue []string
	in    map[string]bool
	added chan struct{}
	out   chan string // see Out
}

// NewChanges is an empty queue.
func NewChanges() *Changes {
	return &Changes{in: map[string]bool{}, added: make(chan struct{}, 1), out: make(chan string)}
}

// Add puts machines into the queue, by ID.
func (c *Changes) Add(machines ...string) {
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

func (c *Changes) pop() (string, bool) {
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

// Forward hands the queue on, one by one, until ctx ends.
func (c *Changes) Forward(ctx context.Context) {
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

// Out is where Forward hands them to.
func (c *Changes) Out() <-chan string { return c.out }
