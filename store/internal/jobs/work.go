package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
	"golang.org/x/sync/errgroup"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

const (
	// fetchCooldown is the least time between two looks at the queue. Looks are
	// caused by the bell, so that a short one costs nothing while all is quiet.
	fetchCooldown = time.Millisecond
	// fetchPoll is the longest time between two looks: only a safety net.
	fetchPoll = 10 * time.Second
	// sharedPoll is the same where a job may wait because the server that knows
	// of it has no place for it, and another server has.
	sharedPoll = time.Second
	// forever is longer than any run: River takes runs that are older for dead,
	// but a run may well watch its cluster for hours.
	forever = 100 * 365 * 24 * time.Hour
	// keepJobs is how long ended jobs stay to be looked at.
	keepJobs = 10 * time.Minute
)

// Work runs jobs until ctx ends, then waits for the runs under way. The server's
// name is noted with each job; "" lets River choose one.
func (j *Jobs[TTx]) Work(ctx context.Context, server string, w store.Worker) error {
	if !j.working.TryLock() {
		return store.Working()
	}
	defer j.working.Unlock()
	poll := sharedPoll
	if j.OneServer {
		poll = fetchPoll
		if err := j.rescue(ctx); err != nil {
			return err
		}
	}
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &worker[TTx]{jobs: j, run: w.Run}); err != nil {
		return fmt.Errorf("register the worker: %w", err)
	}
	client, err := river.NewClient[TTx](ringing[TTx]{Driver: j.driver, bell: j.bell}, &river.Config{
		ID:                          server,
		Logger:                      j.log,
		Queues:                      map[string]river.QueueConfig{Queue: {MaxWorkers: max(w.Concurrency, 1)}},
		Workers:                     workers,
		FetchCooldown:               fetchCooldown,
		FetchPollInterval:           poll,
		JobTimeout:                  -1, // deadlines belong to operations and steps
		RescueStuckJobsAfter:        forever,
		CompletedJobRetentionPeriod: keepJobs,
	})
	if err != nil {
		return fmt.Errorf("make the job client: %w", err)
	}
	return j.serve(ctx, client)
}

