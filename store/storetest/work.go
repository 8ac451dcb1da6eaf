package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

type runFunc = func(ctx context.Context, cluster string, woken <-chan struct{}) (time.Duration, error)

// work starts a worker and returns what stops it and waits for it.
func work(t *testing.T, b store.Backend, concurrency int, run runFunc) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Work(ctx, store.Worker{Concurrency: concurrency, Run: run}) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err, _ := receive(t, done, "end of Work"); err != nil {
				t.Errorf("Work: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// runs is a worker that says which cluster it runs and then obeys.
type runs chan string

func (r runs) run(_ context.Context, cluster string, _ <-chan struct{}) (time.Duration, error) {
	r <- cluster
	return 0, nil
}

func (r runs) expect(t *testing.T, want ...string) {
	t.Helper()
	left := map[string]int{}
	for _, c := range want {
		left[c]++
	}
	for range want {
		c, _ := receive(t, r, "run")
		if left[c]--; left[c] < 0 {
			t.Fatalf("unexpected run of %s, want %v", c, want)
		}
	}
}

func wakes(t *testing.T, d Database) {
	b := d.open(t)
	r := make(runs, 100)
	work(t, b, 2, r.run)
	b.Update(context.Background(), func(tx store.Tx) error { //nolint:errcheck // fails on purpose
		return errors.Join(tx.Wake("abandoned"), errors.New("no"))
	})
	update(t, b, func(tx store.Tx) error { // many calls, one run
		return errors.Join(tx.Wake("a"), tx.Wake("b"), tx.Wake("a"), tx.Wake("a"))
	})
	r.expect(t, "a", "b")
	wake(t, b, "last")
	r.expect(t, "last")
	wake(t, b, "a") // and a cluster that has been run runs again
	r.expect(t, "a")
	if len(r) > 0 {
		t.Errorf("one more run: %s", <-r)
	}
}

func wokenDuring(t *testing.T, d Database) {
	b := d.open(t)
	started, finish := make(chan int32, 10), make(chan bool)
	var count atomic.Int32
	work(t, b, 2, func(ctx context.Context, _ string, woken <-chan struct{}) (time.Duration, error) {
		n := count.Add(1)
		started <- n
		if <-finish {
			receive(t, woken, "signal on woken")
			started <- -n
			<-finish
		}
		return 0, nil
	})
	wake(t, b, "a")
	receive(t, started, "first run")
	wake(t, b, "a")
	wake(t, b, "a")
	finish <- true
	if n, _ := receive(t, started, "signal"); n != -1 {
		t.Fatalf("got %d, want the signal to the first run", n)
	}
	// Both wakes may have been one signal; if the second is another, it is not
	// taken and makes a run. A third certainly does.
	wake(t, b, "a")
	finish <- false
	if n, _ := receive(t, started, "run for the wake that was not taken"); n != 2 {
		t.Fatalf("got %d, want run 2", n)
	}
	finish <- false
	wake(t, b, "a")
	if n, _ := receive(t, started, "run after all"); n != 3 {
		t.Fatalf("got %d, want run 3: a wake that was delivered made a run, too", n)
	}
	finish <- false
}

// lostWake has one goroutine write numbers and wake, while runs read the number
// and end at once: the last number must be seen.
func lostWake(t *testing.T, d Database) {
	b := d.open(t)
	const clusters, numbers = 4, 40
	var seen [clusters]atomic.Int64
	all := make(chan struct{}, 1)
	work(t, b, clusters, func(_ context.Context, cluster string, woken <-chan struct{}) (time.Duration, error) {
		var i int
		fmt.Sscan(cluster, &i) //nolint:errcheck // our own number
		r, err := get(t, b, "number", cluster)
		if err != nil {
			return 0, err
		}
		if r.Seq%2 == 0 { // half of the clusters take signals, as an engine does
			select {
			case <-woken:
				if r, err = get(t, b, "number", cluster); err != nil {
					return 0, err
				}
			default:
			}
		}
		seen[i].Store(r.Revision)
		select {
		case all <- struct{}{}:
		default:
		}
		return 0, nil
	})
	var wg sync.WaitGroup
	for i := range clusters {
		wg.Go(func() {
			r := record("number", fmt.Sprint(i), `{}`)
			for range numbers {
				err := b.Update(context.Background(), func(tx store.Tx) (err error) {
					if r, err = tx.Put(r); err != nil {
						return err
					}
					return tx.Wake(r.ID)
				})
				if err != nil {
					t.Errorf("Update: %v", err)
				}
			}
		})
	}
	wg.Wait()
	for i := range clusters {
		for seen[i].Load() < numbers {
			receive(t, all, fmt.Sprintf("run that sees number %d of cluster %d; seen %d: a wake was lost", numbers, i, seen[i].Load()))
		}
	}
}

func exclusive(t *testing.T, d Database) {
	b := d.open(t)
	var running [2]atomic.Int32
	var count atomic.Int32
	done := make(chan struct{}, 1)
	work(t, b, 8, func(_ context.Context, cluster string, _ <-chan struct{}) (time.Duration, error) {
		mine := &running[cluster[0]-'a']
		if n := mine.Add(1); n > 1 {
			t.Errorf("%d runs of cluster %s at a time", n, cluster)
		}
		_, err := get(t, b, "k", "none") // takes a moment
		if jeroboam.KindOf(err) != jeroboam.NotFound {
			t.Error(err)
		}
		mine.Add(-1)
		if count.Add(1) >= 40 {
			select {
			case done <- struct{}{}:
			default:
			}
		}
		return time.Nanosecond, nil
	})
	for range 20 {
		wake(t, b, "a", "b")
	}
	receive(t, done, "fortieth run")
}

func concurrency(t *testing.T, d Database) {
	b := d.open(t)
	const limit, clusters = 3, 10
	started, finish := make(chan string, clusters), make(chan struct{})
	var running atomic.Int32
	work(t, b, limit, func(_ context.Context, cluster string, _ <-chan struct{}) (time.Duration, error) {
		if n := running.Add(1); n > limit {
			t.Errorf("%d runs at a time, want at most %d", n, limit)
		}
		started <- cluster
		<-finish
		running.Add(-1)
		return 0, nil
	})
	for i := range clusters {
		wake(t, b, fmt.Sprint("c", i))
	}
	for range limit {
		receive(t, started, "run")
	}
	for range clusters - limit { // one ends, another starts
		finish <- struct{}{}
		receive(t, started, "run in the free place")
	}
	for range limit {
		finish <- struct{}{}
	}
}

func again(t *testing.T, d Database) {
	b := d.open(t)
	const wait = 50 * time.Millisecond
	at := make(chan time.Time, 10)
	var left atomic.Int32
	left.Store(4)
	work(t, b, 1, func(context.Context, string, <-chan struct{}) (time.Duration, error) {
		at <- time.Now()
		if left.Add(-1) > 0 {
			return wait, nil
		}
		return 0, nil
	})
	wake(t, b, "a")
	last, _ := receive(t, at, "run")
	var waited []time.Duration
	for range 3 {
		next, _ := receive(t, at, "further run")
		waited = append(waited, next.Sub(last))
		if early := wait - next.Sub(last); early > 2*time.Millisecond { // databases keep milliseconds
			t.Errorf("run again %v too early", early)
		}
		last = next
	}
	t.Logf("asked to wait %v, waited %v", wait, waited)
	if slices.Min(waited) > 3*time.Second { // one alone may meet a busy machine
		t.Errorf("asked to wait %v, waited %v", wait, waited)
	}
}

func retries(t *testing.T, d Database) {
	b := d.open(t)
	var count atomic.Int32
	started := make(chan int32, 10)
	work(t, b, 1, func(context.Context, string, <-chan struct{}) (time.Duration, error) {
		n := count.Add(1)
		started <- n
		if n < 3 {
			return 0, errors.New("not yet")
		}
		return 0, nil
	})
	wake(t, b, "a")
	for want := range int32(3) {
		if n, _ := receive(t, started, "run"); n != want+1 {
			t.Fatalf("run %d, want %d", n, want+1)
		}
	}
	wake(t, b, "b")
	if n, _ := receive(t, started, "run"); n != 4 {
		t.Fatalf("run %d, want 4: a run that succeeded was repeated", n)
	}
}

func forward(t *testing.T, d Database) {
	b := d.open(t)
	started := make(chan string, 10)
	work(t, b, 2, func(_ context.Context, cluster string, _ <-chan struct{}) (time.Duration, error) {
		started <- cluster
		return time.Hour, nil
	})
	for range 3 {
		wake(t, b, "a")
		receive(t, started, "run long before its time")
	}
}

func jobsSurvive(t *testing.T, d Database) {
	b := d(t)
	wake(t, b, "a", "b")
	r := make(runs, 10)
	stop := work(t, b, 1, func(ctx context.Context, cluster string, w <-chan struct{}) (time.Duration, error) {
		r.run(ctx, cluster, w) //nolint:errcheck // never fails
		if cluster == "b" {
			return 100 * time.Millisecond, nil
		}
		return 0, nil
	})
	r.expect(t, "a", "b")
	stop()
	wake(t, b, "c")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = d.open(t)
	r = make(runs, 10)
	work(t, b, 1, r.run)
	want := []string{"b", "c"}
	r.expect(t, want...)
	wake(t, b, "a")
	r.expect(t, "a")
}

func stops(t *testing.T, d Database) {
	b := d.open(t)
	started, ended := make(chan struct{}), make(chan struct{}, 1)
	stop := work(t, b, 2, func(ctx context.Context, _ string, _ <-chan struct{}) (time.Duration, error) {
		started <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
		return 0, nil // cut short: what it had to do may not be done
	})
	wake(t, b, "a")
	receive(t, started, "run")
	stop()
	select {
	case <-ended:
	default:
		t.Fatal("Work returned before its run")
	}
	r := make(runs, 10)
	work(t, b, 1, r.run)
	r.expect(t, "a")
}

func oneWorker(t *testing.T, d Database) {
	b := d.open(t)
	r := make(runs, 10)
	stop := work(t, b, 1, r.run)
	wake(t, b, "a")
	r.expect(t, "a")
	wantErr(t, b.Work(t.Context(), store.Worker{Concurrency: 1, Run: r.run}), jeroboam.Internal, store.ReasonWorking)
	stop()
	work(t, b, 1, r.run) // but one after the other
	wake(t, b, "b")
	for c := "a"; c != "b"; { // a's run may have been cut short by the stop
		c, _ = receive(t, r, "run of b")
	}
}

// Report returns a Run that sends the cluster's ID and has nothing more to do.
func Report(to chan<- string) func(context.Context, string, <-chan struct{}) (time.Duration, error) {
	return func(_ context.Context, cluster string, _ <-chan struct{}) (time.Duration, error) {
		to <- cluster
		return 0, nil
	}
}
