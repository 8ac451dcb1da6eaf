// Package memory is a store.Backend in plain maps: as strict as the real ones,
// fast enough to be stopped and started thousands of times. What it keeps lives
// on a Disk that outlives the Backend, so a test can pull the plug after any
// write and look at what a new start makes of it.
package memory

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/internal/hub"
)

// Disk is what survives the end of a Backend.
type Disk struct {
	mu     sync.Mutex // guards commits and jobs; never held while foreign code runs
	writer sync.Mutex // one Update at a time, over f
	state  atomic.Pointer[state]
	jobs   map[string]*job
	open   *Backend // the one that may write
}

// state is immutable once it is the Disk's: an Update clones the kinds it touches.
type state struct {
	kinds map[string]map[string]store.Record
	seq   int64
}

// NewDisk returns an empty Disk.
func NewDisk() *Disk {
	d := &Disk{jobs: map[string]*job{}}
	d.state.Store(&state{kinds: map[string]map[string]store.Record{}})
	return d
}

// Backend is one life of a server on a Disk.
type Backend struct {
	disk    *Disk
	hub     hub.Hub
	changed chan struct{}   // tells Work that jobs were added or changed
	working sync.Mutex      // held by Work
	ctx     context.Context // this life: it ends when the plug is pulled
	end     context.CancelFunc
	commits atomic.Int64
	stop    atomic.Int64 // number of the last commit that lands; 0: no limit
}

// New returns a Backend on a Disk of its own.
func New() *Backend { return NewDisk().Open() }

// Open starts a new life on the Disk. A Backend still open there is cut off, as
// a killed process would be, and the jobs it was running are due again.
func (d *Disk) Open() *Backend {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open != nil {
		d.open.Close() //nolint:errcheck // never fails
	}
	b := &Backend{disk: d, changed: make(chan struct{}, 1)}
	b.ctx, b.end = context.WithCancel(context.Background())
	d.open = b
	for _, j := range d.jobs {
		j.rescue()
	}
	return b
}

// StopAfter cuts the Backend off once n more Updates have committed: the n-th
// lands, yet its caller and everyone after it get store.Stopped, watches close,
// runs are cancelled. It stands for kill -9 right after that write.
func (b *Backend) StopAfter(n int) { b.stop.Store(b.commits.Load() + int64(n)) }

// Stopped closes when the Backend is cut off or closed.
func (b *Backend) Stopped() <-chan struct{} { return b.ctx.Done() }

// Commits counts the Updates that changed something in this life.
func (b *Backend) Commits() int { return int(b.commits.Load()) }

// Close ends this life; what it committed stays on the Disk.
func (b *Backend) Close() error {
	b.end()
	b.hub.Close()
	return nil
}

// View runs f on the state of this moment; it neither waits nor is waited for.
func (b *Backend) View(ctx context.Context, f func(store.Tx) error) error {
	if err := b.alive(ctx); err != nil {
		return err
	}
	return f(&tx{state: b.disk.state.Load()})
}

// Update runs f alone and makes its changes visible at once when it returns nil.
func (b *Backend) Update(ctx context.Context, f func(store.Tx) error) error {
	b.disk.writer.Lock()
	defer b.disk.writer.Unlock()
	if err := b.alive(ctx); err != nil {
		return err
	}
	base := b.disk.state.Load()
	t := &tx{
		state:   &state{kinds: maps.Clone(base.kinds), seq: base.seq},
		own:     map[string]bool{},
		touched: map[hub.Key]struct{}{},
		wakes:   map[string]bool{},
	}
	if err := f(t); err != nil {
		return err
	}
	return b.commit(t)
}

func (b *Backend) commit(t *tx) error {
	if len(t.touched) == 0 && len(t.wakes) == 0 {
		return nil
	}
	b.disk.mu.Lock()
	defer b.disk.mu.Unlock()
	if b.ctx.Err() != nil { // cut off while f ran
		return store.Stopped(b.ctx.Err())
	}
	b.disk.state.Store(t.state)
	for cluster := range t.wakes {
		b.disk.wake(cluster)
	}
	if b.commits.Add(1) == b.stop.Load() {
		b.end()
		b.hub.Close()
		return store.Stopped(b.ctx.Err())
	}
	b.hub.Touch(t.touched)
	b.nudge()
	return nil
}

// Watch signals commits that touch records of the kind and parent.
func (b *Backend) Watch(ctx context.Context, kind, parent string) <-chan struct{} {
	return b.hub.Watch(ctx, hub.Key{Kind: kind, Parent: parent})
}

func (b *Backend) alive(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return store.Stopped(err)
	}
	if err := b.ctx.Err(); err != nil {
		return store.Stopped(err)
	}
	return nil
}
