package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

// FuzzRequests sends anything to any route: never a panic, never a 500.
func FuzzRequests(f *testing.F) {
	for _, seed := range []struct{ verb, path, query, version, body string }{
		{"POST", "/v1/clustertemplates", "", "container-infra 1.1", templateBody},
		{"PATCH", "/v1/clustertemplates/k8s", "", "", `[{"op":"replace","path":"/labels","value":"{'a': u'b', 'c': [1, -2.5e3, (True, None)]}"}]`},
		{"PATCH", "/v1/clustertemplates/k8s", "", "", `[{"op":"add","path":"/labels/x","value":3},{"op":"remove","path":"/labels/x"}]`},
		{"POST", "/v1/clusters", "", "container-infra latest", `{"cluster_template_id":"k8s","labels":{"a":1},"node_count":"2","merge_labels":"t"}`},
		{"PATCH", "/v1/clusters/c1", "rollback=true", "container-infra 1.10", `[{"op":"replace","path":"/health_status_reason","value":"{'api': 'ok'}"}]`},
		{"POST", "/v1/clusters/c1/actions/resize", "", "container-infra 1.14", `{"node_count":3,"nodes_to_remove":["0"]}`},
		{"POST", "/v1/clusters/c1/actions/upgrade", "", "container-infra 1.14", `{"cluster_template":"k8s","max_batch_size":1}`},
		{"POST", "/v1/clusters/c1/nodegroups", "", "container-infra 1.14", `{"name":"ng","node_taints":[{"key":"a","effect":"NoSchedule"}]}`},
		{"PATCH", "/v1/clusters/c1/nodegroups/default-worker", "", "container-infra 1.14", `[{"op":"add","path":"/node_taints","value":"[{'key':'a','effect':'NoExecute'}]"}]`},
		{"POST", "/v1/certificates", "", "", `{"cluster_uuid":"c1","csr":"-----BEGIN CERTIFICATE REQUEST-----\nMA==\n-----END CERTIFICATE REQUEST-----"}`},
		{"POST", "/v1/quotas", "", "", `{"project_id":"p","hard_limit":"3"}`},
		{"GET", "/v1/clusters", "limit=1&sort_key=name&sort_dir=desc&marker=00000000-0000-4000-8000-000000000002", "", ""},
		{"GET", "/v1/clusters/c1/events", "marker=-1", "", ""},
		{"GET", "/v1/quotas", "all_tenants=1&marker=9999999999999999999", "", ""},
	} {
		f.Add(seed.verb, seed.path, seed.query, seed.version, []byte(seed.body))
	}
	p := playerWithCluster(f)
	admin := p.tokens["admin"]
	f.Fuzz(func(t *testing.T, verb, path, query, version string, body []byte) {
		r := &http.Request{Method: verb, URL: &url.URL{Path: path, RawQuery: query}, Host: "magnum.example", Header: http.Header{},
			Body: io.NopCloser(bytes.NewReader(body))}
		r.Header.Set("Openstack-Api-Version", version)
		r.Header.Set("Accept", "application/json")
		r.Header.Set("X-Auth-Token", admin)
		for _, token := range []string{p.tokens["owner"], admin} {
			r.Header.Set("X-Auth-Token", token)
			r.Body = io.NopCloser(bytes.NewReader(body))
			w := httptest.NewRecorder()
			p.Server.Config.Handler.ServeHTTP(w, r.WithContext(t.Context()))
			if w.Code >= 500 {
				t.Fatalf("%d: %s", w.Code, w.Body)
			}
		}
	})
}

// FuzzForwarding lets a trusted proxy say anything: the links stay links.
func FuzzForwarding(f *testing.F) {
	f.Add(`for=unknown;host=evil.example, For="[2001:db8::7]:99";Proto=HTTPS;host="cloud.example"`, "10.0.0.1, 198.51.100.7", "https", "cloud.example:8443")
	f.Add(`for=;;=,"`, ",, 1", "javascript", `x"/><script>`)
	h := apikit.New(f)
	f.Add("host="+strings.Repeat("a", 300), "::1%eth0", "", "[::1]:x")
	o := api.Options{Service: h.Service, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}
	handlers := []http.Handler{api.New(o)}
	o.Forwarded = true
	handlers = append(handlers, api.New(o))
	f.Fuzz(func(t *testing.T, forwarded, client, proto, host string) {
		for _, handler := range handlers {
			r, w := httptest.NewRequest("GET", "http://magnum.example/", nil), httptest.NewRecorder()
			r.Header = http.Header{"Forwarded": {forwarded}, "X-Forwarded-For": {client}, "X-Forwarded-Proto": {proto}, "X-Forwarded-Host": {host}}
			handler.ServeHTTP(w, r)
			var root wire.Discovery
			if err := json.Unmarshal(w.Body.Bytes(), &root); err != nil || w.Code != 200 {
				t.Fatalf("%d %v %s", w.Code, err, w.Body)
			}
			for _, link := range root.Versions[0].Links {
				if !strings.HasPrefix(link.Href, "http://") && !strings.HasPrefix(link.Href, "https://") || strings.ContainsAny(link.Href, "\"'<> \r\n") {
					t.Errorf("%q", link.Href)
				}
			}
		}
	})
}
