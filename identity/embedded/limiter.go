package embedded

import (
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
)

const (
	// failuresAllowed is how many wrong passwords in a row cost nothing.
	failuresAllowed = 5
	// failurePause is how long each further one bars the next attempt.
	failurePause = 5 * time.Second
	// failuresKept bounds the memory that guessing user names can take.
	failuresKept = 10_000
)

// limiter slows down who guesses passwords, by user name or credential ID.
type limiter struct {
	now func() time.Time
	mu  sync.Mutex
	who map[string]failures
}

type failures struct {
	count int
	last  time.Time
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, who: map[string]failures{}}
}

// allow refuses an attempt that comes too early after too many failures.
func (l *limiter) allow(who string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.who[who]
	if f.count < failuresAllowed || l.now().Sub(f.last) >= failurePause {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Unauthenticated, reasonLimited, "Too many failed logins.").
		WithRemedy("Try again in %d seconds.", int(failurePause/time.Second))
}

func (l *limiter) failed(who string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.who) >= failuresKept {
		clear(l.who)
	}
	l.who[who] = failures{l.who[who].count + 1, l.now()}
}

func (l *limiter) succeeded(who string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.who, who)
}
