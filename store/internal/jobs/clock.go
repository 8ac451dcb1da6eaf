package jobs

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// clock knows when the next scheduled job is due. River itself looks for due
// jobs every five seconds, which is too coarse for "again in 200 ms".
type clock struct {
	mu      sync.Mutex
	at      time.Time // zero: nothing is scheduled
	earlier chan struct{}
}

func newClock() *clock { return &clock{earlier: make(chan struct{}, 1)} }

// set says that a job was scheduled.
func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.at.IsZero() && !at.Before(c.at) {
		return
	}
	c.at = at
	select {
	case c.earlier <- struct{}{}:
	default:
	}
}

// wait returns when the time has come, having forgotten it, or with ctx's end.
func (c *clock) wait(ctx context.Context) error {
	for {
		timer := time.NewTimer(c.left())
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-c.earlier:
			timer.Stop()
		case <-timer.C:
			if c.strike() {
				return nil
			}
		}
	}
}

func (c *clock) left() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() {
		return time.Hour
	}
	return time.Until(c.at)
}

func (c *clock) strike() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() || time.Now().Before(c.at) {
		return false
	}
	c.at = time.Time{}
	return true
}

// tick makes scheduled jobs available when they are due, until ctx ends.
func (j *Jobs[TTx]) tick(ctx context.Context, client *river.Client[TTx]) error {
	j.clock.set(time.Now()) // what an earlier life scheduled
	for j.clock.wait(ctx) == nil {
		due, err := j.release(ctx, client)
		if err != nil && ctx.Err() == nil {
			j.log.Error("Scheduled jobs could not be made available; trying again.", "err", err)
			due = time.Now().Add(time.Second)
		}
		if !due.IsZero() {
			j.clock.set(due)
		}
	}
	return nil
}

// release makes due jobs available and returns when the next one is due.
func (j *Jobs[TTx]) release(ctx context.Context, client *river.Client[TTx]) (time.Time, error) {
	_, err := j.driver.GetExecutor().JobSchedule(ctx, &riverdriver.JobScheduleParams{Max: 1000})
	if err != nil {
		return time.Time{}, fmt.Errorf("make scheduled jobs available: %w", err)
	}
	j.bell.ring()
	return j.due(ctx, client)
}

func (j *Jobs[TTx]) due(ctx context.Context, client *river.Client[TTx]) (time.Time, error) {
	list, err := client.JobList(ctx, river.NewJobListParams().
		Queues(Queue).
		States(rivertype.JobStateScheduled, rivertype.JobStateRetryable).
		OrderBy(river.JobListOrderByScheduledAt, river.SortOrderAsc).
		First(1))
	if err != nil {
		return time.Time{}, fmt.Errorf("look for the next job: %w", err)
	}
	if len(list.Jobs) == 0 {
		return time.Time{}, nil
	}
	// The database's clock ticks in milliseconds: be there after it.
	return list.Jobs[0].ScheduledAt.Add(time.Millisecond), nil
}
