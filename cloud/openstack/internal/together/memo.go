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
	value T
	until time.Time
}

// Get answers from memory what was asked less than life ago, or asks.
func (m *Memo[T]) Get(ctx context.Context, key string, life time.Duration, ask func(context.Context) (T, error)) (T, error) {
	m.mu.Lock()
	have, ok := m.known[key]
	m.mu.Unlock()
	if ok && time.Now().Before(have.until) {
		return have.value, nil
	}
	fresh, err, _ := m.flights.Do(key, func() (any, error) { return ask(context.WithoutCancel(ctx)) }) // nobody's own: see Asks
	v, _ := fresh.(T)
	if err != nil {
		return v, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[string]kept[T]{}
	}
	for key, old := range m.known { // nobody may ask for it again
		if time.Now().After(old.until) {
			delete(m.known, key)
		}
	}
	m.known[key] = kept[T]{v, time.Now().Add(life)}
	return v, nil
}
