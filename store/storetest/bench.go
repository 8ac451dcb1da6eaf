package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam/store"
)

// Opener opens an empty database, which is closed when the benchmark ends.
type Opener func(b *testing.B) store.Backend

// Bench measures what the house asks of a Backend. It judges nothing.
func Bench(b *testing.B, open Opener) {
	for _, c := range []struct {
		name string
		run  func(*testing.B, Opener)
	}{
		{"CreateOneByOne", benchCreateOneByOne},
		{"CreateByManyCallers", benchCreateByManyCallers},
		{"ListPageOf10000", benchListPageOf10000},
		{"Wake", benchWake},
		{"ManyClusters", benchManyClusters},
	} {
		b.Run(c.name, func(b *testing.B) { c.run(b, open) })
	}
}

// accept writes what an accepted cluster is: itself, two groups, an operation
// and a wake.
func accept(b *testing.B, s store.Backend, i int64) {
	data := fmt.Appendf(nil, `{"id":"c%d","name":"c%d","spec":{"template":"t","labels":{"a":"b"},"flavor":"m1"},"status":{"state":"CREATE_IN_PROGRESS"}}`, i, i)
	project := fmt.Sprint("p", i%100)
	err := s.Update(context.Background(), func(tx store.Tx) error {
		if _, err := tx.Count(store.Query{Kind: "cluster", Project: project}); err != nil {
			return err
		}
		for _, kind := range []string{"cluster", "master", "worker", "operation"} {
			_, err := tx.Put(store.Record{Kind: kind, ID: fmt.Sprint("c", i), Project: project, Name: fmt.Sprint("c", i), Data: data})
			if err != nil {
				return err
			}
		}
		return tx.Wake(fmt.Sprint("c", i))
	})
	if err != nil {
		b.Error(err)
	}
}

func benchCreateOneByOne(b *testing.B, open Opener) {
	s := open(b)
	var i int64
	for b.Loop() {
		i++
		accept(b, s, i)
	}
}

func benchCreateByManyCallers(b *testing.B, open Opener) {
	s := open(b)
	var n atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			accept(b, s, n.Add(1))
		}
	})
}

func benchListPageOf10000(b *testing.B, open Opener) {
	s := open(b)
	fill(b, s, 10000)
	for _, sort := range []string{"", "name"} {
		b.Run("by "+sort, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					err := s.View(context.Background(), func(tx store.Tx) error {
						records, err := tx.List(store.Query{Kind: "cluster", Project: "p7", Sort: sort, Limit: 100})
						if len(records) != 100 {
							b.Errorf("%d records", len(records))
						}
						return err
					})
					if err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func fill(b *testing.B, s store.Backend, n int) {
	b.Helper()
	err := s.Update(context.Background(), func(tx store.Tx) error {
		for i := range n {
			_, err := tx.Put(store.Record{
				Kind: "cluster", ID: fmt.Sprint("c", i), Project: fmt.Sprint("p", i%100), Name: fmt.Sprint("c", i),
				Data: fmt.Appendf(nil, `{"id":"c%d","name":"c%d","spec":{"template":"t"},"status":{"state":"CREATE_COMPLETE"}}`, i, i),
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// benchWake measures from before the Update to the start of the run.
func benchWake(b *testing.B, open Opener) {
	s := open(b)
	started := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		done <- s.Work(ctx, store.Worker{Concurrency: 4, Run: func(context.Context, string, <-chan struct{}) (time.Duration, error) {
			started <- struct{}{}
			return 0, nil
		}})
	}()
	var i int
	for b.Loop() {
		i++
		err := s.Update(context.Background(), func(tx store.Tx) error { return tx.Wake(fmt.Sprint("c", i)) })
		if err != nil {
			b.Fatal(err)
		}
		<-started
	}
	cancel()
	if err := <-done; err != nil {
		b.Error(err)
	}
}

// benchManyClusters measures wakes of many clusters by many callers until
// all have been run: what an engine can get through.
func benchManyClusters(b *testing.B, open Opener) {
	s := open(b)
	ran := make(chan string, 64)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Work(ctx, store.Worker{Concurrency: 64, Run: Report(ran)}) }()
	b.ResetTimer()
	var n atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
				accept(b, s, i)
			}
		})
	}
	for range b.N {
		<-ran
	}
	wg.Wait()
	b.StopTimer()
	cancel()
	if err := <-done; err != nil {
		b.Error(err)
	}
}
