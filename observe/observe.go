// Package observe measures the house from outside: Prometheus metrics and
// OpenTelemetry spans of what other rooms tell their observers. Those rooms know
// neither; this one decides nothing and is needed by nobody.
package observe

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/engine"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Options say what is measured with.
type Options struct {
	Version string               // of the program
	Tracer  trace.TracerProvider // see OpenTraces; nil: no spans
	Logger  *slog.Logger         // nil: silent
	Now     func() time.Time     // nil: time.Now
}

// Observer measures. It is safe for concurrent use.
type Observer struct {
	Options
	registry *prometheus.Registry
	metrics  metrics
	traces   bool
	tracer   trace.Tracer
}

var _ engine.Observer = (*Observer)(nil)

// New makes an Observer that has seen nothing yet.
func New(o Options) *Observer {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	traces := o.Tracer != nil
	if !traces {
		o.Tracer = noop.NewTracerProvider()
	}
	registry := prometheus.NewRegistry()
	return &Observer{Options: o, registry: registry, metrics: newMetrics(registry, o.Version), traces: traces,
		tracer: o.Tracer.Tracer("github.com/jeroboam-cloud/jeroboam")}
}

// Handler answers a scrape of Prometheus.
func (o *Observer) Handler() http.Handler {
	return promhttp.HandlerFor(o.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(o.Logger.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError,
	})
}

// Gauge shows a number that is asked for at each scrape.
func (o *Observer) Gauge(name, help string, ask func() float64) {
	o.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, ask))
}

// Request is an api.Observer.
func (o *Observer) Request(ctx context.Context, x *api.Exchange) (context.Context, func()) {
	o.metrics.inFlight.Inc()
	ctx, ended := o.requestSpan(ctx, x)
	return ctx, func() {
		o.metrics.inFlight.Dec()
		o.metrics.request(x)
		ended()
	}
}

// Step implements engine.Observer.
func (o *Observer) Step(ctx context.Context, op jeroboam.Operation, action, name string) (context.Context, func(jeroboam.StepState, error)) {
	began := o.Now()
	ctx, ended := o.stepSpan(ctx, op, action, name)
	return ctx, func(state jeroboam.StepState, err error) {
		o.metrics.step(action, state, o.Now().Sub(began))
		ended(state, err)
	}
}

// Call implements engine.Observer.
func (o *Observer) Call(ctx context.Context, driver, call string) func(error) {
	began := o.Now()
	_, ended := o.innerSpan(ctx, "cloud "+call)
	return func(err error) {
		o.metrics.call(driver, call, err, o.Now().Sub(began))
		ended(err)
	}
}

// Ended implements engine.Observer.
func (o *Observer) Ended(op jeroboam.Operation) {
	o.metrics.operation(op)
	o.operationSpan(op)
}

// Store measures the transactions of a database.
func (o *Observer) Store(b store.Backend) store.Backend { return &database{b, o} }

type database struct {
	store.Backend
	observer *Observer
}

func (d *database) View(ctx context.Context, f func(store.Tx) error) error {
	return d.observe(ctx, "view", f, d.Backend.View)
}

func (d *database) Update(ctx context.Context, f func(store.Tx) error) error {
	return d.observe(ctx, "update", f, d.Backend.Update)
}

func (d *database) observe(ctx context.Context, kind string, f func(store.Tx) error,
	run func(context.Context, func(store.Tx) error) error) error {
	began := d.observer.Now()
	ctx, ended := d.observer.innerSpan(ctx, "store "+kind)
	err := run(ctx, f)
	d.observer.metrics.transaction(kind, err, d.observer.Now().Sub(began))
	ended(err)
	return err
}
