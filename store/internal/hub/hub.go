// Package hub tells watchers inside one process that records were touched. It
// carries no records: who is told lists again.
package hub

import (
	"context"
	"sync"
)

// Key is what a watcher watches: a kind and a parent, each "" for any.
type Key struct{ Kind, Parent string }

// Hub hands out signals. The zero value is ready.
type Hub struct {
	mu       sync.Mutex
	watchers map[Key]map[chan struct{}]func() bool // the func releases ctx
	closed   bool
}

// Watch returns a channel of coalescing signals that closes when ctx ends or
// the hub closes.
func (h *Hub) Watch(ctx context.Context, key Key) <-chan struct{} {
	c := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || ctx.Err() != nil {
		close(c)
		return c
	}
	if h.watchers == nil {
		h.watchers = map[Key]map[chan struct{}]func() bool{}
	}
	if h.watchers[key] == nil {
		h.watchers[key] = map[chan struct{}]func() bool{}
	}
	h.watchers[key][c] = context.AfterFunc(ctx, func() { h.remove(key, c) })
	return c
}

// Touch signals the watchers of the records that a commit touched.
func (h *Hub) Touch(touched map[Key]struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.watchers) == 0 {
		return
	}
	for k := range touched {
		for _, key := range [...]Key{k, {Kind: k.Kind}, {Parent: k.Parent}, {}} {
			for c := range h.watchers[key] {
				signal(c)
			}
		}
	}
}

// All signals every watcher, when it is not known what was touched.
func (h *Hub) All() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, watchers := range h.watchers {
		for c := range watchers {
			signal(c)
		}
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // a signal is waiting already
	}
}

// Close closes every channel; later watches are born closed.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, watchers := range h.watchers {
		for c, release := range watchers {
			release()
			close(c)
		}
	}
	h.watchers = nil
}

func (h *Hub) remove(key Key, c chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.watchers[key][c]; !ok {
		return
	}
	delete(h.watchers[key], c)
	if len(h.watchers[key]) == 0 {
		delete(h.watchers, key)
	}
	close(c)
}
