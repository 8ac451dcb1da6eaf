package supervise

import (
	"math/rand/v2"
	"time"
)

// Backoff is a pause that doubles from First to Last.
type Backoff struct {
	First, Last time.Duration
	pause       time.Duration
}

// Next is how long to pause this time.
func (b *Backoff) Next() time.Duration {
	if b.pause == 0 {
		b.pause = b.First
		return b.pause
	}
	b.pause = min(2*b.pause, b.Last)
	return b.pause
}

// Reset begins anew.
func (b *Backoff) Reset() { b.pause = 0 }

// Jittered is a random pause between half of d and d, so that a thousand
// agents do not knock at the same moment.
func Jittered(d time.Duration) time.Duration {
	return d/2 + rand.N(d/2+1)
}
