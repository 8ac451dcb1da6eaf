package together

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// twice answers everybody with twice what he wants, in a second.
func twice(calls *[]int) Call[int, int] {
	return func(_ context.Context, wants []int) []Answer[int] {
		*calls = append(*calls, len(wants))
		time.Sleep(time.Second) // virtual
		out := make([]Answer[int], len(wants))
		for i, n := range wants {
			out[i].Value = 2 * n
		}
		return out
	}
}

func TestWhoComesWhileACallIsUnderWaySharesTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Batches[int, int]
		var calls []int
		var all sync.WaitGroup
		want := func(n int) {
			all.Go(func() {
				if got, err := b.Do(t.Context(), n, twice(&calls)); err != nil || got != 2*n {
					t.Errorf("who wants %d got %d (%v)", n, got, err)
				}
			})
		}
		want(0)
		want(1)
		time.Sleep(2 * moment)
		for n := range 2*atOnce + 1 {
			want(n)
		}
		all.Wait()
		want(7)
		all.Wait()
		if !slices.Equal(calls, []int{2, atOnce, atOnce, 1, 1}) {
			t.Errorf("got calls of %v", calls)
		}
	})
}

func TestWhatSomebodyGaveUpIsDoneForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Batches[int, int]
		var calls []int
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := b.Do(ctx, 1, twice(&calls)); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if got, err := b.Do(t.Context(), 2, twice(&calls)); err != nil || got != 4 {
				t.Errorf("got %d (%v)", got, err)
			}
		})
		synctest.Wait()
		cancel()
		all.Wait()
		if !slices.Equal(calls, []int{2}) {
			t.Errorf("got calls of %v", calls)
		}
	})
}

func TestALookIsNotRepeatedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asks Asks[string]
		var at []time.Duration
		began := time.Now()
		look := func() {
			if _, err := asks.Look(t.Context(), "it", time.Minute, func(context.Context, []string) ([]string, error) {
				at = append(at, time.Since(began).Truncate(time.Second))
				return nil, nil
			}); err != nil {
				t.Error(err)
			}
		}
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { look(); look() })
		}
		all.Wait()
		time.Sleep(time.Hour)
		look()
		if want := []time.Duration{0, time.Minute, 61 * time.Minute}; !slices.Equal(at, want) {
			t.Errorf("looked at %v, want %v", at, want)
		}
	})
}
