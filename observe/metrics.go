package observe

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
)

const namespace = "jeroboam"

// Bounds of histograms, in seconds: of what takes milliseconds, and of what
// takes minutes.
var (
	quick = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}
	slow  = []float64{.1, .5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600, 1800, 3600}
)

// metrics are what is counted as it happens. Labels have few values: routes,
// never paths; actions, never names.
type metrics struct {
	inFlight     prometheus.Gauge
	requests     *prometheus.CounterVec
	latency      *prometheus.HistogramVec
	operations   *prometheus.HistogramVec
	attempts     *prometheus.CounterVec
	steps        *prometheus.HistogramVec
	calls        *prometheus.HistogramVec
	transactions *prometheus.HistogramVec
}

func newMetrics(registry *prometheus.Registry, version string) metrics {
	histogram := func(name, help string, bounds []float64, labels ...string) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: bounds}, labels)
		registry.MustRegister(v)
		return v
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
		registry.MustRegister(v)
		return v
	}
	m := metrics{
		inFlight:     prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "http_requests_in_flight", Help: "Requests being answered, streams among them."}),
		requests:     counter("http_requests_total", "Requests answered.", "method", "route", "code"),
		latency:      histogram("http_request_duration_seconds", "Time to answer a request that is no stream.", quick, "method", "route"),
		operations:   histogram("operation_duration_seconds", "Time from the request for a change to its end.", slow, "verb", "outcome"),
		attempts:     counter("step_attempts_total", "Attempts of steps, by how they ended.", "action", "outcome"),
		steps:        histogram("step_duration_seconds", "Time of an attempt of a step.", slow, "action"),
		calls:        histogram("cloud_call_duration_seconds", "Time of a call of a cloud.", slow, "driver", "call", "outcome"),
		transactions: histogram("store_transaction_duration_seconds", "Time of a transaction, to its commit.", quick, "kind", "outcome"),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "build_info", Help: "1, with the version of the program.",
		ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	registry.MustRegister(m.inFlight, build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// methods are those that are told apart: a client may make up any.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete, http.MethodOptions}

func (m *metrics) request(x *api.Exchange) {
	method, route := x.Request.Method, x.Route
	if !slices.Contains(methods, method) {
		method = "other"
	}
	if route == "" {
		route = "none"
	}
	m.requests.WithLabelValues(method, route, strconv.Itoa(x.Status)).Inc()
	if !x.Stream {
		m.latency.WithLabelValues(method, route).Observe(x.Duration.Seconds())
	}
}

func (m *metrics) operation(op jeroboam.Operation) {
	m.operations.WithLabelValues(op.Verb, string(op.State)).Observe(op.FinishedAt.Sub(op.CreatedAt).Seconds())
}

func (m *metrics) step(action string, state jeroboam.StepState, dur time.Duration) {
	if state == "" {
		state = "cut-short"
	}
	m.attempts.WithLabelValues(action, string(state)).Inc()
	m.steps.WithLabelValues(action).Observe(dur.Seconds())
}

func (m *metrics) call(driver, call string, err error, dur time.Duration) {
	m.calls.WithLabelValues(driver, call, outcome(err)).Observe(dur.Seconds())
}

func (m *metrics) transaction(kind string, err error, dur time.Duration) {
	m.transactions.WithLabelValues(kind, outcome(err)).Observe(dur.Seconds())
}

// outcome is "ok" or the kind of error.
func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	return string(jeroboam.KindOf(err))
}
