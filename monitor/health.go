package monitor

import (
	"context"
	"log/slog"
	"maps"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/store"
)

const (
	askTimeout  = 10 * time.Second // for one cluster's API
	asksAtOnce  = 16
	hurry       = 6                // times as often for who is not well
	shortest    = time.Second      // between two rounds, however busy the store is
	rest        = 50               // times as long as reading all clusters took, till they are read again
	stillAlive  = 10 * time.Minute // Observed.At is renewed this often though nothing has changed
	apiKey      = "api"            // Magnum's words in health_status_reason
	apiOK       = "ok"
	readySuffix = ".Ready"
)

// turn is when a cluster was asked last, and when it is next.
type turn struct{ asked, due time.Time }

// watchHealth asks each cluster every period, one that is not well more often,
// and one that is new or has changed as soon as it is there to be asked.
func (m *Monitor) watchHealth(ctx context.Context) error {
	changed := m.Store.Watch(ctx, store.KindCluster, "")
	turns := map[string]turn{}
	for {
		wait, began := m.Every, m.Now()
		clusters, err := m.clusters(ctx)
		least := max(shortest, rest*m.Now().Sub(began))
		if err == nil {
			m.askAll(ctx, m.due(clusters, turns))
			wait = m.untilNext(turns)
		}
		if !m.pause(ctx, least, wait, &changed) {
			return nil
		}
	}
}

// due picks the clusters to ask now and notes when each is next. Those known
// from before a start are spread over the period.
func (m *Monitor) due(clusters []jeroboam.Cluster, turns map[string]turn) []jeroboam.Cluster {
	now, known := m.Now(), map[string]bool{}
	var out []jeroboam.Cluster
	for i, c := range clusters {
		if !askable(c) {
			continue
		}
		known[c.ID] = true
		t, ok := turns[c.ID]
		if !ok && !c.Observed.At.IsZero() {
			t = turn{asked: c.Observed.At, due: now.Add(m.Every * time.Duration(i) / time.Duration(len(clusters)))}
		}
		if !now.Before(t.due) || c.UpdatedAt.After(t.asked) {
			out = append(out, c)
			t = turn{asked: now, due: now.Add(m.period(c))}
		}
		turns[c.ID] = t
	}
	maps.DeleteFunc(turns, func(id string, _ turn) bool { return !known[id] })
	return out
}

// period is how long a cluster is left alone. How one is that was well the
// last time is known only after asking, so a bad turn shows after one period.
func (m *Monitor) period(c jeroboam.Cluster) time.Duration {
	if c.Observed.Health == jeroboam.Healthy {
		return m.Every
	}
	return m.Every / hurry
}

// askable reports whether a cluster has an API that should answer.
func askable(c jeroboam.Cluster) bool {
	s := c.Status.State
	return c.Status.APIAddress != "" && !c.Spec.Deleted &&
		(s.Resting() || s == jeroboam.UpdateInProgress || s == jeroboam.UpdateFailed)
}

func (m *Monitor) untilNext(turns map[string]turn) time.Duration {
	wait := m.Every
	for _, t := range turns {
		wait = min(wait, t.due.Sub(m.Now()))
	}
	return wait
}

// pause waits for the time, or for a change of some cluster, but never less
// than the least time. It reports false when ctx ended.
func (m *Monitor) pause(ctx context.Context, least, wait time.Duration, changed *<-chan struct{}) bool {
	timer := time.NewTimer(max(wait, least))
	defer timer.Stop()
	began := m.Now()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	case _, ok := <-*changed:
		if !ok {
			*changed = nil // the store is closed: the clock goes on
		}
	}
	timer.Reset(max(least-m.Now().Sub(began), 0))
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (m *Monitor) askAll(ctx context.Context, clusters []jeroboam.Cluster) {
	var g errgroup.Group
	g.SetLimit(asksAtOnce)
	for _, c := range clusters {
		g.Go(func() error {
			if err := m.CheckHealth(ctx, c.ID); err != nil && ctx.Err() == nil {
				m.Log.Warn("health", slog.String("cluster", c.ID), slog.String("project", c.Project), slog.String("error", err.Error()))
			}
			return nil
		})
	}
	_ = g.Wait() // no goroutine returns an error
}

// CheckHealth asks a cluster how it is and writes it down if it is news. One
// whose API does not answer is brought to the engine's notice.
func (m *Monitor) CheckHealth(ctx context.Context, cluster string) error {
	ask, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	seen := jeroboam.ClusterObserved{Health: jeroboam.HealthUnknown}
	k, access, err := m.Access(ask, cluster)
	if err == nil {
		var h coe.Health
		if h, err = k.Health(ask, access); err == nil {
			seen = Observe(h)
		}
	}
	if err != nil {
		seen.HealthReason = map[string]string{apiKey: jeroboam.CauseOf(err).Detail}
	}
	if seen.HealthReason[apiKey] != apiOK {
		// The engine looks whether there is something it can mend.
		if err := m.wake(ctx, cluster); err != nil {
			return err
		}
	}
	return m.observe(ctx, cluster, seen)
}

// Observe puts what a cluster says of itself into Magnum's words.
func Observe(h coe.Health) jeroboam.ClusterObserved {
	if !h.Reachable {
		return jeroboam.ClusterObserved{Health: jeroboam.Unhealthy, HealthReason: map[string]string{apiKey: h.Message}}
	}
	o := jeroboam.ClusterObserved{Health: jeroboam.Healthy, HealthReason: map[string]string{apiKey: apiOK}}
	for _, n := range h.Nodes {
		o.HealthReason[n.Name+readySuffix] = "True"
		if !n.Ready {
			o.Health, o.HealthReason[n.Name+readySuffix] = jeroboam.Unhealthy, "False"
		}
	}
	return o
}

func (m *Monitor) observe(ctx context.Context, cluster string, seen jeroboam.ClusterObserved) error {
	seen.At = m.Now().UTC()
	err := m.Store.Update(ctx, func(tx store.Tx) error {
		c, err := store.Get[jeroboam.Cluster](tx, cluster)
		if err != nil {
			return err
		}
		same := c.Observed.Health == seen.Health && maps.Equal(c.Observed.HealthReason, seen.HealthReason)
		if same && seen.At.Sub(c.Observed.At) < stillAlive {
			return nil
		}
		c.Observed = seen
		return store.Put(tx, &c)
	})
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return nil // deleted meanwhile
	}
	return err
}
