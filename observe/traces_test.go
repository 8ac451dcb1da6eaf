package observe_test

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	wire "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/observe"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

// collect is a collector on loopback: the spans that it was sent, by name.
func collect(t *testing.T) (url string, spans func() map[string]*wire.Span) {
	t.Helper()
	var mu sync.Mutex
	got := map[string]*wire.Span{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var sent collector.ExportTraceServiceRequest
		if err = errors.Join(err, proto.Unmarshal(body, &sent)); err != nil || r.URL.Path != "/v1/traces" {
			t.Error(r.URL, err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, of := range sent.ResourceSpans {
			for _, in := range of.ScopeSpans {
				for _, s := range in.Spans {
					got[s.Name] = s
				}
			}
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, func() map[string]*wire.Span {
		mu.Lock()
		defer mu.Unlock()
		return got
	}
}

func TestAChangeIsTracedFromTheRequestToItsSteps(t *testing.T) {
	url, spans := collect(t)
	traces, err := observe.OpenTraces(t.Context(), url, "1.2", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	o := observe.New(observe.Options{Tracer: traces})
	h := apikit.New(t, func(s *service.Options, a *api.Options) {
		a.Observers, s.Store = []api.Observer{o.Request}, o.Store(s.Store)
	})
	token := h.Token("olga", "p1", "member", "reader")
	const client = "4bf92f3577b34da6a3ce929d0e0e4736"
	ask := func(path, body, traceparent string) {
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.Header.Set("X-Auth-Token", token)
		r.Header.Set("Traceparent", traceparent)
		w := httptest.NewRecorder()
		h.Server.Config.Handler.ServeHTTP(w, r)
		if w.Code >= 300 {
			t.Fatal(w.Code, w.Body)
		}
	}
	ask("/v1/clustertemplates", `{"name":"k8s","coe":"kubernetes","image_id":"fedora-coreos-38","flavor_id":"m1.small"}`, "")
	ask("/v1/clusters", `{"name":"c1","cluster_template_id":"k8s"}`, "00-"+client+"-00f067aa0ba902b7-01")

	var op jeroboam.Operation
	err = h.Store.View(t.Context(), func(tx store.Tx) error {
		all, err := store.List[jeroboam.Operation](tx, store.Query{})
		op = all[0]
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// As the engine does it, later and perhaps in another process.
	ctx, ended := o.Step(context.Background(), op, "network", "network")
	o.Call(ctx, "k8s_test", "ensure network")(jeroboam.Errorf(jeroboam.QuotaExceeded, "quota", "No more networks."))
	ended(jeroboam.StepBlocked, jeroboam.Errorf(jeroboam.QuotaExceeded, "quota", "No more networks."))
	op.State, op.FinishedAt = jeroboam.OperationComplete, op.CreatedAt.Add(time.Minute)
	o.Ended(op)
	o.Call(context.Background(), "k8s_test", "machines")(nil) // a look, of no step
	if err := traces.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}

	got := spans()
	request, change, step, call, update := got["POST /v1/clusters"], got["operation create"], got["step network"], got["cloud ensure network"], got["store update"]
	if request == nil || change == nil || step == nil || call == nil || update == nil || got["cloud machines"] != nil {
		t.Fatalf("spans: %v", got)
	}
	if hex.EncodeToString(request.TraceId) != client || hex.EncodeToString(request.ParentSpanId) != "00f067aa0ba902b7" || string(update.TraceId) != string(request.TraceId) {
		t.Errorf("the request is not the client's: %v %v", request, update)
	}
	if hex.EncodeToString(change.TraceId) != strings.ReplaceAll(op.ID, "-", "") || len(change.ParentSpanId) != 0 ||
		len(change.Links) != 1 || string(change.Links[0].SpanId) != string(request.SpanId) ||
		change.EndTimeUnixNano-change.StartTimeUnixNano != uint64(time.Minute) {
		t.Errorf("the operation: %v", change)
	}
	if string(step.TraceId) != string(change.TraceId) || string(step.ParentSpanId) != string(change.SpanId) || string(call.ParentSpanId) != string(step.SpanId) {
		t.Errorf("the step: %v %v", step, call)
	}
	if step.Status.Message != "No more networks." || step.Status.Code != wire.Status_STATUS_CODE_ERROR {
		t.Errorf("the step's end: %v", step.Status)
	}
}

func TestAnOperationWhoseRequestWasNotTracedIsNotEither(t *testing.T) {
	url, spans := collect(t)
	traces, err := observe.OpenTraces(t.Context(), url, "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	o := observe.New(observe.Options{Tracer: traces})
	op := jeroboam.Operation{ID: "4bf92f35-77b3-4da6-a3ce-929d0e0e4736", Trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"}
	_, ended := o.Step(t.Context(), op, "network", "network")
	ended(jeroboam.StepDone, nil)
	o.Ended(op)
	if err := traces.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := spans(); len(got) != 0 {
		t.Errorf("%v", got)
	}
}
