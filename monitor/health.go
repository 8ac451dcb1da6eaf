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
	perSecond   = 100         // clusters asked, at most: with more than that in a period, each is asked less often
	hurry       = 6           // times as often for who is not well
	shortest    = time.Second // between two rounds, however busy the store is
	rest        = 100         // times as long as learning what is new took, till it is done again
	stillAlive  = time.Hour   // Observed.At is renewed this often though nothing has changed
	apiKey      = "api"       // Magnum's words in health_status_reason
	apiOK       = "ok"
	readySuffix = ".Ready"
)

// watchHealth asks each cluster every period, one that is not well more often,
// and one that is new or has changed as soon as it is there to be asked.
func (m *Monitor) watchHealth(ctx context.Context) error {
	changed := m.Store.Watch(ctx, store.KindCluster, "")
	turns := rounds{every: m.Every, turns: map[string]*turn{}}
	for {
		wait, began := m.Every, m.Now()
		err := m.Store.View(ctx, func(tx store.Tx) error { return turns.learn(tx, m.Now()) })
		least := max(shortest, rest*m.Now().Sub(began))
		if err == nil {
			m.askAll(ctx, turns.due(m.Now()))
			wait = turns.untilNext(m.Now())
		}
		if !m.pause(ctx, least, wait, &changed) {
			return nil
		}
	}
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

func (m *Monitor) askAll(ctx context.Context, clusters []string) {
	var g errgroup.Group
	g.SetLimit(asksAtOnce)
	for _, c := range clusters {
		g.Go(func() error {
			if err := m.CheckHealth(ctx, c); err != nil && ctx.Err() == nil {
				m.Log.Warn("health", slog.String("cluster", c), slog.String("error", err.Error()))
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

// observe looks before it asks for the one who writes: it is seldom news.
func (m *Monitor) observe(ctx context.Context, cluster string, seen jeroboam.ClusterObserved) error {
	seen.At = m.Now().UTC()
	var c jeroboam.Cluster
	news := func(tx store.Tx) (err error) {
		c, err = store.Get[jeroboam.Cluster](tx, cluster)
		return err
	}
	err := m.Store.View(ctx, news)
	if err == nil && isNews(c.Observed, seen) {
		err = m.Store.Update(ctx, func(tx store.Tx) error {
			if err := news(tx); err != nil || !isNews(c.Observed, seen) {
				return err
			}
			c.Observed = seen
			return store.Put(tx, &c)
		})
	}
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return nil // deleted meanwhile
	}
	return err
}

func isNews(was, seen jeroboam.ClusterObserved) bool {
	same := was.Health == seen.Health && maps.Equal(was.HealthReason, seen.HealthReason)
	return !same || seen.At.Sub(was.At) >= stillAlive
}
