// Package monitor keeps looking after the engine has finished: how clusters
// are, whether machines have died, which authorities run out, what a cloud
// holds for nobody, and which old stories may be forgotten.
//
// It mends nothing: it writes Cluster.Observed, wakes the engine, and warns.
package monitor

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Options is everything a monitor is made of.
type Options struct {
	Store  store.Backend
	Clouds map[string]cloud.Cloud // by driver name
	// Access tells how to call a cluster's API: engine.Engine.Access.
	Access func(ctx context.Context, cluster string) (coe.COE, coe.Access, error)
	Now    func() time.Time // nil: time.Now
	Log    *slog.Logger     // nil: none
	Every  time.Duration    // between two looks at the health of one cluster; 0: 30 s
	Keep   time.Duration    // how long ended operations and events are kept; 0: 30 days
}

// Monitor runs the loops.
type Monitor struct {
	Options
}

// How often what is not urgent is looked at.
const (
	machinesEvery = time.Minute
	choresEvery   = time.Hour
)

// pageSize is how many records are looked at together.
const pageSize = 500

// New makes a monitor; Run starts it.
func New(o Options) *Monitor {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Every == 0 {
		o.Every = 30 * time.Second
	}
	if o.Keep == 0 {
		o.Keep = 30 * 24 * time.Hour
	}
	return &Monitor{Options: o}
}

// Run loops until ctx ends, then waits for what is under way. What fails is
// logged and tried again the next time.
func (m *Monitor) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return m.watchHealth(ctx) })
	g.Go(func() error { return m.repeat(ctx, machinesEvery, "machines", m.CheckMachines) })
	g.Go(func() error { return m.repeat(ctx, choresEvery, "authorities", m.CheckAuthorities) })
	g.Go(func() error { return m.repeat(ctx, choresEvery, "orphans", m.warnOfOrphans) })
	g.Go(func() error { return m.repeat(ctx, choresEvery, "purge", m.Purge) })
	for _, c := range m.Clouds {
		if w, ok := c.(cloud.Watcher); ok {
			g.Go(func() error { return m.watchMachines(ctx, w) })
		}
	}
	return g.Wait()
}

// repeat calls f now and then every period.
func (m *Monitor) repeat(ctx context.Context, period time.Duration, what string, f func(context.Context) error) error {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		if err := f(ctx); err != nil && ctx.Err() == nil {
			m.Log.Warn("monitor", slog.String("loop", what), slog.String("kind", string(jeroboam.KindOf(err))), slog.String("error", err.Error()))
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}
