package observe_test

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/observe"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/store/sqlite"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

// BenchmarkShow is the handler that shows a cluster, without a network: what
// watching it costs.
func BenchmarkShow(b *testing.B) {
	for _, c := range []struct {
		name  string
		watch func() *observe.Observer
	}{
		{"off", func() *observe.Observer { return nil }},
		{"metrics", func() *observe.Observer { return observe.New(observe.Options{}) }},
		{"metrics and traces", func() *observe.Observer { return observe.New(observe.Options{Tracer: sdk.NewTracerProvider()}) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			db, err := sqlite.Open(b.Context(), sqlite.Options{Dir: b.TempDir(), Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			h := apikit.New(b, func(s *service.Options, a *api.Options) {
				s.Store = db
				if o := c.watch(); o != nil {
					s.Store, a.Observers = o.Store(db), []api.Observer{o.Request}
				}
			})
			handler, token := h.Server.Config.Handler, h.Token("olga", "p1", "member", "reader")
			ask := func(method, path, body string) {
				r, w := httptest.NewRequest(method, path, strings.NewReader(body)), httptest.NewRecorder()
				r.Header.Set("X-Auth-Token", token)
				if handler.ServeHTTP(w, r); w.Code >= 300 {
					b.Fatal(w.Code, w.Body)
				}
			}
			ask("POST", "/v1/clustertemplates", `{"name":"k8s","coe":"kubernetes","image_id":"fedora-coreos-38","flavor_id":"m1.small"}`)
			ask("POST", "/v1/clusters", `{"name":"c1","cluster_template_id":"k8s"}`)
			b.ResetTimer()
			for b.Loop() {
				ask("GET", "/v1/clusters/c1", "")
			}
		})
	}
}
