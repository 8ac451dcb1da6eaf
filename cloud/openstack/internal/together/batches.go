package together

import (
	"context"
	"sync"
	"time"
)

// Batches joins what is wanted at the same time into one call. The first to come
// waits a moment for others; who comes while a call is under way shares the next.
// The zero value is ready.
type Batches[In, Out any] struct {
	mu      sync.Mutex
	busy    bool
	waiting []*wanted[In, Out]
}

// Call does for everybody what he wants, and answers each in his turn.
type Call[In, Out any] func(ctx context.Context, wants []In) []Answer[Out]

// Answer is one caller's.
type Answer[Out any] struct {
	Value Out
	Err   error
}

type wanted[In, Out any] struct {
	want   In
	come   chan struct{} // closed when the answer is there
	answer Answer[Out]
}

// atOnce is how many share a call: it must be over before a proxy gives it up.
const atOnce = 10

// Do has the want done. The call is nobody's own: it goes on when one of those
// gives up whose wants it does.
func (b *Batches[In, Out]) Do(ctx context.Context, want In, call Call[In, Out]) (Out, error) {
	mine := b.join(context.WithoutCancel(ctx), want, call)
	select {
	case <-mine.come:
		return mine.answer.Value, mine.answer.Err
	case <-ctx.Done():
		var none Out
		return none, ctx.Err()
	}
}

func (b *Batches[In, Out]) join(ctx context.Context, want In, call Call[In, Out]) *wanted[In, Out] {
	b.mu.Lock()
	defer b.mu.Unlock()
	mine := &wanted[In, Out]{want: want, come: make(chan struct{})}
	b.waiting = append(b.waiting, mine)
	if !b.busy {
		b.busy = true
		time.AfterFunc(moment, func() { b.run(ctx, call) }) // ends with the calls, which have time limits
	}
	return mine
}

// run calls until nobody has come meanwhile.
func (b *Batches[In, Out]) run(ctx context.Context, call Call[In, Out]) {
	for batch := b.take(); len(batch) > 0; batch = b.take() {
		wants := make([]In, len(batch))
		for i, w := range batch {
			wants[i] = w.want
		}
		for i, answer := range call(ctx, wants) {
			batch[i].answer = answer
			close(batch[i].come)
		}
	}
}

// take returns who has come, and nobody when all have been served.
func (b *Batches[In, Out]) take() []*wanted[In, Out] {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.waiting), atOnce)
	batch := b.waiting[:n:n]
	b.waiting = b.waiting[n:]
	b.busy = n > 0
	return batch
}
