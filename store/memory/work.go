package memory

import (
	"context"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam/store"
)

// job is a cluster that was woken; it goes when a run leaves nothing to do.
type job struct {
	due      time.Time     // zero: at once
	woken    chan struct{} // of the run under way, nil for none
	failures int
}

func (j *job) rescue() {
	if j.woken != nil {
		j.woken, j.due = nil, time.Time{}
	}
}

// wake is called with d.mu held, in the same breath as the commit.
func (d *Disk) wake(cluster string) {
	j := d.jobs[cluster]
	if j == nil {
		d.jobs[cluster] = &job{}
		return
	}
	if j.woken == nil {
		j.due = time.Time{}
		return
	}
	select {
	case j.woken <- struct{}{}:
	default: // the run has not looked at the last one yet
	}
}

func (b *Backend) nudge() {
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// Work runs jobs, at least one at a time, until ctx ends or the Backend is cut off.
func (b *Backend) Work(ctx context.Context, w store.Worker) error {
	if !b.working.TryLock() {
		return store.Working()
	}
	defer b.working.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.ctx, cancel)()
	var runs sync.WaitGroup
	defer runs.Wait()
	free := make(chan struct{}, max(w.Concurrency, 1))
	for {
		cluster, woken, wait := b.next(ctx.Err() == nil && len(free) < cap(free))
		if cluster != "" {
			free <- struct{}{}
			runs.Go(func() {
				again, err := w.Run(ctx, cluster, woken)
				b.finish(ctx, cluster, again, err)
				<-free
				b.nudge()
			})
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-b.changed:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			if b.ctx.Err() != nil {
				return store.Stopped(b.ctx.Err())
			}
			return nil
		}
		timer.Stop()
	}
}

// next claims a due job, the longest due first, or says how long there is none.
func (b *Backend) next(free bool) (cluster string, woken chan struct{}, wait time.Duration) {
	wait = time.Hour
	b.disk.mu.Lock()
	defer b.disk.mu.Unlock()
	if !free || b.ctx.Err() != nil {
		return "", nil, wait
	}
	var first *job
	for id, j := range b.disk.jobs {
		if j.woken == nil && (first == nil || j.due.Before(first.due)) {
			cluster, first = id, j
		}
	}
	if first == nil {
		return "", nil, wait
	}
	if until := time.Until(first.due); until > 0 {
		return "", nil, min(until, wait)
	}
	first.woken = make(chan struct{}, 1)
	return cluster, first.woken, 0
}

func (b *Backend) finish(ctx context.Context, cluster string, again time.Duration, err error) {
	b.disk.mu.Lock()
	defer b.disk.mu.Unlock()
	if b.ctx.Err() != nil {
		return // the next life finds the job as it was
	}
	j := b.disk.jobs[cluster]
	missed := len(j.woken) > 0
	j.woken = nil
	switch {
	case missed, ctx.Err() != nil:
		j.due = time.Time{}
	case err != nil:
		j.failures++
		j.due = time.Now().Add(store.RetryAfter(j.failures))
	case again > 0:
		j.failures = 0
		j.due = time.Now().Add(again)
	default:
		delete(b.disk.jobs, cluster)
	}
}
