// Package together lets many who ask the same at once share the answers, and
// who do the same take turns.
package together

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Asks joins questions about different things into one: whose objects are
// there? Nobody gets an answer to a question that was put before he came: who
// comes while one is under way shares the next with all others who do. So what
// a caller did before it asked is in what it reads, and however many ask,
// hardly more than one question is under way. The zero value is ready.
type Asks[T any] struct {
	mu   sync.Mutex
	busy bool
	next *ask[T]
	last time.Time // a question was put
}

// Question returns the objects of all who are named.
type Question[T any] func(ctx context.Context, about []string) ([]T, error)

type ask[T any] struct {
	about  []string
	come   chan struct{} // closed when answer and err are there
	answer []T
	err    error
}

const (
	// most is how many are named in one question: its address has a limit.
	most = 40
	// moment is how long the first waits for others: time enough for those who
	// were woken with him.
	moment = 10 * time.Millisecond
)

// Get asks about somebody and returns what is there of everybody who was asked
// about with him; it must not be changed. The question is nobody's own: it goes
// on when the one who put it gives up.
func (a *Asks[T]) Get(ctx context.Context, about string, question Question[T]) ([]T, error) {
	return a.Look(ctx, about, moment, question)
}

// Look is Get for what nobody is in a hurry about: it is not asked again before
// some time has passed since it was asked.
func (a *Asks[T]) Look(ctx context.Context, about string, pause time.Duration, question Question[T]) ([]T, error) {
	mine := a.join(context.WithoutCancel(ctx), about, pause, question)
	select {
	case <-mine.come:
		return mine.answer, mine.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *Asks[T]) join(ctx context.Context, about string, pause time.Duration, question Question[T]) *ask[T] {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next == nil {
		a.next = &ask[T]{come: make(chan struct{})}
	}
	mine := a.next
	if !slices.Contains(mine.about, about) {
		mine.about = append(mine.about, about)
	}
	if !a.busy {
		a.busy = true
		time.AfterFunc(max(moment, time.Until(a.last.Add(pause))), func() { a.run(ctx, pause, question) }) // ends with the calls, which have time limits
	}
	return mine
}

// run asks until nobody has come meanwhile.
func (a *Asks[T]) run(ctx context.Context, pause time.Duration, question Question[T]) {
	to := a.take()
	for about := range slices.Chunk(to.about, most) {
		part, err := question(ctx, about)
		if to.answer = append(to.answer, part...); err != nil {
			to.err = err
			break
		}
	}
	close(to.come)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.busy = a.next != nil; a.busy {
		time.AfterFunc(max(0, time.Until(a.last.Add(pause))), func() { a.run(ctx, pause, question) })
	}
}

func (a *Asks[T]) take() *ask[T] {
	a.mu.Lock()
	defer a.mu.Unlock()
	to := a.next
	a.next, a.last = nil, time.Now()
	return to
}

// Turns let one caller at a time at a thing. A turn is a channel, not a mutex,
// because who holds it waits for the cloud and for the store. The zero value is
// ready.
type Turns struct {
	mu    sync.Mutex
	queue map[string]*turn
}

type turn struct {
	slot  chan struct{}
	users int
}

// Take waits for the caller's turn at what has the key; done ends it. The error
// is ctx's.
func (t *Turns) Take(ctx context.Context, key string) (done func(), err error) {
	mine := t.line(key)
	select {
	case mine.slot <- struct{}{}:
		return func() { <-mine.slot; t.leave(key, mine) }, nil
	case <-ctx.Done():
		t.leave(key, mine)
		return nil, ctx.Err()
	}
}

func (t *Turns) line(key string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.queue == nil {
		t.queue = map[string]*turn{}
	}
	mine := t.queue[key]
	if mine == nil {
		mine = &turn{slot: make(chan struct{}, 1)}
		t.queue[key] = mine
	}
	mine.users++
	return mine
}

func (t *Turns) leave(key string, mine *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if mine.users--; mine.users == 0 {
		delete(t.queue, key)
	}
}
