package postgres_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/postgres"
	server "github.com/jeroboam-cloud/jeroboam/test/postgres"
)

// victimURL tells this test binary to be a server that will be killed.
const victimURL = "JEROBOAM_TEST_VICTIM"

// patience is how long a test waits for what must happen, on a busy machine too.
// The clusters of a killed server run elsewhere after some four seconds.
const patience = time.Minute

type runFunc = func(ctx context.Context, cluster string, woken <-chan struct{}) (time.Duration, error)

func work(t *testing.T, b *postgres.Backend, run runFunc) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Work(ctx, store.Worker{Concurrency: 4, Run: run}) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Work: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func wake(t *testing.T, b *postgres.Backend, clusters ...string) {
	t.Helper()
	err := b.Update(context.Background(), func(tx store.Tx) (err error) {
		for _, c := range clusters {
			err = errors.Join(err, tx.Wake(c))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func receive[T any](t *testing.T, from <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		t.Fatalf("no %s within %v", what, patience)
	}
	return v
}

const steps = 40

// walk is a run that does the next step of its cluster up to the last, once: a
// second try finds the record there. It comes back until all steps are done.
func walk(b *postgres.Backend, who string, last int) runFunc {
	return func(ctx context.Context, cluster string, _ <-chan struct{}) (time.Duration, error) {
		n := 0
		err := b.Update(ctx, func(tx store.Tx) (err error) {
			if n, err = tx.Count(store.Query{Kind: "step", Parent: cluster}); err != nil || n >= last {
				return err
			}
			n++
			_, err = tx.Put(store.Record{Kind: "step", ID: fmt.Sprint(cluster, "-", n), Parent: cluster, Name: who, Data: []byte(`{}`)})
			return err
		})
		if err != nil || n == steps {
			return 0, err
		}
		return time.Millisecond, nil
	}
}

// victim walks like any server, but never does the last step of a cluster, and
// holds the cluster "held" for ever.
func victim(url jeroboam.Secret) error {
	b, err := postgres.Open(context.Background(), postgres.Options{URL: url})
	if err != nil {
		return err
	}
	run := walk(b, "victim", steps-1)
	return b.Work(context.Background(), store.Worker{Concurrency: 4, Run: func(ctx context.Context, cluster string, woken <-chan struct{}) (time.Duration, error) {
		if cluster == "held" {
			fmt.Println("held")
			select {}
		}
		return run(ctx, cluster, woken)
	}})
}

func startVictim(t *testing.T, url jeroboam.Secret) (cmd *exec.Cmd, held <-chan string) {
	t.Helper()
	cmd = exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), victimURL+"="+url.Reveal())
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // it may be dead
		cmd.Wait()         //nolint:errcheck // it was killed
	})
	lines := make(chan string, 1)
	go func() {
		scanner := bufio.NewScanner(out)
		for scanner.Scan() {
			lines <- scanner.Text()
		}
		close(lines)
	}()
	return cmd, lines
}

func TestTheClustersOfAKilledServerAreTakenUpAndNothingIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	url := database.Database(t)
	b := opened(t, url)
	dead, held := startVictim(t, url)
	wake(t, b, "held")
	receive(t, held, "run in the victim")
	var clusters []string
	for i := range 8 {
		clusters = append(clusters, fmt.Sprint("c", i))
	}
	wake(t, b, clusters...)
	watch := b.Watch(t.Context(), "step", "")
	for counts(t, b)["victim"] < 3*len(clusters) { // it is in the middle of all of them
		receive(t, watch, "step of the victim")
	}
	taken := make(chan time.Time, 1)
	run := walk(b, "heir", steps)
	work(t, b, func(ctx context.Context, cluster string, woken <-chan struct{}) (time.Duration, error) {
		if cluster == "held" {
			taken <- time.Now()
			return 0, nil
		}
		return run(ctx, cluster, woken)
	})
	if err := dead.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	t.Logf("taken up %v after the kill", receive(t, taken, "run of the cluster that was held").Sub(killed))
	for done := 0; done < steps*len(clusters); {
		c := counts(t, b)
		if done = c["victim"] + c["heir"]; done < steps*len(clusters) {
			receive(t, watch, fmt.Sprintf("further step after %v", c))
		}
	}
	c := counts(t, b)
	t.Logf("steps: %v", c)
	if c["victim"]+c["heir"] != steps*len(clusters) || c["heir"] == 0 {
		t.Errorf("steps done: %v; want %d together", c, steps*len(clusters))
	}
}

