package monitor

import (
	"maps"
	"slices"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// rounds knows when each cluster is to be asked. Of many thousands it keeps a
// few words each, and reads only those that are new or have changed.
type rounds struct {
	every time.Duration
	turns map[string]*turn // by cluster
}

// turn is when a cluster was asked last, when it is next, and what that depends on.
type turn struct {
	revision, seq int64 // as last read; 0: not yet
	there         bool  // when last looked
	askable, well bool
	asked, due    time.Time
}

// readAtOnce is how many clusters are read together.
const readAtOnce = 500

// learn brings the turns up to date.
func (r rounds) learn(tx store.Tx, now time.Time) error {
	keys, err := tx.List(store.Query{Kind: store.KindCluster, Keys: true})
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(r.news(keys), readAtOnce) {
		read, err := store.List[jeroboam.Cluster](tx, store.Query{IDs: batch})
		if err != nil {
			return err
		}
		for _, c := range read {
			r.note(c, now)
		}
	}
	return nil
}

// news lists those that are new or have changed, and forgets who is no more.
func (r rounds) news(keys []store.Record) []string {
	for _, t := range r.turns {
		t.there = false
	}
	var out []string
	for _, k := range keys {
		t := r.turns[k.ID]
		if t == nil {
			t = &turn{}
			r.turns[k.ID] = t
		}
		t.there = true
		if t.revision != k.Revision || t.seq != k.Seq {
			out = append(out, k.ID)
		}
	}
	maps.DeleteFunc(r.turns, func(_ string, t *turn) bool { return !t.there })
	return out
}

// note takes in a cluster as it is now. Those known from before a start are
// spread over the period.
func (r rounds) note(c jeroboam.Cluster, now time.Time) {
	t := r.turns[c.ID]
	if !askable(c) {
		*t = turn{there: true, revision: c.Revision, seq: c.Seq}
		return
	}
	if first := !t.askable; first && !c.Observed.At.IsZero() {
		share := float64(c.Seq%spread) / spread
		t.asked, t.due = c.Observed.At, now.Add(time.Duration(share*float64(r.period(true))))
	}
	if c.UpdatedAt.After(t.asked) {
		t.due = now
	}
	t.revision, t.seq, t.askable, t.well = c.Revision, c.Seq, true, c.Observed.Health == jeroboam.Healthy
}

// spread is into how many parts a period is cut, a prime: neighbours, whose
// sequence numbers differ by what a cluster is made of, fall into different ones.
const spread = 997

// askable reports whether a cluster has an API that should answer.
func askable(c jeroboam.Cluster) bool {
	s := c.Status.State
	return c.Status.APIAddress != "" && !c.Spec.Deleted &&
		(s.Resting() || s == jeroboam.UpdateInProgress || s == jeroboam.UpdateFailed)
}

// due picks the clusters to ask now and notes when each is next.
func (r rounds) due(now time.Time) []string {
	var out []string
	for id, t := range r.turns {
		if t.askable && !now.Before(t.due) {
			out = append(out, id)
			t.asked, t.due = now, now.Add(r.period(t.well))
		}
	}
	slices.Sort(out)
	return out
}

// period is how long a cluster is left alone. How one is that was well the
// last time is known only after asking, so a bad turn shows after one period.
func (r rounds) period(well bool) time.Duration {
	p := max(r.every, time.Duration(len(r.turns))*time.Second/perSecond)
	if well {
		return p
	}
	return p / hurry
}

func (r rounds) untilNext(now time.Time) time.Duration {
	wait := r.every
	for _, t := range r.turns {
		if t.askable {
			wait = min(wait, t.due.Sub(now))
		}
	}
	return wait
}
