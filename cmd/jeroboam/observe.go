package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/audit"
	"github.com/jeroboam-cloud/jeroboam/engine"
	"github.com/jeroboam-cloud/jeroboam/observe"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// observeConfig is what the service tells about itself. Off costs nothing.
type observeConfig struct {
	MetricsListen string // address; "": no metrics
	Traces        string // address of a collector; "": OTEL_* decide
	AuditLog      string // file, or audit.Stdout; "": none
}

func (c *observeConfig) flags(f *pflag.FlagSet) {
	f.StringVar(&c.MetricsListen, "metrics-listen", "", "address of /metrics for Prometheus, such as 127.0.0.1:9512; not given: no metrics")
	f.StringVar(&c.Traces, "traces", "", "OpenTelemetry collector that spans are sent to by OTLP over HTTP, such as http://127.0.0.1:4318;\nnot given: OTEL_EXPORTER_OTLP_ENDPOINT decides")
	f.StringVar(&c.AuditLog, "audit-log", "", "file that every change is written down in, in CADF's words; - is the standard output; not given: none")
}

func (c *observeConfig) validate(wrong complaint) {
	if _, _, err := net.SplitHostPort(c.MetricsListen); c.MetricsListen != "" && err != nil {
		wrong("metrics_listen", "Give host:port, such as 127.0.0.1:9512, or nothing.", "metrics_listen: %q is not an address.", c.MetricsListen)
	}
	if c.Traces != "" && !webAddress(c.Traces) {
		wrong("traces", "Give an address such as http://127.0.0.1:4318, or nothing.", "traces: %q is not an address.", c.Traces)
	}
}

// traced reports whether spans are wanted, by the setting or by the variables
// of OpenTelemetry's specification.
func (c *observeConfig) traced(getenv func(string) string) bool {
	if c.Traces != "" {
		return true
	}
	off := strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") || getenv("OTEL_TRACES_EXPORTER") == "none"
	return !off && (getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "")
}

// watching is what watches the rooms; each part is nil when it is off.
type watching struct {
	observer *observe.Observer
	metrics  net.Listener
	traces   *observe.Traces
	audit    *audit.Log
	log      *slog.Logger
}

func openWatching(ctx context.Context, c observeConfig, log *slog.Logger) (*watching, error) {
	w := &watching{log: log}
	if err := w.open(ctx, c); err != nil {
		return nil, errors.Join(err, w.close(ctx))
	}
	return w, nil
}

func (w *watching) open(ctx context.Context, c observeConfig) (err error) {
	if c.AuditLog != "" {
		if w.audit, err = audit.Open(audit.Options{File: c.AuditLog, Stdout: os.Stdout, Host: hostname(), Logger: w.log}); err != nil {
			return err
		}
	}
	options := observe.Options{Version: version, Logger: w.log}
	if c.traced(os.Getenv) {
		if w.traces, err = observe.OpenTraces(ctx, c.Traces, version, w.log); err != nil {
			return err
		}
		options.Tracer = w.traces
	}
	if c.MetricsListen != "" {
		if w.metrics, err = listen(c.MetricsListen, "--metrics-listen"); err != nil {
			return err
		}
	}
	if w.metrics != nil || w.traces != nil {
		w.observer = observe.New(options)
	}
	return nil
}

// store is the database as the rooms see it.
func (w *watching) store(b store.Backend) store.Backend {
	if w.observer == nil {
		return b
	}
	return w.observer.Store(b)
}

// engine is who watches the engine.
func (w *watching) engine() engine.Observer {
	if w.observer == nil {
		return nil
	}
	return w.observer
}

// offer adds to the API who watches it.
func (w *watching) offer(o api.Options) api.Options {
	if w.observer != nil {
		o.Observers = append(o.Observers, w.observer.Request)
	}
	if w.audit != nil {
		o.Observers = append(o.Observers, w.audit.Observe)
	}
	return o
}

// serve answers scrapes until ctx ends.
func (w *watching) serve(ctx context.Context, h *house) error {
	if w.metrics == nil {
		return nil
	}
	w.observer.Count(h.store)
	w.observer.Gauge("agents_connected", "Agents that have a stream open to this process.", func() float64 { return float64(h.gateway.Connected()) })
	w.observer.Gauge("tunnels_open", "Connections to clusters' APIs through agents of this process.", func() float64 { return float64(h.gateway.Tunnels()) })
	if h.passage != nil {
		w.observer.Gauge("passage_connections", "Connections of users to this process that are for clusters' APIs.", func() float64 { return float64(h.passage.Guests()) })
	}
	w.observer.Gauge("engine_clusters_working", "Clusters this process is at work on.", func() float64 { return float64(h.engine.Working()) })
	if h.certificate != nil {
		w.observer.Gauge("tls_certificate_expiry_timestamp_seconds", "When the API's certificate runs out.",
			func() float64 { return float64(h.certificate.Until().Unix()) })
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", w.observer.Handler())
	server := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(w.log.Handler(), slog.LevelWarn)}
	ended := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer ended()
	if err := server.Serve(w.metrics); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}

// sendLimit is how long the last spans may take to be sent.
const sendLimit = 3 * time.Second

func (w *watching) close(ctx context.Context) error {
	var errs []error
	if w.metrics != nil {
		if err := w.metrics.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if w.traces != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendLimit)
		defer cancel()
		if err := w.traces.Shutdown(ctx); err != nil { // they are lost, and nothing else
			w.log.Warn("traces not sent", "err", err)
		}
	}
	if w.audit != nil {
		errs = append(errs, w.audit.Close())
	}
	return errors.Join(errs...)
}
