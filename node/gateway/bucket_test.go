package gateway

import (
	"testing"
	"time"
)

func TestABucketLetsABurstThroughAndThenItsRate(t *testing.T) {
	now := time.Unix(0, 0)
	b := newBucket(10, 3, func() time.Time { return now })
	take := func(n int) (taken int) {
		for range n {
			if b.take() {
				taken++
			}
		}
		return taken
	}
	for _, c := range []struct {
		name string
		wait time.Duration
		want int
	}{
		{"the burst", 0, 3},
		{"nothing more", 0, 0},
		{"one every tenth of a second", 100 * time.Millisecond, 1},
		{"never more than the burst", time.Hour, 3},
		{"a clock that goes back gives nothing", -time.Hour, 0},
	} {
		now = now.Add(c.wait)
		if got := take(5); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}
