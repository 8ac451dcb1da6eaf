package observe

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

const (
	// freshFor is how long what was counted is shown, at least.
	freshFor = 10 * time.Second
	// shareOfTime is how many times as long as the counting took it is shown:
	// counting costs no more than two in a hundred of a core.
	shareOfTime = 50
	// tallyLimit is how long counting may take.
	tallyLimit = 30 * time.Second
)

// tally counts what is stored, when a scrape asks and what was counted last is
// no longer fresh.
type tally struct {
	observer *Observer
	store    store.Backend
	clusters *prometheus.Desc
	nodes    *prometheus.Desc
	open     *prometheus.Desc
	expiry   *prometheus.Desc

	mu    sync.Mutex
	until time.Time
	found []prometheus.Metric
}

// Count shows what a database holds: clusters, nodes, open operations, and
// which certificate authority runs out first.
func (o *Observer) Count(b store.Backend) {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
	}
	o.registry.MustRegister(&tally{observer: o, store: b,
		clusters: desc("clusters", "Clusters, of all servers of the database.", "state", "coe"),
		nodes:    desc("nodes", "Nodes, of all servers of the database.", "state", "role"),
		open:     desc("operations_open", "Changes that have not ended; pending ones are the engine's queue.", "state"),
		expiry:   desc("authority_expiry_timestamp_seconds", "When the first certificate authority of a cluster runs out."),
	})
}

// Describe implements prometheus.Collector.
func (t *tally) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{t.clusters, t.nodes, t.open, t.expiry} {
		out <- d
	}
}

// Collect implements prometheus.Collector. If the database does not answer,
// what was counted last is shown.
func (t *tally) Collect(out chan<- prometheus.Metric) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if began := t.observer.Now(); began.After(t.until) {
		if found, err := t.count(); err == nil {
			t.found = found
		} else {
			t.observer.Logger.Warn("metrics not counted", "kind", jeroboam.KindOf(err), "err", err)
		}
		now := t.observer.Now()
		t.until = now.Add(max(freshFor, shareOfTime*now.Sub(began)))
	}
	for _, m := range t.found {
		out <- m
	}
}

func (t *tally) count() (found []prometheus.Metric, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), tallyLimit)
	defer cancel()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		found = append(found, prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...))
	}
	err = t.store.View(ctx, func(tx store.Tx) error {
		found = nil
		clusters, err := tx.Tally(store.KindCluster, store.Facet{Field: "status.state"}, store.Facet{Field: "spec.coe"})
		for _, g := range clusters {
			gauge(t.clusters, float64(g.Count), g.Values...)
		}
		if err != nil {
			return err
		}
		nodes, err := countNodes(tx)
		for of, n := range nodes {
			gauge(t.nodes, float64(n), of.state, of.role)
		}
		if err != nil {
			return err
		}
		open, err := countOpen(tx)
		for state, n := range open {
			gauge(t.open, float64(n), string(state))
		}
		if err != nil {
			return err
		}
		first, err := store.List[jeroboam.Authority](tx, store.Query{Sort: "not_after", Limit: 1})
		for _, a := range first {
			gauge(t.expiry, float64(a.NotAfter.Unix()))
		}
		return err
	})
	return found, err
}

// sort is what nodes are counted by.
type sort struct{ state, role string }

func countNodes(tx store.Tx) (map[sort]int, error) {
	groups, err := tx.Tally(store.KindMachine, store.Facet{Field: "role"}, store.Facet{Field: "status.deleting"},
		store.Facet{Field: "status.connected"}, store.Facet{Field: "status.joined_at", Has: true}, store.Facet{Field: "status.ready_at", Has: true})
	out := map[sort]int{}
	for _, g := range groups {
		yes := func(i int) bool { return g.Values[i] == "true" }
		out[sort{nodeState(yes(1), yes(2), yes(3), yes(4)), g.Values[0]}] += g.Count
	}
	return out, err
}

func nodeState(deleting, connected, joined, ready bool) string {
	switch {
	case deleting:
		return "deleting"
	case !joined:
		return "building"
	case !connected:
		return "disconnected"
	case !ready:
		return "configuring"
	}
	return "ready"
}

// countOpen shows each open state, those of none, too.
func countOpen(tx store.Tx) (map[jeroboam.OperationState]int, error) {
	groups, err := tx.Tally(store.KindOperation, store.Facet{Field: "state"})
	out := map[jeroboam.OperationState]int{jeroboam.OperationPending: 0, jeroboam.OperationRunning: 0, jeroboam.OperationBlocked: 0}
	for _, g := range groups {
		if state := jeroboam.OperationState(g.Values[0]); !state.Ended() {
			out[state] = g.Count
		}
	}
	return out, err
}
