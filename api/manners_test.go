package api_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

func TestForwardingHeadersAreBelievedFromTrustedProxiesAlone(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8:f::/48")}
	x := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Add(pairs[i], pairs[i+1])
		}
		return h
	}
	const direct = "http://example.com/v1/"
	for name, c := range map[string]struct {
		proxies []netip.Prefix
		from    string
		header  http.Header
		client  string
		link    string
		rfc7239 bool
	}{
		"nobody is trusted": {nil, "192.0.2.1:1", x("X-Forwarded-For", "198.51.100.7", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "evil.example"),
			"192.0.2.1", direct, false},
		"a stranger is not": {proxies, "198.51.100.1:1", x("X-Forwarded-For", "10.0.0.1", "Forwarded", "for=10.0.0.1;host=evil.example"),
			"198.51.100.1", direct, false},
		"a proxy is": {proxies, "192.0.2.1:1", x("X-Forwarded-For", "198.51.100.7", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "cloud.example:8443"),
			"198.51.100.7", "https://cloud.example:8443/v1/", false},
		"what the client made up before the proxy is not": {proxies, "192.0.2.1:1", x("X-Forwarded-For", "10.0.0.1, 198.51.100.7", "X-Forwarded-Host", "evil.example, cloud.example"),
			"198.51.100.7", "http://cloud.example/v1/", false},
		"a chain of proxies is followed": {proxies, "192.0.2.1:1", x("X-Forwarded-For", "203.0.113.9", "X-Forwarded-For", "198.51.100.7, 192.0.2.9"),
			"198.51.100.7", direct, false},
		"Forwarded, where proxies write that": {proxies, "[2001:db8:f::1]:1", x("Forwarded", `for=unknown;host=evil.example, For="[2001:db8::7]:99";Proto=HTTPS;host="cloud.example"`, "X-Forwarded-For", "10.0.0.1"),
			"2001:db8::7", "https://cloud.example/v1/", true},
		"an address that is none ends the chain":    {proxies, "192.0.2.1:1", x("X-Forwarded-For", "198.51.100.7, unknown"), "192.0.2.1", direct, false},
		"a host that would break a link is no host": {proxies, "192.0.2.1:1", x("X-Forwarded-Host", `x"/><script>`), "192.0.2.1", direct, false},
		"a scheme that is none is no scheme":        {proxies, "192.0.2.1:1", x("X-Forwarded-Proto", "javascript"), "192.0.2.1", direct, false},
		"Forwarded, where they do not, is the client's own": {proxies, "192.0.2.1:1", x("Forwarded", "for=10.0.0.1;host=evil.example", "X-Forwarded-For", "198.51.100.7"),
			"198.51.100.7", direct, false},
		"X-Forwarded-For, where they write the other, too": {proxies, "192.0.2.1:1", x("Forwarded", "for=198.51.100.7", "X-Forwarded-For", "10.0.0.1", "X-Forwarded-Host", "evil.example"),
			"198.51.100.7", direct, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := house(t)
			o.TrustedProxies, o.Forwarded = c.proxies, c.rfc7239
			response, lines := call(t, o, func(r *http.Request) {
				*r = *httptest.NewRequest("GET", "http://example.com/", nil)
				r.RemoteAddr, r.Header = c.from, c.header
			})
			body, err := io.ReadAll(response.Body)
			if err != nil || !strings.Contains(string(body), `"`+c.link+`"`) {
				t.Errorf("link: %s %v", body, err)
			}
			if lines[0]["client"] != c.client {
				t.Errorf("client %v, want %s", lines[0]["client"], c.client)
			}
		})
	}
}

