package openstack

import (
	"context"
	"sync"

	"github.com/jeroboam-cloud/jeroboam"
)

// joined lets many who ask the same at once share the answer. Nobody gets an
// answer to a question that was put before he came: who comes while one is
// under way shares the next. So what a caller did before it asked is in what
// it reads, and n callers cost two calls at most.
type joined[T any] struct {
	mu   sync.Mutex
	asks map[string]*ask[T]
}

// ask is a question under way and the one that follows it.
type ask[T any] struct{ now, next *answer[T] }

type answer[T any] struct {
	come  chan struct{} // closed when value and err are there
	value T
	err   error
}

// get asks, or joins those who do. The question is nobody's own: it goes on
// when the one who put it gives up.
func (j *joined[T]) get(ctx context.Context, key string, question func(context.Context) (T, error)) (T, error) {
	mine := j.join(context.WithoutCancel(ctx), key, question)
	select {
	case <-mine.come:
		return mine.value, mine.err
	case <-ctx.Done():
		var none T
		return none, givenUp(ctx.Err())
	}
}

func (j *joined[T]) join(ctx context.Context, key string, question func(context.Context) (T, error)) *answer[T] {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.asks == nil {
		j.asks = map[string]*ask[T]{}
	}
	a := j.asks[key]
	if a == nil {
		a = &ask[T]{now: newAnswer[T]()}
		j.asks[key] = a
		go j.run(ctx, key, a.now, question) // ends with the call, which has a time limit
		return a.now
	}
	if a.next == nil {
		a.next = newAnswer[T]()
	}
	return a.next
}

// run asks until nobody has come meanwhile.
func (j *joined[T]) run(ctx context.Context, key string, to *answer[T], question func(context.Context) (T, error)) {
	for to != nil {
		to.value, to.err = question(ctx)
		close(to.come)
		j.mu.Lock()
		a := j.asks[key]
		a.now, a.next = a.next, nil
		if to = a.now; to == nil {
			delete(j.asks, key)
		}
		j.mu.Unlock()
	}
}

func newAnswer[T any]() *answer[T] { return &answer[T]{come: make(chan struct{})} }

// turns lets one caller at a time at a thing. A turn is a channel, not a mutex,
// because who holds it waits for the cloud and for the store.
type turns struct {
	mu    sync.Mutex
	queue map[string]*turn
}

type turn struct {
	slot  chan struct{}
	users int
}

func (t *turns) take(ctx context.Context, key string) (done func(), err error) {
	t.mu.Lock()
	if t.queue == nil {
		t.queue = map[string]*turn{}
	}
	mine := t.queue[key]
	if mine == nil {
		mine = &turn{slot: make(chan struct{}, 1)}
		t.queue[key] = mine
	}
	mine.users++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if mine.users--; mine.users == 0 {
			delete(t.queue, key)
		}
	}
	select {
	case mine.slot <- struct{}{}:
		return func() { <-mine.slot; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, givenUp(ctx.Err())
	}
}

func givenUp(err error) error {
	return jeroboam.Errorf(jeroboam.Unavailable, "cloud", "The call was given up.").Wrap(err)
}
