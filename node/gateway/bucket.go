package gateway

import (
	"sync"
	"time"
)

// bucket bounds a rate: it holds up to size tokens and fills by rate a second.
type bucket struct {
	rate, size float64
	now        func() time.Time

	mu     sync.Mutex
	tokens float64
	at     time.Time
}

func newBucket(rate, size float64, now func() time.Time) *bucket {
	return &bucket{rate: rate, size: size, now: now, tokens: size, at: now()}
}

// take takes one token, or reports that there is none.
func (b *bucket) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	b.tokens = min(b.size, b.tokens+b.rate*max(0, now.Sub(b.at).Seconds()))
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
