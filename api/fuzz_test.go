package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

// The fuzz targets start a house for each input, so that what they find can be
// found again. Their seeds are the transcripts of testdata; what they found is
// in testdata/fuzz.

// FuzzBodies sends any body to every route that reads one.
func FuzzBodies(f *testing.F) {
	routes := api.Bodies()
	for _, r := range recorded(f) {
		if i := slices.Index(routes, api.RouteOf(r.http())); i >= 0 {
			f.Add(uint8(i), r.version, r.body)
		}
	}
	f.Fuzz(func(t *testing.T, route uint8, version string, body []byte) {
		t.Parallel()
		verb, path := place(routes, route)
		fuzz(t, request{verb: verb, path: path, version: version, body: body})
	})
}

// FuzzQuery sends any arguments to every route that reads some.
func FuzzQuery(f *testing.F) {
	routes := api.Arguments()
	for _, r := range recorded(f) {
		if i := slices.Index(routes, api.RouteOf(r.http())); i >= 0 && r.query != "" {
			f.Add(uint8(i), r.query)
		}
	}
	f.Fuzz(func(t *testing.T, route uint8, query string) {
		t.Parallel()
		verb, path := place(routes, route)
		fuzz(t, request{verb: verb, path: path, version: "container-infra latest", query: query})
	})
}

// FuzzHeaders sends any headers.
func FuzzHeaders(f *testing.F) {
	f.Add("OpenStack-API-Version", "container-infra 1.7")
	f.Add("OpenStack-API-Version", "container-infra latest")
	f.Add("Content-Type", "application/json; charset=utf-8")
	f.Add("X-Auth-Token", "token-1")
	f.Add("X-Openstack-Request-Id", "req-1")
	f.Add("X-Forwarded-Host", "a\r\nb")
	f.Add("X-Forwarded-Proto", "https")
	f.Add("Last-Event-Id", "-1")
	f.Add("Accept", "application/json;q=0.1, */*")
	f.Add("Host", "[::1]:80")
	f.Fuzz(func(t *testing.T, name, value string) {
		t.Parallel()
		for _, r := range []request{{verb: "GET", path: "/v1/clusters"}, {verb: "POST", path: "/v1/clusters", body: []byte(`{"cluster_template_id":"k8s"}`)},
			{verb: "GET", path: "/v1/clusters/c1/events", header: http.Header{"Accept": {"application/json"}}}} {
			if r.header == nil {
				r.header = http.Header{}
			}
			if name == "Accept" && strings.HasSuffix(r.path, "/events") {
				continue // a stream does not end
			}
			r.header[name] = []string{value}
			fuzz(t, r)
		}
	})
}

// FuzzRequests sends anything anywhere.
func FuzzRequests(f *testing.F) {
	for _, r := range recorded(f) {
		if len(r.body) == 0 { // the others are seeds of FuzzBodies
			f.Add(r.verb, r.path, r.query, r.version, r.body)
		}
	}
	f.Fuzz(func(t *testing.T, verb, path, query, version string, body []byte) {
		t.Parallel()
		fuzz(t, request{verb: verb, path: path, query: query, version: version, body: body})
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

// request is what a target sends.
type request struct {
	verb, path, query, version string
	header                     http.Header
	body                       []byte
}

func (r request) http() *http.Request {
	out := &http.Request{Method: r.verb, URL: &url.URL{Path: r.path, RawQuery: r.query}, Host: "magnum.example", Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader(r.body))}
	out.Header.Set("Accept", "application/json")
	if r.version != "" {
		out.Header.Set("Openstack-Api-Version", r.version)
	}
	for name, values := range r.header {
		out.Header[name] = values
	}
	return out
}

// recorded are the requests of the transcripts.
func recorded(t testing.TB) []request {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	var all []request
	seen := map[string]bool{}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			words := strings.Fields(f.Name)
			if len(words) < 4 {
				continue // an answer, or something done behind the API's back
			}
			r := request{verb: words[1], body: bytes.TrimSpace(f.Data)}
			r.path, r.query, _ = strings.Cut(words[2], "?")
			if words[3] != "-" {
				r.version = "container-infra " + words[3]
			}
			if key := strings.Join([]string{api.RouteOf(r.http()), r.query, string(r.body)}, " "); !seen[key] {
				seen[key] = true
				all = append(all, r)
			}
		}
	}
	return all
}

// place chooses a route and puts objects that exist into its path.
func place(routes []string, choice uint8) (verb, path string) {
	verb, path, _ = strings.Cut(routes[int(choice)%len(routes)], " ")
	return verb, strings.NewReplacer("{cluster}", "c1", "{template}", "free", "{group}", "default-worker",
		"{project}", "p1", "{resource}", "Cluster").Replace(path)
}

// fuzz sends the request as a member and as an administrator: the answer is of
// a shape that clients can read, never a 5xx, and the service goes on.
func fuzz(t *testing.T, r request) {
	t.Helper()
	p := playerWithCluster(t)
	p.must(t, "POST /v1/clustertemplates "+strings.Replace(templateBody, "{", `{"name":"free",`, 1), "201")
	for _, caller := range []string{"owner", "admin"} {
		out := r.http()
		if _, own := out.Header["X-Auth-Token"]; !own {
			out.Header.Set("X-Auth-Token", p.tokens[caller])
		}
		w := httptest.NewRecorder()
		p.Server.Config.Handler.ServeHTTP(w, out.WithContext(t.Context()))
		checkAnswer(t, w)
	}
	for _, list := range []string{"clustertemplates", "clusters/detail", "clusters"} {
		p.must(t, "GET /v1/"+list, "200")
	}
}

func checkAnswer(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code >= 500 {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	if !strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		return
	}
	var body struct {
		Errors []struct{ Title string }
		Error  struct{ Title string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%d: %v: %s", w.Code, err, w.Body)
	}
	if w.Code >= 400 && body.Error.Title == "" && (len(body.Errors) == 0 || body.Errors[0].Title == "") {
		t.Fatalf("%d without a title, which clients need: %s", w.Code, w.Body)
	}
}