func (j *Jobs[TTx]) serve(ctx context.Context, client *river.Client[TTx]) error {
	lasting := context.WithoutCancel(ctx) // River would abandon its jobs' records if its own context ended
	if err := client.Start(lasting); err != nil {
		return fmt.Errorf("start the job client: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return j.tick(ctx, client) })
	g.Go(func() error {
		<-ctx.Done()
		return client.StopAndCancel(lasting)
	})
	return g.Wait()
}

// worker is River's view of a store.Worker.
type worker[TTx any] struct {
	river.WorkerDefaults[args]
	jobs *Jobs[TTx]
	run  func(ctx context.Context, cluster string, woken <-chan struct{}) (time.Duration, error)
}

// Timeout is none.
func (*worker[TTx]) Timeout(*river.Job[args]) time.Duration { return -1 }

// Work runs one job and writes its end. It returns an error only if that could
// not be written before the service stops; the job then counts as running, and
// the next start finds it.
func (w *worker[TTx]) Work(ctx context.Context, job *river.Job[args]) error {
	cluster := job.Args.Cluster
	ctx = context.WithValue(ctx, held{}, job.ID)
	r := w.jobs.begin(ctx, cluster)
	var again time.Duration
	var err error
	if ctx.Err() == nil { // River may fetch once more while it stops
		again, err = w.runSafely(ctx, cluster, r.woken)
	}
	heard, missed := w.jobs.end(cluster, r)
	for attempt := 1; ; attempt++ {
		failed := w.jobs.finish(ctx, job, heard, func(left bool) (next, bool) {
			return follow(job.Args, outcome{again: again, err: err, at: time.Now(), rerun: left || missed || ctx.Err() != nil})
		})
		if e, ok := jeroboam.AsError(failed); failed == nil || ok && e.Reason == store.ReasonLost {
			return nil // lost: the job is over, and its successor another server's
		}
		if ctx.Err() != nil {
			return failed
		}
		w.jobs.log.Error("The end of a run could not be written; trying again.", "cluster", cluster, "err", failed)
		select {
		case <-time.After(store.RetryAfter(attempt)):
		case <-ctx.Done():
		}
	}
}

// begin notes the run, so that wakes reach it, and what it has heard already.
// A wake that cannot be read counts as unheard: the run is repeated.
func (j *Jobs[TTx]) begin(ctx context.Context, cluster string) *run {
	r := &run{woken: make(chan struct{}, 1)}
	j.mu.Lock()
	j.runs[cluster] = r
	j.mu.Unlock()
	wake, err := j.db.Rung(ctx, cluster)
	if err != nil {
		j.log.Debug("The wake of a cluster could not be read.", "cluster", cluster, "err", err)
		return r
	}
	j.mu.Lock()
	r.heard = max(r.heard, wake)
	j.mu.Unlock()
	return r
}

// end takes the run off the list and says up to which wake it heard, and
// whether a signal lies in its channel that it did not take.
func (j *Jobs[TTx]) end(cluster string, r *run) (heard int64, missed bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.runs, cluster)
	return r.heard, len(r.woken) > 0
}

// outcome is how a run went.
type outcome struct {
	again time.Duration
	err   error
	at    time.Time
	rerun bool // something happened that the run may not have seen
}

// follow decides on the job after a run; false: there is nothing to do.
func follow(was args, o outcome) (next, bool) {
	n := next{args: args{Cluster: was.Cluster}}
	if o.err != nil {
		n.Failures = was.Failures + 1
	}
	switch {
	case o.rerun:
		return n, true
	case o.err != nil:
		n.at = o.at.Add(store.RetryAfter(n.Failures))
		return n, true
	case o.again > 0:
		n.at = o.at.Add(o.again)
		return n, true
	}
	return next{}, false
}

// finish completes the job and inserts the one that follows, in one transaction.
func (j *Jobs[TTx]) finish(stopping context.Context, job *river.Job[args], heard int64, follow func(left bool) (next, bool)) error {
	ctx := context.WithoutCancel(stopping) // a stop must not lose the end of what was done
	var n next
	var more bool
	err := j.db.UpdateTx(ctx, func(tx TTx) error {
		if _, err := river.JobCompleteTx[riverdriver.Driver[TTx]](ctx, tx, job); err != nil {
			return fmt.Errorf("complete the job of cluster %s: %w", job.Args.Cluster, err)
		}
		left, err := j.db.Hush(tx, job.Args.Cluster, heard)
		if err != nil {
			return err
		}
		if n, more = follow(left); !more {
			return nil
		}
		return j.insertNext(ctx, tx, n)
	})
	if err != nil || !more || stopping.Err() != nil {
		return err
	}
	if n.at.IsZero() {
		j.bell.ring()
	} else {
		j.clock.set(n.at)
	}
	return nil
}

// held is the key of the job under which a context's run is done.
type held struct{}

// Held returns the job under which the run of ctx is done, if it is a run's.
func Held(ctx context.Context) (job int64, ok bool) {
	job, ok = ctx.Value(held{}).(int64)
	return job, ok
}

// runSafely makes a panic an error: one cluster's bad luck must not stop the rest.
func (w *worker[TTx]) runSafely(ctx context.Context, cluster string, woken <-chan struct{}) (again time.Duration, err error) {
	defer func() {
		if p := recover(); p != nil {
			w.jobs.log.Error("A run panicked.", "cluster", cluster, "panic", p, slog.String("stack", string(debug.Stack())))
			err = jeroboam.Errorf(jeroboam.Internal, "panic", "The work on cluster %s met an unexpected error.", cluster)
		}
	}()
	return w.run(ctx, cluster, woken)
}

// rescue makes the jobs that a killed process left running available again.
func (j *Jobs[TTx]) rescue(ctx context.Context) error {
	const batch = 1000
	for {
		stuck, err := j.driver.GetExecutor().JobGetStuck(ctx, &riverdriver.JobGetStuckParams{Max: batch, StuckHorizon: time.Now().Add(time.Hour)})
		if err != nil {
			return fmt.Errorf("look for abandoned jobs: %w", err)
		}
		if len(stuck) == 0 {
			return nil
		}
		params := &riverdriver.JobRescueManyParams{}
		for _, job := range stuck {
			params.ID = append(params.ID, job.ID)
			params.Error = append(params.Error, []byte(`{"error":"the service ended during the run"}`))
			params.FinalizedAt = append(params.FinalizedAt, nil)
			params.ScheduledAt = append(params.ScheduledAt, job.ScheduledAt)
			params.State = append(params.State, string(rivertype.JobStateAvailable))
		}
		if _, err := j.driver.GetExecutor().JobRescueMany(ctx, params); err != nil {
			return fmt.Errorf("release abandoned jobs: %w", err)
		}
	}
}
