package together

import (
	"context"
	"sync"
	"time"
)

// Memo remembers answers for a while. Errors are not remembered. The zero value
// is ready.
type Memo[T any] struct {
	mu    sync.Mutex
	known map[string]kept[T]
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
	v, err := ask(ctx)
	if err != nil {
		return v, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[string]kept[T]{}
	}
	m.known[key] = kept[T]{v, time.Now().Add(life)}
	return v, nil
}