// get asks as somebody from an address.
func get(h http.Handler, path, token, from string) *http.Response {
	r, w := httptest.NewRequest("GET", path, nil), httptest.NewRecorder()
	r.Header.Set("X-Auth-Token", token)
	r.RemoteAddr = from + ":1"
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestAProjectThatAsksTooMuchIsToldWhenToComeBack(t *testing.T) {
	t.Parallel()
	var o api.Options
	h := apikit.New(t, func(_ *service.Options, given *api.Options) { o = *given })
	o.Service, o.ProjectRate = h.Service, 0.5 // five at once
	mine, mate, other := h.Token("olga", "p1", "reader"), h.Token("max", "p1", "reader"), h.Token("otto", "p2", "reader")
	handler := api.New(o)
	for i, token := range []string{mine, mate, mine, mate, mine} {
		if r := get(handler, "/v1/clusters", token, "192.0.2.1"); r.StatusCode != 200 {
			t.Fatalf("request %d: %d", i, r.StatusCode)
		}
	}
	r := get(handler, "/v1/clusters", mate, "192.0.2.2")
	body, _ := io.ReadAll(r.Body)
	if r.StatusCode != 429 || r.Header.Get("Retry-After") != "2" || !strings.Contains(string(body), `"reason":"rate-limit"`) || !strings.Contains(string(body), `"errors":[`) {
		t.Errorf("%d %v %s", r.StatusCode, r.Header, body)
	}
	if r := get(handler, "/v1/clusters", other, "192.0.2.1"); r.StatusCode != 200 {
		t.Errorf("another project: %d", r.StatusCode)
	}
	h.Clock.Advance(2 * time.Second)
	if r := get(handler, "/v1/clusters", mine, "192.0.2.1"); r.StatusCode != 200 {
		t.Errorf("after the time that was told: %d", r.StatusCode)
	}
}

func TestStrangersAreLimitedByAddress(t *testing.T) {
	t.Parallel()
	var o api.Options
	h := apikit.New(t, func(_ *service.Options, given *api.Options) { o = *given })
	o.Service, o.StrangerRate = h.Service, 0.2 // two at once
	good := h.Token("olga", "p1", "reader")
	handler := api.New(o)
	for i, c := range []struct {
		path, token, from string
		want              int
	}{
		{"/v1/clusters", "guess", "2001:db8::1]", 401},
		{"/v1", "", "2001:db8::2]", 200}, // the same network
		{"/v1/clusters", "guess", "2001:db8::3]", 429},
		{"/v1", "", "2001:db8::1]", 429},
		{"/v1/clusters", good, "2001:db8::1]", 200},
		{"/healthcheck", "", "2001:db8::1]", 200},
		{"/v1", "", "2001:db8:1::1]", 200}, // another
	} {
		if r := get(handler, c.path, c.token, "["+c.from); r.StatusCode != c.want {
			t.Errorf("%d: %s from %s: %d, want %d", i, c.path, c.from, r.StatusCode, c.want)
		}
	}
}

func TestPagesOfChosenOriginsMayCall(t *testing.T) {
	t.Parallel()
	const ours = "https://horizon.example"
	for name, c := range map[string]struct {
		origins []string
		method  string
		origin  string
		status  int
		allowed string
	}{
		"off by default":              {nil, "GET", ours, 200, ""},
		"a chosen one":                {[]string{ours}, "GET", ours, 200, ours},
		"another":                     {[]string{ours}, "GET", "https://evil.example", 200, ""},
		"a longer one is another":     {[]string{ours}, "GET", ours + ".evil.example", 200, ""},
		"no page at all":              {[]string{ours}, "GET", "", 200, ""},
		"a preflight needs no token":  {[]string{ours}, "OPTIONS", ours, 204, ours},
		"a preflight of another":      {[]string{ours}, "OPTIONS", "https://evil.example", 401, ""},
		"a preflight while it is off": {nil, "OPTIONS", ours, 401, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := house(t)
			o.Origins = c.origins
			r, _ := call(t, o, func(r *http.Request) {
				r.Method = c.method
				if c.origin != "" {
					r.Header.Set("Origin", c.origin)
				}
				if c.method == "OPTIONS" {
					r.Header.Set("Access-Control-Request-Method", "POST")
				} else {
					r.Header.Set("X-Auth-Token", "token-1")
				}
			})
			if r.StatusCode != c.status || r.Header.Get("Access-Control-Allow-Origin") != c.allowed {
				t.Errorf("%d %v", r.StatusCode, r.Header)
			}
			if varies := strings.Contains(strings.Join(r.Header.Values("Vary"), ","), "Origin"); varies != (c.origins != nil) {
				t.Errorf("Vary: %v", r.Header.Values("Vary"))
			}
			if r.StatusCode == 204 && !strings.Contains(r.Header.Get("Access-Control-Allow-Headers"), "X-Auth-Token") {
				t.Errorf("%v", r.Header)
			}
		})
	}
}

func TestSecretsRestInNoCache(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"/v1/certificates/nosuch": "no-store", "/v1/clusters": ""} {
		r, _ := call(t, house(t), func(r *http.Request) {
			r.URL.Path = path
			r.Header.Set("X-Auth-Token", "token-1")
		})
		if r.Header.Get("Cache-Control") != want || r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, r.Header)
		}
	}
}

func TestAnObserverSeesTheWholeExchange(t *testing.T) {
	t.Parallel()
	type seen struct {
		Route, Cluster, User, Project, Client, Trace string
		Status                                       int
		Kind                                         jeroboam.Kind
	}
	var got []seen
	o := house(t)
	o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	o.Observers = []api.Observer{func(ctx context.Context, x *api.Exchange) (context.Context, func()) {
		x.Trace = "00-trace"
		return ctx, func() {
			got = append(got, seen{x.Route, x.Vars["cluster"], x.Caller.UserID, x.Caller.ProjectID, x.Client.String(), x.Trace, x.Status, jeroboam.KindOf(x.Err)})
		}
	}}
	call(t, o, func(r *http.Request) {
		r.Method, r.URL.Path = "DELETE", "/v1/clusters/mine"
		r.Header.Set("X-Auth-Token", "token-1")
		r.Header.Set("X-Forwarded-For", "198.51.100.7")
	})
	call(t, o, func(r *http.Request) { r.URL.Path = "/no/such/path" })
	want := []seen{
		{"/v1/clusters/{cluster}", "mine", "olga", "p1", "198.51.100.7", "00-trace", 404, jeroboam.NotFound},
		{"", "", "", "", "192.0.2.1", "00-trace", 401, jeroboam.Unauthenticated},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestAServiceThatStopsSaysSoAndEndsItsStreams(t *testing.T) {
	t.Parallel()
	stopping := make(chan struct{})
	p := playerWith(t, func(_ *service.Options, o *api.Options) { o.Stopping = stopping })
	r, err := http.NewRequestWithContext(t.Context(), "GET", p.Server.URL+"/v1/clusters/c1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", p.tokens["owner"])
	stream, err := p.Server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	if _, err := io.ReadFull(stream.Body, make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	close(stopping)
	if rest, err := io.ReadAll(stream.Body); err != nil {
		t.Errorf("the stream was torn off: %v after %q", err, rest)
	}
	if got := p.ask(t, "owner", "GET /healthcheck"); got != "503" {
		t.Errorf("healthcheck: %s", got)
	}
	if got := p.ask(t, "owner", "GET /v1/clusters"); got != "200" {
		t.Errorf("what still comes: %s", got)
	}
}
