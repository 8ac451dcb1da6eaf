// Package pace keeps everybody who speaks to one cloud within what it bears: so
// many calls at once, so many a second, quiet when it asks for quiet.
package pace

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Limits are how hard a cloud may be pressed. A zero field means its default.
type Limits struct {
	AtOnce    int     // calls under way; 16
	PerSecond float64 // calls in the long run; 100
	Burst     int     // calls beyond that after a quiet time; 200
}

// How a call that met trouble is repeated at once. The engine repeats the step
// after that.
const (
	attempts     = 4
	firstBackoff = 200 * time.Millisecond // doubles, less up to a half
	longestHold  = 30 * time.Second       // a longer Retry-After goes to the caller
	callLimit    = 2 * time.Minute        // for one attempt
	longestBody  = 64 << 20               // bytes
)

// Transport is an http.RoundTripper that keeps the pace. It reads answers whole,
// so that a truncated one is an error here, and repeats what may be repeated.
type Transport struct {
	next   http.RoundTripper
	slots  chan struct{}
	bucket *rate.Limiter
	calls  atomic.Int64

	mu   sync.Mutex
	hold time.Time // the cloud asked for quiet until then
}

// New returns a transport that sends what it lets through to next.
func New(l Limits, next http.RoundTripper) *Transport {
	l = l.orDefault()
	return &Transport{next: next, slots: make(chan struct{}, l.AtOnce), bucket: rate.NewLimiter(rate.Limit(l.PerSecond), l.Burst)}
}

// Calls counts the requests sent so far, repeated ones too.
func (t *Transport) Calls() int64 { return t.calls.Load() }

func (l Limits) orDefault() Limits {
	if l.AtOnce == 0 {
		l.AtOnce = 16
	}
	if l.PerSecond == 0 {
		l.PerSecond = 100
	}
	if l.Burst == 0 {
		l.Burst = 200
	}
	return l
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	for n := 1; ; n++ {
		again, err := copyOf(r)
		if err != nil {
			return nil, err
		}
		response, err := t.once(again)
		wait, repeat := t.judge(r, response, err, n)
		if !repeat {
			return response, err
		}
		if Pause(r.Context(), wait) != nil {
			return response, err
		}
	}
}

func copyOf(r *http.Request) (*http.Request, error) {
	again := r.Clone(r.Context())
	if r.GetBody == nil {
		return again, nil
	}
	body, err := r.GetBody()
	again.Body = body
	return again, err
}

// once sends the request when it is its turn and reads the whole answer.
func (t *Transport) once(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if err := t.turn(ctx); err != nil {
		return nil, err
	}
	defer func() { <-t.slots }()
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	t.calls.Add(1)
	response, err := t.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, longestBody))
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// turn waits for quiet to end, for the bucket, and for a slot.
func (t *Transport) turn(ctx context.Context) error {
	t.mu.Lock()
	quiet := time.Until(t.hold)
	t.mu.Unlock()
	if err := Pause(ctx, quiet); err != nil {
		return err
	}
	if err := t.bucket.Wait(ctx); err != nil {
		return err
	}
	select {
	case t.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// judge says whether to send the request once more and when. One that the cloud
// has refused to look at may always be repeated; one of which nobody knows what
// became of it only if it changes nothing.
func (t *Transport) judge(r *http.Request, response *http.Response, err error, n int) (wait time.Duration, repeat bool) {
	if n >= attempts || r.Context().Err() != nil {
		return 0, false
	}
	backoff := firstBackoff << (n - 1)
	backoff -= time.Duration(rand.Float64() * float64(backoff) / 2)
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if err != nil {
		return backoff, reads
	}
	asked, said := retryAfter(response)
	switch response.StatusCode {
	case http.StatusTooManyRequests:
		t.quiet(max(asked, backoff))
		return max(asked, backoff), asked <= longestHold
	case http.StatusRequestEntityTooLarge, http.StatusServiceUnavailable:
		if said {
			return max(asked, backoff), asked <= longestHold
		}
		return backoff, reads && response.StatusCode == http.StatusServiceUnavailable
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return backoff, reads
	}
	return 0, false
}

// quiet holds everybody back.
func (t *Transport) quiet(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if until := time.Now().Add(min(d, longestHold)); until.After(t.hold) {
		t.hold = until
	}
}

// retryAfter reads the header of RFC 9110, section 10.2.3.
func retryAfter(r *http.Response) (time.Duration, bool) {
	text := r.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds >= 0 {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0), true
	}
	return 0, false
}

// Pause waits; it returns early, with its error, when ctx ends.
func Pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
