package crash

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	coesim "github.com/jeroboam-cloud/jeroboam/coe/sim"
)

func TestALifeWithoutTrouble(t *testing.T) {
	for _, masters := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, pace(), coesim.Options{Drain: 300 * time.Millisecond})
			w.start()
			defer w.stop()
			began := time.Now()
			w.await(w.create(masters, 2))
			w.requireWhole(jeroboam.CreateComplete, masters, 2)
			t.Logf("create took %v", time.Since(began))
			w.await(w.resize(4))
			w.requireWhole(jeroboam.UpdateComplete, masters, 4)
			w.await(w.resize(1, "demo-1-worker-0"))
			w.requireWhole(jeroboam.UpdateComplete, masters, 1)
			w.await(w.remove())
			w.requireGone()
			t.Logf("the life took %v", time.Since(began))
			if testing.Verbose() {
				t.Log("\n" + w.journal())
			}
		})
	}
}
