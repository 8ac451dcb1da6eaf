package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

// call sends one request straight to a handler and returns the answer and the
// lines of the log.
func call(t *testing.T, o api.Options, edit func(*http.Request)) (*http.Response, []map[string]any) {
	t.Helper()
	var log bytes.Buffer
	o.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	r := httptest.NewRequest("GET", "/v1/clusters", nil)
	edit(r)
	w := httptest.NewRecorder()
	api.New(o).ServeHTTP(w, r)
	var lines []map[string]any
	for line := range strings.Lines(log.String()) {
		entry := map[string]any{}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, entry)
	}
	return w.Result(), lines
}

// house is the options of a house whose token "token-1" is olga's.
func house(t *testing.T) api.Options {
	t.Helper()
	var kept api.Options
	h := apikit.New(t, func(_ *service.Options, o *api.Options) { kept = *o })
	h.Token("olga", "p1", "member", "reader")
	kept.Service = h.Service
	return kept
}

func TestARequestIsLoggedOnce(t *testing.T) {
	t.Parallel()
	response, lines := call(t, house(t), func(r *http.Request) {
		r.Header.Set("X-Auth-Token", "token-1")
		r.Header.Set("X-Openstack-Request-Id", "req-from-elsewhere")
	})
	if len(lines) != 1 {
		t.Fatalf("%d lines: %v", len(lines), lines)
	}
	got := lines[0]
	if id := response.Header.Get("X-Openstack-Request-Id"); got["request"] != id || !requestIDs.MatchString(id) {
		t.Errorf("request %v, header %s", got["request"], id)
	}
	want := map[string]any{"level": "INFO", "msg": "request", "global": "req-from-elsewhere", "project": "p1", "user": "olga",
		"method": "GET", "path": "/v1/clusters", "status": 200.0}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s: got %v, want %v", key, got[key], value)
		}
	}
	if strings.Contains(mustJSON(t, got), "token-1") {
		t.Error("the token is in the log")
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestAForeignRequestIDThatIsNoneIsNotLogged(t *testing.T) {
	t.Parallel()
	_, lines := call(t, house(t), func(r *http.Request) { r.Header.Set("X-Openstack-Request-Id", "req-\x1b[31m") })
	if _, logged := lines[0]["global"]; logged {
		t.Error(lines[0])
	}
}

// failing is an identity service that does what it is told.
type failing func() error

func (f failing) Authenticate(context.Context, string) (jeroboam.Caller, error) {
	return jeroboam.Caller{}, f()
}

func TestAPanicIsA500AndLogged(t *testing.T) {
	t.Parallel()
	o := house(t)
	o.Auth = failing(func() error { panic("the cat is out") })
	response, lines := call(t, o, func(*http.Request) {})
	body := new(bytes.Buffer)
	if _, err := body.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != 500 || strings.Contains(body.String(), "cat") || len(lines) != 1 || lines[0]["level"] != "ERROR" {
		t.Errorf("%d %s %v", response.StatusCode, body, lines)
	}
	if text, _ := lines[0]["err"].(string); !strings.Contains(text, "the cat is out") {
		t.Error(lines[0])
	}
}

func TestAnErrorOfAnotherTypeStaysWithTheOperator(t *testing.T) {
	t.Parallel()
	o := house(t)
	o.Auth = failing(func() error { return errors.New("password of the database is wrong") })
	response, lines := call(t, o, func(*http.Request) {})
	body := new(bytes.Buffer)
	if _, err := body.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != 500 || strings.Contains(body.String(), "database") {
		t.Errorf("%d %s", response.StatusCode, body)
	}
	if text, _ := lines[0]["err"].(string); !strings.Contains(text, "database") {
		t.Error(lines[0])
	}
}

func TestAnIdentityServiceThatIsSilentIs503(t *testing.T) {
	t.Parallel()
	o := house(t)
	o.Auth = failing(func() error { return jeroboam.Errorf(jeroboam.Unavailable, "identity", "Keystone did not answer.") })
	response, _ := call(t, o, func(*http.Request) {})
	if response.StatusCode != 503 || response.Header.Get("Retry-After") == "" {
		t.Error(response.StatusCode, response.Header)
	}
}

func TestABodyThatIsTooLongIs413(t *testing.T) {
	t.Parallel()
	o := house(t)
	o.MaxBody = 10
	response, _ := call(t, o, func(r *http.Request) {
		*r = *httptest.NewRequest("POST", "/v1/clusters", strings.NewReader(`{"name":"too long"}`))
		r.Header.Set("X-Auth-Token", "token-1")
	})
	if response.StatusCode != 413 {
		t.Error(response.StatusCode)
	}
}

func TestTheServicesOwnKeystoneAnswersBelowIdentity(t *testing.T) {
	t.Parallel()
	o := house(t)
	o.Identity = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-Path", r.URL.Path) })
	response, _ := call(t, o, func(r *http.Request) { r.URL.Path = "/identity/v3/auth/tokens" })
	if got := response.Header.Get("X-Path"); got != "/v3/auth/tokens" {
		t.Error(got)
	}
}

func TestABodyThatComesTooSlowlyIs408(t *testing.T) {
	t.Parallel()
	h := apikit.New(t, func(_ *service.Options, o *api.Options) { o.Timeout = 20 * time.Millisecond })
	slow, feed := io.Pipe()
	defer feed.Close()
	r, err := http.NewRequestWithContext(t.Context(), "POST", h.Server.URL+"/v1/clusters", slow)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", h.Token("olga", "p1", "member", "reader"))
	response, err := h.Server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusRequestTimeout {
		t.Error(response.StatusCode)
	}
}
