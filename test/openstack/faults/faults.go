// Package faults stands between the service and a real OpenStack and spoils, at
// random, what they say to each other: refusals, answers that are lost after the
// work was done, slow ones, tokens that end, lists that are cut off or too short.
package faults

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// share of the calls that are spoilt while faults are left.
const share = 0.2

// Proxy is a server before each service of a cloud. It is safe for concurrent
// use.
type Proxy struct {
	fronts map[string]string // our address by the service's own
	second time.Duration     // by which answers are slow

	mu       sync.Mutex
	dice     *rand.Rand
	left     int             // faults to come
	done     map[Fault]int   // faults that were
	calls    int             // through us
	ended    map[string]bool // tokens that are no longer taken
	truthful map[string]int  // how many more answers to a question are whole, by address
	only     []Fault         // none: all
	quiet    time.Time       // until then we asked for quiet
	hasty    int             // calls that came before
}

// Open starts a proxy before the services at the addresses ("http://host:port"),
// for the length of the test. It spoils nothing before Allow.
func Open(t testing.TB, seed uint64, services ...string) *Proxy {
	t.Helper()
	p := &Proxy{second: time.Second, fronts: map[string]string{}, dice: rand.New(rand.NewPCG(seed, seed)), done: map[Fault]int{}, ended: map[string]bool{}, truthful: map[string]int{}}
	for _, service := range services {
		to, err := url.Parse(service)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(p.before(to))
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		t.Cleanup(server.Close)
		p.fronts[service] = server.URL
	}
	return p
}

// Front is the address by which to reach a service.
func (p *Proxy) Front(service string) string { return p.fronts[service] }

// Allow lets so many more faults happen.
func (p *Proxy) Allow(faults int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left += faults
}

// Only lets no other faults happen than these.
func (p *Proxy) Only(faults ...Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.only = faults
}

// Hasty counts the calls that came while we had asked for quiet. Those that were
// on their way already are among them.
func (p *Proxy) Hasty() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hasty
}

// Stop lets none happen any more.
func (p *Proxy) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = 0
}

// Count tells how many faults there were, of each kind and together, in how many calls.
func (p *Proxy) Count() (each map[Fault]int, all, calls int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	each = map[Fault]int{}
	for f, n := range p.done {
		each[f] = n
		all += n
	}
	return each, all, p.calls
}

// before is the proxy of one service. Links in its answers, and Keystone's
// catalogue, lead to us again.
func (p *Proxy) before(to *url.URL) http.Handler {
	pass := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Header.Del("Accept-Encoding")
		},
		ModifyResponse: func(r *http.Response) error {
			return change(r, func(body []byte) []byte {
				for service, front := range p.fronts {
					body = bytes.ReplaceAll(body, []byte(service), []byte(front))
				}
				return body
			})
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, pass) })
}

// change replaces the body of an answer.
func change(r *http.Response, f func([]byte) []byte) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	body = f(body)
	r.Body.Close()
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request, pass http.Handler) {
	fault, seconds := p.draw(r)
	switch fault {
	case None:
		pass.ServeHTTP(w, r)
	case Broken, Conflict, TooMany, Ended:
		refuse(w, fault, seconds)
	case Swallowed, Timeout:
		pass.ServeHTTP(httptest.NewRecorder(), r)
		if fault == Swallowed {
			panic(http.ErrAbortHandler)
		}
		refuse(w, fault, 0)
	case Slow:
		select {
		case <-time.After(time.Duration(1+seconds) * p.second):
		case <-r.Context().Done():
		}
		pass.ServeHTTP(w, r)
	case CutOff, Half, Empty:
		p.shorten(w, r, pass, fault)
	}
}

// draw decides what becomes of a call; seconds is what a fault that takes time
// takes.
func (p *Proxy) draw(r *http.Request) (fault Fault, seconds int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	if time.Now().Before(p.quiet) {
		p.hasty++
	}
	at := r.Host + r.URL.Path
	defer func() { p.tell(at, fault) }()
	token := r.Header.Get("X-Auth-Token")
	if p.ended[token] {
		return Ended, 0 // told once more, counted once
	}
	if p.left == 0 || p.dice.Float64() > share {
		return None, 0
	}
	possible := p.possible(r)
	if len(possible) == 0 {
		return None, 0
	}
	fault = possible[p.dice.IntN(len(possible))]
	if fault == Ended {
		p.ended[token] = true
	}
	p.left--
	p.done[fault]++
	seconds = p.dice.IntN(2)
	if until := time.Now().Add(time.Duration(seconds) * time.Second); fault == TooMany && until.After(p.quiet) {
		p.quiet = until
	}
	return fault, seconds
}

// truths follow a list that was whole in form but too short: who reads it from
// a lagging copy of the database reads another the next times. Against a cloud
// that lies for good nothing helps.
const truths = 8

// possible are the faults that a call may have now; p.mu is held.
func (p *Proxy) possible(r *http.Request) []Fault {
	all, at := faultsOf(r), r.Host+r.URL.Path
	if p.truthful[at] > 0 {
		all = slices.DeleteFunc(all, func(f Fault) bool { return f == Half || f == Empty })
	}
	if p.only != nil {
		all = slices.DeleteFunc(all, func(f Fault) bool { return !slices.Contains(p.only, f) })
	}
	return all
}

// tell counts answers to a question; p.mu is held.
func (p *Proxy) tell(at string, fault Fault) {
	if fault == Half || fault == Empty {
		p.truthful[at] = truths
		return
	}
	p.truthful[at] = max(0, p.truthful[at]-1)
}

// refuse answers in the place of the service, in no service's own words.
func refuse(w http.ResponseWriter, fault Fault, seconds int) {
	code := codes[fault]
	if fault == TooMany {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"error": {"code": %d, "message": "An injected fault: %s."}}`, code, fault)
}

var codes = map[Fault]int{Broken: http.StatusInternalServerError, Conflict: http.StatusConflict, TooMany: http.StatusTooManyRequests,
	Ended: http.StatusUnauthorized, Timeout: http.StatusGatewayTimeout}
