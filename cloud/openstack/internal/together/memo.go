package together

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Memo remembers answers for a while; who asks while another does waits for the
// same answer. Errors are not remembered. The zero value is ready.
type Memo[T any] struct {
	flights singleflight.Group
	mu      sync.Mutex
	known   map[string]kept[T]
}

type kept[T any] struct {
	value        T
	since, until time.Time
}

// Get answers from memory what was asked less than life ago, or asks.
func (m *Memo[T]) Get(ctx context.Context, key string, life time.Duration, ask func(context.Context) (T, error)) (T, error) {
	var none T
	m.mu.Lock()
	have, ok := m.known[key]
	m.mu.Unlock()
	if ok && time.Now().Before(have.until) {
		return have.value, nil
	}
	flight := m.flights.DoChan(key, func() (any, error) {
		fresh, err := ask(context.WithoutCancel(ctx)) // nobody's own: see Asks
		if err == nil {
			m.keep(key, fresh, life)
		}
		return fresh, err
	})
	select {
	case landed := <-flight:
		fresh, _ := landed.Val.(T)
		return fresh, landed.Err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

func (m *Memo[T]) keep(key string, value T, life time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[string]kept[T]{}
	}
	now := time.Now()
	for key, old := range m.known { // nobody may ask for it again
		if now.After(old.until) {
			delete(m.known, key)
		}
	}
	m.known[key] = kept[T]{value, now, now.Add(life)}
}

// Forget forgets answers that are older than that, and reports whether there
// were any.
func (m *Memo[T]) Forget(before time.Time) (any bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, old := range m.known {
		if old.since.Before(before) {
			any = true
			delete(m.known, key)
		}
	}
	return any
}