// counts is how many steps each server has done.
func counts(t *testing.T, b *postgres.Backend) map[string]int {
	t.Helper()
	n := map[string]int{}
	err := b.View(context.Background(), func(tx store.Tx) error {
		records, err := tx.List(store.Query{Kind: "step"})
		for _, r := range records {
			n[r.Name]++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A server that lost its session, but lives, ends its runs and cannot write in
// the name of one, although another server has the cluster.
func TestAServerThatWasTakenForDeadCannotWriteForItsRuns(t *testing.T) {
	t.Parallel()
	url := database.Database(t)
	first, second := opened(t, url), opened(t, url)
	type start struct {
		ctx context.Context
		who string
	}
	started := make(chan start, 4)
	var running, most atomic.Int32
	hold := func(who string) runFunc {
		return func(ctx context.Context, cluster string, _ <-chan struct{}) (time.Duration, error) {
			if cluster == "a" { // another is woken in the end, and may run beside it
				most.Store(max(most.Load(), running.Add(1)))
				defer running.Add(-1)
			}
			started <- start{ctx, who}
			<-ctx.Done()
			return 0, nil
		}
	}
	work(t, first, hold("first"))
	wake(t, first, "a")
	was := receive(t, started, "first run")
	work(t, second, hold("second"))
	server.Execute(t, url, `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2
		AND objid = (SELECT min(number) FROM servers) AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND mode = 'ExclusiveLock'
		AND classid = `+fmt.Sprint(0x4a52424e))
	begin := time.Now()
	now := receive(t, started, "run elsewhere")
	t.Logf("%s runs %v after %s lost its session", now.who, time.Since(begin), was.who)
	if was.ctx.Err() == nil {
		t.Error("the run of the first server goes on")
	}
	// What a run that pays no heed to its context writes comes to nothing.
	err := first.Update(context.WithoutCancel(was.ctx), func(tx store.Tx) error {
		t.Error("a write of the lost run was let through")
		return nil
	})
	wantErr(t, err, jeroboam.Conflict, store.ReasonLost)
	if err := second.Update(now.ctx, func(tx store.Tx) error { return tx.Wake("b") }); now.who == "second" && err != nil {
		t.Errorf("the heir cannot write: %v", err)
	}
	if n := most.Load(); n != 1 {
		t.Errorf("%d runs at a time of one cluster", n)
	}
}

func TestARunHearsOfAWakeOnAnotherServer(t *testing.T) {
	t.Parallel()
	url := database.Database(t)
	first, second := opened(t, url), opened(t, url)
	started, heard := make(chan struct{}, 10), make(chan struct{}, 10) // a run that nobody asked for must not hang
	work(t, first, func(ctx context.Context, _ string, woken <-chan struct{}) (time.Duration, error) {
		started <- struct{}{}
		select {
		case <-woken:
			heard <- struct{}{}
		case <-ctx.Done():
		}
		return 0, nil
	})
	wake(t, second, "a") // and a server without workers makes work for others
	receive(t, started, "run on the other server")
	wake(t, second, "a")
	receive(t, heard, "signal on woken")
}

func TestWatchHearsOfCommitsOnAnotherServerEvenAfterItsConnectionWasCut(t *testing.T) {
	t.Parallel()
	url := database.Database(t)
	first, second := opened(t, url), opened(t, url)
	watch := first.Watch(t.Context(), "k", "p")
	put := func(id string) {
		t.Helper()
		err := second.Update(context.Background(), func(tx store.Tx) error {
			_, err := tx.Put(store.Record{Kind: "k", ID: id, Parent: "p", Data: []byte(`{}`)})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	put("1")
	receive(t, watch, "signal")
	server.Execute(t, url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	put("2") // the pool's connections died, too
	receive(t, watch, "signal after the cut")
	put("3")
	receive(t, watch, "signal by the new connection")
}

func TestATransactionThatTheDatabaseRollsBackIsRepeated(t *testing.T) {
	t.Parallel()
	url := database.Database(t)
	b := opened(t, url)
	ctx := context.Background()
	set := func(tx store.Tx, id, data string) error {
		r, err := tx.Get("k", id)
		if jeroboam.KindOf(err) == jeroboam.NotFound {
			r = store.Record{Kind: "k", ID: id}
		} else if err != nil {
			return err
		}
		r.Data = []byte(data)
		_, err = tx.Put(r)
		return err
	}
	if err := b.Update(ctx, func(tx store.Tx) error { return errors.Join(set(tx, "x", "0"), set(tx, "y", "0")) }); err != nil {
		t.Fatal(err)
	}
	other, err := pgx.Connect(ctx, url.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(ctx)
	for _, statement := range []string{"SET deadlock_timeout = '1h'", "BEGIN", "SELECT 1 FROM records WHERE id = 'x' FOR UPDATE"} {
		if _, err := other.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	attempts := 0
	crossed := make(chan error, 1)
	err = b.Update(ctx, func(tx store.Tx) error {
		attempts++
		if attempts == 2 { // the other ends first, or the two might cross again
			if err := receive(t, crossed, "end of the other transaction"); err != nil {
				t.Error(err)
			}
		}
		if err := set(tx, "y", "1"); err != nil {
			return err
		}
		if attempts == 1 {
			go func() { // waits for y, while the Update will wait for x
				_, err := other.Exec(ctx, "UPDATE records SET data = '2' WHERE id = 'y'")
				_, end := other.Exec(ctx, "ROLLBACK")
				crossed <- errors.Join(err, end)
			}()
			awaitLock(t, url, other.PgConn().PID())
		}
		return set(tx, "x", "1")
	})
	if err != nil || attempts != 2 {
		t.Errorf("Update: %v after %d attempts; want success after 2", err, attempts)
	}
}

// awaitLock returns when this session waits for another. Those of other databases
// have waits of their own, so it does not look for just any.
func awaitLock(t *testing.T, url jeroboam.Secret, session uint32) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url.Reveal())
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close(context.Background())
	for waits := false; !waits; {
		err := conn.QueryRow(t.Context(), "SELECT cardinality(pg_blocking_pids($1)) > 0", session).Scan(&waits)
		if err != nil {
			t.Error(err)
			return
		}
	}
}

func TestTextThatPostgreSQLCannotHoldIsRefusedAndFindsNothing(t *testing.T) {
	t.Parallel()
	b := opened(t, database.Database(t))
	for _, text := range []string{"a\x00b", "\xff"} {
		err := b.Update(t.Context(), func(tx store.Tx) error {
			_, err := tx.Put(store.Record{Kind: "k", ID: "1", Name: text, Data: []byte(`{}`)})
			wantErr(t, err, jeroboam.Invalid, store.ReasonText)
			_, err = tx.Get("k", text)
			wantErr(t, err, jeroboam.NotFound, store.ReasonAbsent)
			wantErr(t, tx.Delete("k", text, 0), jeroboam.NotFound, store.ReasonAbsent)
			_, err = tx.List(store.Query{Kind: "k", Marker: text})
			wantErr(t, err, jeroboam.NotFound, store.ReasonMarker)
			records, err := tx.List(store.Query{Kind: "k", Name: text})
			n, err2 := tx.Count(store.Query{Kind: "k", Parent: text})
			if len(records)+n != 0 || errors.Join(err, err2) != nil {
				t.Errorf("found %d and %d, %v, %v", len(records), n, err, err2)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%q spoilt the transaction: %v", text, err)
		}
	}
}
