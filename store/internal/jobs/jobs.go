// Package jobs turns River into the Wake and Work of a store.Backend, for any
// database River has a driver for.
//
// A cluster that has work has exactly one River job (unique by cluster) and one
// wake: a number that each Wake raises, in a table of the Backend. The job's
// end and its successor, if there must be one, are written in one transaction
// of ours which looks at the wake again, so that a Wake is either heard by the
// run, or finds no job and makes one, or makes the run's end leave a successor.
// River's own completion, which is asynchronous, then finds nothing to do.
package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// Queue is the one River queue that clusters' jobs are in.
const Queue = "clusters"

// args are the arguments of a cluster's job.
type args struct {
	Cluster  string `json:"cluster" river:"unique"`
	Failures int    `json:"failures,omitempty"` // runs in a row that ended in an error
}

func (args) Kind() string { return "converge" }

func (args) InsertOpts() river.InsertOpts {
	return river.InsertOpts{
		Queue:       Queue,
		MaxAttempts: math.MaxInt16, // never discarded; back-off is ours
		UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
			rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
			rivertype.JobStateRunning, rivertype.JobStateScheduled,
		}},
	}
}

// Database is what a Backend lends to its Jobs. Wakes are numbers that only
// grow; a cluster without one has none waiting.
type Database[TTx any] interface {
	// UpdateTx runs f in a transaction of the database.
	UpdateTx(ctx context.Context, f func(TTx) error) error
	// Ring gives the cluster a new, higher wake.
	Ring(tx TTx, cluster string) (wake int64, err error)
	// Hush forgets the cluster's wake if it is no higher than heard, and
	// reports whether a higher one is left.
	Hush(tx TTx, cluster string, heard int64) (left bool, err error)
	// Rung reads the cluster's wake, 0 for none.
	Rung(ctx context.Context, cluster string) (wake int64, err error)
}

// Jobs makes and works the jobs of one Backend.
type Jobs[TTx any] struct {
	// OneServer says that no other process works this database, so that jobs
	// found running when Work starts were abandoned.
	OneServer bool

	db     Database[TTx]
	driver riverdriver.Driver[TTx]
	insert *river.Client[TTx] // only inserts
	log    *slog.Logger
	bell   bell
	clock  *clock

	working sync.Mutex // held by Work
	mu      sync.Mutex
	runs    map[string]*run // under way, by cluster
}

// run is what a Wake must know of a run under way.
type run struct {
	woken chan struct{}
	heard int64 // the highest wake put into woken, or seen at the start
}

// New makes Jobs on a database whose River tables exist.
func New[TTx any](driver riverdriver.Driver[TTx], db Database[TTx], log *slog.Logger) (*Jobs[TTx], error) {
	j := &Jobs[TTx]{
		db: db, driver: driver, log: Quiet(log),
		bell: newBell(), clock: newClock(), runs: map[string]*run{},
	}
	client, err := river.NewClient(driver, &river.Config{Logger: j.log})
	if err != nil {
		return nil, fmt.Errorf("make the job client: %w", err)
	}
	j.insert = client
	return j, nil
}

// Wake makes the cluster's job within tx, or brings it forward, and returns the
// number to give to Committed.
func (j *Jobs[TTx]) Wake(ctx context.Context, tx TTx, cluster string) (int64, error) {
	wake, err := j.db.Ring(tx, cluster)
	if err != nil || j.OneServer && j.underWay(cluster) {
		return wake, err
	}
	inserted, err := j.insert.InsertTx(ctx, tx, args{Cluster: cluster}, nil)
	if err != nil {
		return 0, fmt.Errorf("insert the job of cluster %s: %w", cluster, err)
	}
	switch inserted.Job.State {
	case rivertype.JobStateScheduled, rivertype.JobStateRetryable:
		_, err = j.insert.JobRetryTx(ctx, tx, inserted.Job.ID)
		if err != nil {
			return 0, fmt.Errorf("bring the job of cluster %s forward: %w", cluster, err)
		}
	}
	return wake, nil
}

// underWay reports whether the cluster has a run that is sure to see a wake of
// the writing transaction: with one server and one writer, the transaction that
// ends the run comes after it. Most wakes are of that sort, and need no job.
func (j *Jobs[TTx]) underWay(cluster string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.runs[cluster] != nil
}

// Committed says that a transaction with these wakes (by cluster) committed.
func (j *Jobs[TTx]) Committed(wakes map[string]int64) {
	if len(wakes) == 0 {
		return
	}
	j.mu.Lock()
	for cluster, wake := range wakes {
		if r := j.runs[cluster]; r != nil {
			r.tell(wake)
		}
	}
	j.mu.Unlock()
	j.bell.ring()
}

// TakeUp makes a job within tx for a cluster whose last one was given up.
func (j *Jobs[TTx]) TakeUp(ctx context.Context, tx TTx, cluster string) error {
	return j.insertNext(ctx, tx, next{args: args{Cluster: cluster}})
}

// Look says that something may have happened which nobody told: every run is
// woken, the queue is looked at, and the clock set anew.
func (j *Jobs[TTx]) Look() {
	j.mu.Lock()
	for _, r := range j.runs {
		r.tell(0)
	}
	j.mu.Unlock()
	j.clock.set(time.Now())
	j.bell.ring()
}

// tell is called with Jobs.mu held.
func (r *run) tell(wake int64) {
	r.heard = max(r.heard, wake)
	select {
	case r.woken <- struct{}{}:
	default: // Run has not looked at the last signal, and will see both at once
	}
}

// next is when a cluster is to run again.
type next struct {
	args
	at time.Time // zero: at once
}

// insertNext writes the successor of a job that was completed in the same tx.
func (j *Jobs[TTx]) insertNext(ctx context.Context, tx TTx, n next) error {
	_, err := j.insert.InsertTx(ctx, tx, n.args, &river.InsertOpts{ScheduledAt: n.at})
	if err != nil {
		return fmt.Errorf("insert the next job of cluster %s: %w", n.Cluster, err)
	}
	return nil
}
