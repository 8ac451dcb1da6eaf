package observe_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/observe"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scrape asks for the metrics as Prometheus does.
func scrape(t *testing.T, o *observe.Observer) string {
	t.Helper()
	w := httptest.NewRecorder()
	o.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	text, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != http.StatusOK {
		t.Fatal(w.Code, err)
	}
	return string(text)
}

func shows(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+text, "\n"+line+"\n") {
			t.Errorf("%q is not in\n%s", line, ours(text))
		}
	}
}

func ours(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "jeroboam_") && !strings.Contains(line, "_bucket") {
			out.WriteString(line)
		}
	}
	return out.String()
}

func TestRequestsAreCountedByRouteNeverByPath(t *testing.T) {
	t.Parallel()
	o := observe.New(observe.Options{Version: "1.2"})
	h := apikit.New(t, func(_ *service.Options, a *api.Options) { a.Observers = []api.Observer{o.Request} })
	token := h.Token("olga", "p1", "reader")
	for _, request := range []string{"GET /v1/clusters/one", "GET /clusters/two", "GET /no/such/path/" + strings.Repeat("x", 99), "BREW /v1/clusters"} {
		method, path, _ := strings.Cut(request, " ")
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set("X-Auth-Token", token)
		h.Server.Config.Handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	text := scrape(t, o)
	shows(t, text,
		`jeroboam_http_requests_total{code="404",method="GET",route="/v1/clusters/{cluster}"} 2`,
		`jeroboam_http_requests_total{code="404",method="GET",route="none"} 1`,
		`jeroboam_http_requests_total{code="405",method="other",route="none"} 1`,
		`jeroboam_http_request_duration_seconds_count{method="GET",route="/v1/clusters/{cluster}"} 2`,
		`jeroboam_http_requests_in_flight 0`,
		`jeroboam_build_info{version="1.2"} 1`)
	if strings.Contains(text, "/one") || strings.Contains(text, "BREW") || !strings.Contains(text, "go_goroutines ") || !strings.Contains(text, "process_resident_memory_bytes ") {
		t.Error(ours(text))
	}
}

func TestWhatTheEngineDoesIsCounted(t *testing.T) {
	t.Parallel()
	o := observe.New(observe.Options{})
	op := jeroboam.Operation{ID: "o1", Verb: "create", CreatedAt: time.Unix(0, 0), FinishedAt: time.Unix(30, 0), State: jeroboam.OperationComplete}
	for _, end := range []struct {
		state jeroboam.StepState
		err   error
	}{{jeroboam.StepDone, nil}, {jeroboam.StepRetrying, errors.New("x")}, {jeroboam.StepBlocked, errors.New("x")}, {"", context.Canceled}} {
		_, ended := o.Step(t.Context(), op, "network", "network")
		ended(end.state, end.err)
	}
	o.Call(t.Context(), "k8s_sim", "ensure machine")(nil)
	o.Call(t.Context(), "k8s_sim", "ensure machine")(jeroboam.Errorf(jeroboam.QuotaExceeded, "quota", "No more."))
	o.Ended(op)
	o.Gauge("agents_connected", "Agents.", func() float64 { return 7 })
	shows(t, scrape(t, o),
		`jeroboam_step_attempts_total{action="network",outcome="done"} 1`,
		`jeroboam_step_attempts_total{action="network",outcome="retrying"} 1`,
		`jeroboam_step_attempts_total{action="network",outcome="blocked"} 1`,
		`jeroboam_step_attempts_total{action="network",outcome="cut-short"} 1`,
		`jeroboam_step_duration_seconds_count{action="network"} 4`,
		`jeroboam_cloud_call_duration_seconds_count{call="ensure machine",driver="k8s_sim",outcome="ok"} 1`,
		`jeroboam_cloud_call_duration_seconds_count{call="ensure machine",driver="k8s_sim",outcome="quota-exceeded"} 1`,
		`jeroboam_operation_duration_seconds_sum{outcome="complete",verb="create"} 30`,
		`jeroboam_agents_connected 7`)
}

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func put(t *testing.T, b store.Backend, f func(store.Tx) error) {
	t.Helper()
	if err := b.Update(context.Background(), f); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsStoredIsCountedAndTheCountIsKeptForAWhile(t *testing.T) {
	t.Parallel()
	time0 := time.Unix(1e9, 0).UTC()
	c, db := &clock{now: time0}, memory.New()
	defer db.Close()
	o := observe.New(observe.Options{Now: c.Now, Logger: slog.New(slog.DiscardHandler)})
	o.Count(o.Store(db))
	joined := jeroboam.MachineStatus{JoinedAt: time0, Connected: true}
	ready := joined
	ready.ReadyAt = time0
	lost := ready
	lost.Connected = false
	cluster := func(id string, state jeroboam.State) *jeroboam.Cluster {
		return &jeroboam.Cluster{ID: id, Spec: jeroboam.ClusterSpec{COE: "kubernetes"}, Status: jeroboam.ClusterStatus{State: state}}
	}
	put(t, db, func(tx store.Tx) error {
		err := errors.Join(store.Put(tx, cluster("c1", jeroboam.CreateComplete)), store.Put(tx, cluster("c2", jeroboam.CreateComplete)),
			store.Put(tx, cluster("c3", jeroboam.DeleteInProgress)),
			store.Put(tx, &jeroboam.Operation{ID: "o1", State: jeroboam.OperationPending}), store.Put(tx, &jeroboam.Operation{ID: "o2", State: jeroboam.OperationComplete}),
			store.Put(tx, &jeroboam.Authority{ID: "a1", NotAfter: time.Unix(3000, 0).UTC()}), store.Put(tx, &jeroboam.Authority{ID: "a2", NotAfter: time.Unix(2000, 0).UTC()}))
		for id, status := range map[string]jeroboam.MachineStatus{"m1": {}, "m2": joined, "m3": ready, "m4": ready, "m5": lost, "m6": {Deleting: true}} {
			err = errors.Join(err, store.Put(tx, &jeroboam.Machine{ID: id, Role: "worker", Status: status}))
		}
		return err
	})
	first := scrape(t, o)
	shows(t, first,
		`jeroboam_clusters{coe="kubernetes",state="CREATE_COMPLETE"} 2`,
		`jeroboam_clusters{coe="kubernetes",state="DELETE_IN_PROGRESS"} 1`,
		`jeroboam_nodes{role="worker",state="building"} 1`,
		`jeroboam_nodes{role="worker",state="configuring"} 1`,
		`jeroboam_nodes{role="worker",state="deleting"} 1`,
		`jeroboam_nodes{role="worker",state="disconnected"} 1`,
		`jeroboam_nodes{role="worker",state="ready"} 2`,
		`jeroboam_operations_open{state="pending"} 1`,
		`jeroboam_operations_open{state="running"} 0`,
		`jeroboam_authority_expiry_timestamp_seconds 2000`)
	put(t, db, func(tx store.Tx) error { return store.Put(tx, cluster("c4", jeroboam.CreateComplete)) })
	shows(t, scrape(t, o), `jeroboam_clusters{coe="kubernetes",state="CREATE_COMPLETE"} 2`, `jeroboam_store_transaction_duration_seconds_count{kind="view",outcome="ok"} 1`)
	c.advance(time.Minute)
	shows(t, scrape(t, o), `jeroboam_clusters{coe="kubernetes",state="CREATE_COMPLETE"} 3`)
}
