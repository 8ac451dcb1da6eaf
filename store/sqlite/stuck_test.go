package sqlite

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// refuseWrites makes every write fail, as a file system that turned read-only.
func refuseWrites(t *testing.T, b *Backend, refuse bool) {
	t.Helper()
	pragma := "PRAGMA query_only = 0"
	if refuse {
		pragma = "PRAGMA query_only = 1"
	}
	if _, err := b.writer.db.Exec(pragma); err != nil {
		t.Error(err)
	}
}

func TestARunWhoseEndCannotBeWrittenIsNeitherLostNorDoubled(t *testing.T) {
	b, err := Open(context.Background(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	wake := func() error {
		return b.Update(context.Background(), func(tx store.Tx) error { return tx.Wake("a") })
	}
	runs := make(chan int, 10)
	var count int
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		err := b.Work(ctx, store.Worker{Concurrency: 2, Run: func(context.Context, string, <-chan struct{}) (time.Duration, error) {
			if count++; count == 1 {
				refuseWrites(t, b, true)
			}
			runs <- count
			return 0, nil
		}})
		if err != nil {
			t.Error(err)
		}
	})
	if err := wake(); err != nil {
		t.Fatal(err)
	}
	<-runs
	err = wake()
	if e, ok := jeroboam.AsError(err); !ok || e.Kind != jeroboam.Unavailable || e.Reason != store.ReasonUnwritable {
		t.Errorf("a wake while nothing can be written: %v", err)
	}
	refuseWrites(t, b, false)
	if err := wake(); err != nil {
		t.Fatal(err)
	}
	if n := <-runs; n != 2 {
		t.Errorf("run %d, want 2", n)
	}
	cancel()
	wg.Wait()
	if len(runs) > 0 {
		t.Errorf("run %d: one too many", <-runs)
	}
}
