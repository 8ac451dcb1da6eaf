// Package pace lets work that nobody waits for step back behind requests that
// somebody does, where both share a process and its processors.
//
// It is a courtesy, not a lock: who has waited for long goes on.
package pace

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// patience is how long a piece of work steps back at most: what is under way
// may hang in a call to somebody who does not answer.
const patience = 2 * time.Second

// calm is how long after the last request others are still to be expected: who
// asks again and again leaves gaps.
const calm = 10 * time.Millisecond

// Pace knows how many requests and pieces of work are under way. While there
// are requests, one piece of work begins at a time; while there are none, all do.
// The zero value is ready, and safe for concurrent use.
type Pace struct {
	mu       sync.Mutex
	requests int
	busy     bool        // there are requests, or were a moment ago
	calm     *time.Timer // ends busy; nil: there never were requests
	working  int
	waiting  []chan struct{} // in the order of their coming; closed to let go on
}

// Work waits until a piece of work may go on; done says that it has ended. It
// is for what computes or uses the store, not for what waits for others. If ctx
// ends meanwhile, the work goes on: it will notice.
func (p *Pace) Work(ctx context.Context) (done func()) {
	p.mu.Lock()
	if p.free() && len(p.waiting) == 0 {
		p.working++
		p.mu.Unlock()
		return p.worked
	}
	turn := make(chan struct{})
	p.waiting = append(p.waiting, turn)
	p.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-turn:
	case <-timer.C:
		p.goOn(turn)
	case <-ctx.Done():
		p.goOn(turn)
	}
	return p.worked
}

// goOn lets one go on out of turn.
func (p *Pace) goOn(turn chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.waiting, turn); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
		p.working++
	}
}

func (p *Pace) worked() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.working--
	p.admit()
}

// free reports whether another piece of work may begin; p.mu is held.
func (p *Pace) free() bool { return !p.busy || p.working == 0 }

// admit lets those go on who may; p.mu is held.
func (p *Pace) admit() {
	for len(p.waiting) > 0 && p.free() {
		close(p.waiting[0])
		p.waiting = p.waiting[1:]
		p.working++
	}
}

// request says that somebody waits.
func (p *Pace) request() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests++
	p.busy = true
}

func (p *Pace) answered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.requests--; p.requests > 0 {
		return
	}
	if p.calm == nil {
		p.calm = time.AfterFunc(calm, p.calmDown)
		return
	}
	p.calm.Reset(calm)
}

func (p *Pace) calmDown() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.requests == 0 {
		p.busy = false
		p.admit()
	}
}

// Requests counts the requests to next, each until its answer begins: a stream
// may go on for hours.
func (p *Pace) Requests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.request()
		a := &answer{ResponseWriter: w, pace: p}
		defer a.begin()
		next.ServeHTTP(a, r)
	})
}

// answer notices when it begins.
type answer struct {
	http.ResponseWriter
	pace  *Pace
	begun bool
}

func (a *answer) begin() {
	if !a.begun {
		a.begun = true
		a.pace.answered()
	}
}

func (a *answer) WriteHeader(status int) {
	a.begin()
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	a.begin()
	return a.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
