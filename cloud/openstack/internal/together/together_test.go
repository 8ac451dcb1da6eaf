package together

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestManyWhoAskAreAnsweredTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asks Asks[string]
		var asked [][]string
		question := func(_ context.Context, about []string) ([]string, error) {
			asked = append(asked, slices.Clone(about))
			time.Sleep(time.Second) // virtual
			return about, nil
		}
		var all sync.WaitGroup
		ask := func(about string) {
			all.Go(func() {
				if got, err := asks.Get(t.Context(), about, question); err != nil || !slices.Contains(got, about) {
					t.Errorf("got %v about %s (%v)", got, about, err)
				}
			})
		}
		ask("first")
		time.Sleep(2 * moment)
		for i := range 100 {
			ask(strconv.Itoa(i % 50))
		}
		all.Wait()
		if len(asked) != 3 || len(asked[0]) != 1 || len(asked[1]) != most || len(asked[2]) != 50-most {
			t.Errorf("asked %d times: %v", len(asked), asked)
		}
	})
}

// A list that was asked for before a machine was made does not have it: who has
// made one must not be shown that list.
func TestNobodyIsShownWhatWasAskedBeforeHeCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asks Asks[int]
		version := 1
		question := func(context.Context, []string) ([]int, error) {
			seen := version
			time.Sleep(time.Second) // virtual
			return []int{seen}, nil
		}
		var all sync.WaitGroup
		for want := 1; want <= 3; want++ {
			version = want
			all.Go(func() {
				if got, err := asks.Get(t.Context(), "it", question); err != nil || got[0] < want {
					t.Errorf("who came at version %d was shown %v (%v)", want, got, err)
				}
			})
			synctest.Wait()
		}
		all.Wait()
	})
}

func TestWhoGivesUpDoesNotTakeTheAnswerFromOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asks Asks[string]
		question := func(ctx context.Context, about []string) ([]string, error) {
			time.Sleep(time.Second) // virtual
			return about, ctx.Err()
		}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 2 { // the second shares the next question with the patient one
			all.Go(func() {
				if _, err := asks.Get(ctx, "impatient", question); !errors.Is(err, context.Canceled) {
					t.Errorf("got %v", err)
				}
			})
			synctest.Wait()
		}
		all.Go(func() {
			if _, err := asks.Get(t.Context(), "patient", question); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		cancel()
		all.Wait()
	})
}

func TestAnErrorIsEverybodysAndIsNotKept(t *testing.T) {
	var asks Asks[string]
	refusal := errors.New("refused")
	if _, err := asks.Get(t.Context(), "it", func(context.Context, []string) ([]string, error) { return nil, refusal }); !errors.Is(err, refusal) {
		t.Errorf("got %v", err)
	}
	got, err := asks.Get(t.Context(), "it", func(_ context.Context, about []string) ([]string, error) { return about, nil })
	if err != nil || !slices.Equal(got, []string{"it"}) {
		t.Errorf("got %v (%v)", got, err)
	}
}

func TestTurnsAreTakenOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turns Turns
		busy := map[string]int{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 20 {
			key := strconv.Itoa(i % 2)
			all.Go(func() {
				done, err := turns.Take(t.Context(), key)
				if err != nil {
					t.Error(err)
					return
				}
				defer done()
				mu.Lock()
				busy[key]++
				if busy[key] != 1 {
					t.Errorf("%d at once at %s", busy[key], key)
				}
				mu.Unlock()
				time.Sleep(time.Second) // virtual
				mu.Lock()
				busy[key]--
				mu.Unlock()
			})
		}
		all.Wait()
		if len(turns.queue) != 0 {
			t.Errorf("%d turns are kept", len(turns.queue))
		}
	})
}

func TestAMemoForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var memo Memo[int]
		asked := 0
		get := func() int {
			v, err := memo.Get(t.Context(), "it", time.Minute, func(context.Context) (int, error) { asked++; return asked, nil })
			if err != nil {
				t.Error(err)
			}
			return v
		}
		if a, b := get(), get(); a != 1 || b != 1 {
			t.Errorf("got %d and %d", a, b)
		}
		time.Sleep(time.Minute) // virtual
		if c := get(); c != 2 {
			t.Errorf("got %d", c)
		}
	})
}

func TestWhoAsksAMemoWhileAnotherDoesGetsTheSameAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var memo Memo[int]
		var asked atomic.Int64
		answer := make(chan struct{})
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				v, err := memo.Get(t.Context(), "key", time.Minute, func(context.Context) (int, error) { <-answer; return int(asked.Add(1)), nil })
				if v != 1 || err != nil {
					t.Errorf("got %d (%v)", v, err)
				}
			})
		}
		synctest.Wait()
		close(answer)
		all.Wait()
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
