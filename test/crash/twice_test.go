package crash

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// forgetful refuses, once for each step, the transaction that would write the
// step down as done: so every step has all its effects twice.
type forgetful struct {
	store.Backend
	mu      sync.Mutex
	refused map[string]bool
}

func (f *forgetful) Update(ctx context.Context, do func(store.Tx) error) error {
	return f.Backend.Update(ctx, func(tx store.Tx) error { return do(forgetfulTx{tx, f}) })
}

type forgetfulTx struct {
	store.Tx
	f *forgetful
}

func (t forgetfulTx) Put(r store.Record) (store.Record, error) {
	var s jeroboam.Step
	if r.Kind != store.KindStep || json.Unmarshal(r.Data, &s) != nil || s.State != jeroboam.StepDone {
		return t.Tx.Put(r)
	}
	t.f.mu.Lock()
	defer t.f.mu.Unlock()
	if t.f.refused[s.ID] {
		return t.Tx.Put(r)
	}
	t.f.refused[s.ID] = true
	return r, jeroboam.Errorf(jeroboam.Unavailable, "store", "The store did not answer.")
}

// TestEveryStepMayRunTwice lets no step be written down as done the first time.
func TestEveryStepMayRunTwice(t *testing.T) {
	for _, v := range verbs() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, pace(), drains())
				f := &forgetful{refused: map[string]bool{}}
				w.wrap = func(b store.Backend) store.Backend { f.Backend = b; return f }
				w.start()
				defer w.stop()
				v.before(w)
				w.await(v.change(w))
				v.require(w)
				if len(f.refused) < 3 {
					t.Errorf("only %d steps ran twice", len(f.refused))
				}
				t.Logf("%d steps ran twice", len(f.refused))
			})
		})
	}
}

// TestEveryCallOfTheCOEMayFail fails each call of the cluster's own API once.
func TestEveryCallOfTheCOEMayFail(t *testing.T) {
	for _, v := range verbs() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			n := 1
			for met := true; met && n < 100; n++ {
				met = false
				synctest.Test(t, func(t *testing.T) {
					calls, armed := 0, false
					model := drains()
					var mu sync.Mutex
					model.Fault = func(_, _, _ string) error {
						mu.Lock()
						defer mu.Unlock()
						if !armed {
							return nil
						}
						if calls++; calls != n {
							return nil
						}
						met = true
						return jeroboam.Errorf(jeroboam.Unavailable, "api", "The API did not answer.")
					}
					w := newWorld(t, pace(), model)
					w.start()
					defer w.stop()
					v.before(w)
					mu.Lock()
					armed = true
					mu.Unlock()
					w.await(v.change(w))
					v.require(w)
				})
			}
			t.Logf("%d calls", n-2)
		})
	}
}
