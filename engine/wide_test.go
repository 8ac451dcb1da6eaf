package engine_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	cloudsim "github.com/jeroboam-cloud/jeroboam/cloud/sim"
	"github.com/jeroboam-cloud/jeroboam/engine"
)

// TestAWideClusterIsMadeWideUnderItsLimits: 200 machines that take a second
// each take a few seconds in all, and the cloud is asked for no more at once
// than it may be.
func TestAWideClusterIsMadeWideUnderItsLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now, most := 0, 0
		model := cloudsim.Options{Call: time.Second, Boot: 2 * time.Second, Apply: time.Second, Start: time.Second}
		model.Fault = func(c cloudsim.Call) cloudsim.Fault {
			if c.Name == "EnsureMachine" {
				mu.Lock()
				defer mu.Unlock()
				now++
				most = max(most, now)
				time.AfterFunc(model.Call-time.Millisecond, func() { mu.Lock(); defer mu.Unlock(); now-- })
			}
			return cloudsim.Fault{}
		}
		h := open(t, model, func(o *engine.Options) { o.Limits.PerCloud = 50 })
		began := time.Now()
		h.made("wide", 1, 199)
		if took := time.Since(began); took > 12*time.Second {
			t.Errorf("200 machines took %v", took)
		}
		mu.Lock()
		defer mu.Unlock()
		if most > 50 || most < 40 {
			t.Errorf("%d machines were asked for at once; the limit is 50", most)
		}
	})
}

// TestManyClustersAreMadeSideBySide: clusters do not wait for each other.
func TestManyClustersAreMadeSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, cloudsim.Options{Call: 100 * time.Millisecond, Boot: 2 * time.Second, Apply: time.Second, Start: time.Second}, nil)
		began := time.Now()
		var ops []string
		for i := range 40 {
			ops = append(ops, h.create("c"+string(rune('A'+i)), 1, 1))
		}
		for _, op := range ops {
			if got := h.await(op); got.State != jeroboam.OperationComplete {
				t.Fatalf("%s is %s: %+v", op, got.State, got.Cause)
			}
		}
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("40 clusters took %v", took)
		}
	})
}
