package api

import (
	"math"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

// burst is how many seconds' worth of requests may come at once.
const burst = 10

// limitersKept bounds the memory that many projects or addresses can take.
const limitersKept = 10_000

// limiter keeps a token bucket for each of those it limits.
type limiter struct {
	perSecond float64 // 0: no limit
	now       func() time.Time
	mu        sync.Mutex
	kept      map[string]*rate.Limiter
}

func newLimiter(perSecond float64, now func() time.Time) *limiter {
	return &limiter{perSecond: perSecond, now: now, kept: map[string]*rate.Limiter{}}
}

// take lets a request through, or refuses it with 429 and when to come back.
func (l *limiter) take(who string) error {
	if l.perSecond == 0 {
		return nil
	}
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.of(who, now).ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	r.CancelAt(now)
	seconds := int(math.Ceil(wait.Seconds()))
	return &wire.StatusError{Status: http.StatusTooManyRequests, Reason: "rate-limit", RetryAfter: seconds,
		Detail: "Too many requests.", Remedy: "Try again after the seconds that the header Retry-After names."}
}

func (l *limiter) of(who string, now time.Time) *rate.Limiter {
	if have := l.kept[who]; have != nil {
		return have
	}
	if len(l.kept) >= limitersKept {
		l.forget(now)
	}
	fresh := rate.NewLimiter(rate.Limit(l.perSecond), max(1, int(l.perSecond*burst)))
	l.kept[who] = fresh
	return fresh
}

// forget drops those who have been quiet long enough to be like new, and all
// if those are few: then each begins anew.
func (l *limiter) forget(now time.Time) {
	for who, r := range l.kept {
		if r.TokensAt(now) >= float64(r.Burst()) {
			delete(l.kept, who)
		}
	}
	if len(l.kept) > limitersKept/2 {
		clear(l.kept)
	}
}

// admit counts a request of a project, or of a user who speaks for none.
func (s *server) admit(c jeroboam.Caller) error {
	if c.ProjectID == "" {
		return s.projects.take("user " + c.UserID)
	}
	return s.projects.take(c.ProjectID)
}

// admitStranger counts a request of somebody who has not shown a good token.
func (s *server) admitStranger(x *Exchange) error { return s.strangers.take(neighbourhood(x.Client)) }

// neighbourhood is what one customer of a network has to himself: an address
// of IPv4, 64 bits of IPv6.
func neighbourhood(a netip.Addr) string {
	if a.Is6() {
		p, _ := a.Prefix(64) // 64 bits are there
		return p.String()
	}
	return a.String()
}
