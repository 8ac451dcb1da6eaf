package crash

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	cloudsim "github.com/jeroboam-cloud/jeroboam/cloud/sim"
	coesim "github.com/jeroboam-cloud/jeroboam/coe/sim"
	"github.com/jeroboam-cloud/jeroboam/plan"
)

// verb is one change of a cluster: what must be there before, the change, and
// what must be there afterwards.
type verb struct {
	name    string
	before  func(*world)
	change  func(*world) string
	require func(*world)
}

func verbs() []verb {
	created := func(masters, workers int) func(*world) {
		return func(w *world) { w.await(w.create(masters, workers)) }
	}
	return []verb{
		{"create", func(*world) {}, func(w *world) string { return w.create(1, 2) },
			func(w *world) { w.requireWhole(jeroboam.CreateComplete, 1, 2) }},
		{"create with three control-plane nodes", func(*world) {}, func(w *world) string { return w.create(3, 1) },
			func(w *world) { w.requireWhole(jeroboam.CreateComplete, 3, 1) }},
		{"create with a virtual address", func(*world) {}, func(w *world) string { w.address = string(plan.OnVirtual); return w.create(1, 1) },
			func(w *world) { w.requireWhole(jeroboam.CreateComplete, 1, 1) }},
		{"grow", created(1, 1), func(w *world) string { return w.resize(3) },
			func(w *world) { w.requireWhole(jeroboam.UpdateComplete, 1, 3) }},
		{"shrink", created(1, 3), func(w *world) string { return w.resize(1, "DEMO-1-worker-0") },
			func(w *world) { w.requireWhole(jeroboam.UpdateComplete, 1, 1) }},
		{"replace", created(1, 2), func(w *world) string { return w.resize(2, "0", "1") },
			func(w *world) { w.requireWhole(jeroboam.UpdateComplete, 1, 2) }},
		{"upgrade", created(1, 1), func(w *world) string { return w.upgrade("2") },
			func(w *world) { w.requireWhole(jeroboam.UpdateComplete, 1, 1); w.requireVersion("2") }},
		{"rotate the authority", created(1, 1), func(w *world) string { return w.rotate() },
			func(w *world) { w.requireWhole(jeroboam.UpdateComplete, 1, 1); w.requireGeneration(1) }},
		{"rotate the credential", created(1, 1), func(w *world) string { return w.renew() },
			func(w *world) { w.requireWhole(jeroboam.UpdateComplete, 1, 1); w.requireCredential("Demo_1-1") }},
		{"delete", begotten(created(3, 2)), func(w *world) string { return w.remove() },
			func(w *world) { w.requireGone(); w.requireLeft("snapshot", "volume") }},
		{"delete with the data", begotten(created(1, 1)), func(w *world) string { return w.removeAll() },
			func(w *world) { w.requireGone(); w.requireLeft() }},
	}
}

// begotten lets the cluster make things for itself.
func begotten(before func(*world)) func(*world) {
	return func(w *world) {
		before(w)
		for _, kind := range []string{jeroboam.KindPort, jeroboam.KindVolume, jeroboam.KindSnapshot, jeroboam.KindLoadBalancer} {
			w.cloud.Beget(clusterID, cloud.Dependent{Object: cloud.Object{Kind: kind, Name: kind, CloudID: kind}})
		}
	}
}

func drains() coesim.Options { return coesim.Options{Drain: 200 * time.Millisecond} }

// TestTheSameEndWhereverThePlugIsPulled stops the service after its n-th write,
// for every n there is, and starts it again.
func TestTheSameEndWhereverThePlugIsPulled(t *testing.T) {
	for _, v := range verbs() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			n := 1
			for crashed := true; crashed; n++ {
				synctest.Test(t, func(t *testing.T) { crashed = crashOnce(t, v, n) })
			}
			t.Logf("%d places to pull the plug", n-1)
		})
	}
}

func crashOnce(t *testing.T, v verb, n int) bool {
	w := newWorld(t, pace(), drains())
	w.start()
	defer func() { w.stop() }()
	v.before(w)
	op := v.change(w)
	w.life.store.StopAfter(n)
	crashed := w.crashed(w.ended(op))
	if crashed {
		w.start()
	}
	w.await(op)
	v.require(w)
	if t.Failed() {
		t.Fatalf("after write %d\n%s", n, w.journal())
	}
	return crashed
}

// TestTheSameEndThroughManyCrashes pulls the plug again and again, after every
// k writes.
func TestTheSameEndThroughManyCrashes(t *testing.T) {
	for _, v := range verbs() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			for _, k := range []int{5, 7, 11} {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, pace(), drains())
					w.start()
					defer func() { w.stop() }()
					v.before(w)
					op := v.change(w)
					w.life.store.StopAfter(k)
					for range 200 {
						if !w.crashed(w.ended(op)) {
							break
						}
						w.start()
						w.life.store.StopAfter(k)
					}
					w.life.store.StopAfter(1 << 40)
					w.await(op)
					v.require(w)
				})
			}
		})
	}
}

// TestEveryCloudCallMayFail fails each call once: before it has had any effect,
// and after it has had all.
func TestEveryCloudCallMayFail(t *testing.T) {
	for _, v := range verbs() {
		for _, after := range []bool{false, true} {
			name := v.name + ", before its effect"
			if after {
				name = v.name + ", after its effect"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				n := 1
				for met := true; met; n++ {
					synctest.Test(t, func(t *testing.T) { met = failOnce(t, v, n, after) })
				}
				t.Logf("%d calls", n-2)
			})
		}
	}
}

func failOnce(t *testing.T, v verb, n int, after bool) (met bool) {
	model, from := pace(), 1<<40 // number of the first call of the change
	model.Fault = func(c cloudsim.Call) cloudsim.Fault {
		if c.Number != from+n-1 {
			return cloudsim.Fault{}
		}
		met = true
		return fault(after)
	}
	w := newWorld(t, model, drains())
	w.start()
	defer w.stop()
	v.before(w)
	from = w.cloud.Calls() + 1
	op := v.change(w)
	w.await(op)
	v.require(w)
	return met
}

func fault(after bool) cloudsim.Fault {
	err := jeroboam.Errorf(jeroboam.Unavailable, "cloud", "The cloud did not answer.")
	if after {
		return cloudsim.Fault{After: err}
	}
	return cloudsim.Fault{Before: err}
}
