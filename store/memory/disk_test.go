package memory_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
)

func put(b *memory.Backend, id string) error {
	return b.Update(context.Background(), func(tx store.Tx) error {
		_, err := tx.Put(store.Record{Kind: "k", ID: id, Data: []byte(`{}`)})
		return errors.Join(err, tx.Wake(id))
	})
}

func count(t *testing.T, b *memory.Backend) (n int) {
	t.Helper()
	err := b.View(context.Background(), func(tx store.Tx) (err error) {
		n, err = tx.Count(store.Query{Kind: "k"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestThePlugIsPulledRightAfterTheNthCommit(t *testing.T) {
	disk := memory.NewDisk()
	b := disk.Open()
	if err := put(b, "1"); err != nil {
		t.Fatal(err)
	}
	b.StopAfter(2)
	watch := b.Watch(context.Background(), "k", "")
	if err := put(b, "2"); err != nil {
		t.Fatal(err)
	}
	if err := b.View(context.Background(), func(store.Tx) error { return nil }); err != nil { // not a commit
		t.Fatal(err)
	}
	for _, id := range []string{"3", "4"} { // 3 lands, but its caller does not hear of it
		if err := put(b, id); jeroboam.KindOf(err) != jeroboam.Unavailable {
			t.Errorf("put %s: %v, want Unavailable", id, err)
		}
	}
	if err := b.View(context.Background(), func(store.Tx) error { return nil }); jeroboam.KindOf(err) != jeroboam.Unavailable {
		t.Errorf("View: %v, want Unavailable", err)
	}
	<-b.Stopped()
	for range watch { // ends
	}
	if n := count(t, disk.Open()); n != 3 {
		t.Errorf("%d records on the disk, want 3", n)
	}
}

func TestANewLifeCutsTheOldOneOffAndTakesOverItsRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := memory.NewDisk()
		first := disk.Open()
		started := make(chan string)
		run := func(ctx context.Context, cluster string, _ <-chan struct{}) (time.Duration, error) {
			started <- cluster
			<-ctx.Done()
			return 0, nil
		}
		done := make(chan error)
		go func() { done <- first.Work(t.Context(), store.Worker{Concurrency: 1, Run: run}) }()
		if err := put(first, "a"); err != nil {
			t.Fatal(err)
		}
		<-started
		second := disk.Open()
		if err := <-done; jeroboam.KindOf(err) != jeroboam.Unavailable {
			t.Errorf("Work of the life that was cut off: %v, want Unavailable", err)
		}
		if err := put(first, "b"); jeroboam.KindOf(err) != jeroboam.Unavailable {
			t.Errorf("Update of the life that was cut off: %v, want Unavailable", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- second.Work(ctx, store.Worker{Concurrency: 1, Run: run}) }()
		if c := <-started; c != "a" {
			t.Errorf("run of %s, want a", c)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
