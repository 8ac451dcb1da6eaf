package openstack

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Pace is how hard a cloud may be pressed. A zero field means its default.
type Pace struct {
	AtOnce int     // calls under way; 32
	Rate   float64 // calls a second in the long run; 100
	Burst  int     // calls beyond the rate after a quiet time; 200
}

// How a call that met trouble is repeated at once. The engine repeats the step
// after that.
const (
	attempts     = 4
	firstBackoff = 200 * time.Millisecond // doubles, less up to a half
	longestHold  = 30 * time.Second       // a longer Retry-After goes to the caller
	callLimit    = time.Minute            // for one attempt
	longestBody  = 64 << 20               // bytes
)

// paced is an http.RoundTripper that keeps the pace of everybody who speaks to
// one cloud. It reads answers whole, so that a truncated one is an error here,
// and repeats what may be repeated.
type paced struct {
	transport *http.Transport
	slots     chan struct{}
	bucket    *rate.Limiter
	calls     atomic.Int64

	mu   sync.Mutex
	hold time.Time // the cloud asked for quiet until then
}

func newPaced(p Pace, trust *tls.Config) *paced {
	p = p.orDefault()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = trust
	transport.MaxConnsPerHost, transport.MaxIdleConnsPerHost = p.AtOnce, p.AtOnce
	return &paced{transport: transport, slots: make(chan struct{}, p.AtOnce), bucket: rate.NewLimiter(rate.Limit(p.Rate), p.Burst)}
}

func (p Pace) orDefault() Pace {
	if p.AtOnce == 0 {
		p.AtOnce = 32
	}
	if p.Rate == 0 {
		p.Rate = 100
	}
	if p.Burst == 0 {
		p.Burst = 200
	}
	return p
}

// client speaks through p. A redirect would carry our token to wherever it
// points.
func (p *paced) client() Client {
	return Client{Transport: p, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// RoundTrip implements http.RoundTripper.
func (p *paced) RoundTrip(r *http.Request) (*http.Response, error) {
	for n := 1; ; n++ {
		again, err := copyOf(r)
		if err != nil {
			return nil, err
		}
		response, err := p.once(again)
		wait, repeat := p.judge(r, response, err, n)
		if !repeat {
			return response, err
		}
		if pause(r.Context(), wait) != nil {
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
func (p *paced) once(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if err := p.turn(ctx); err != nil {
		return nil, err
	}
	defer func() { <-p.slots }()
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	p.calls.Add(1)
	response, err := p.transport.RoundTrip(r.WithContext(ctx))
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
func (p *paced) turn(ctx context.Context) error {
	p.mu.Lock()
	quiet := time.Until(p.hold)
	p.mu.Unlock()
	if err := pause(ctx, quiet); err != nil {
		return err
	}
	if err := p.bucket.Wait(ctx); err != nil {
		return err
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// judge says whether to send the request once more and when. One that the cloud
// has refused to look at may always be repeated; one of which nobody knows what
// became of it only if it changes nothing.
func (p *paced) judge(r *http.Request, response *http.Response, err error, n int) (wait time.Duration, repeat bool) {
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
		p.quiet(max(asked, backoff))
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
func (p *paced) quiet(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(min(d, longestHold)); until.After(p.hold) {
		p.hold = until
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

func pause(ctx context.Context, d time.Duration) error {
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
