package barbican_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
	"github.com/jeroboam-cloud/jeroboam/vault/barbican"
)

// ill opens a vault over a key manager that answers what a real one cannot be
// made to.
func ill(t *testing.T, o barbican.Options, answer http.HandlerFunc) *barbican.Vault {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"versions": {"values": [{"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": "%s/v3/"}]}]}}`, server.URL)
	})
	mux.HandleFunc("/v3/auth/tokens", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Subject-Token", "token")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"token": {"expires_at": "2100-01-01T00:00:00Z", "catalog": [{"type": "key-manager", "endpoints": [{"interface": "public", "region": "R", "url": "%s/key-manager"}]}]}}`, server.URL)
	})
	mux.HandleFunc("/key-manager/{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"versions": [{"id": "v1", "status": "CURRENT", "min_version": "1.0", "max_version": "1.1", "links": [{"rel": "self", "href": "%s/key-manager/v1/"}]}]}`, server.URL)
	})
	mux.HandleFunc("/key-manager/v1/secrets", answer)
	mux.HandleFunc("/key-manager/v1/secrets/", answer)
	o.Store, o.Prefix = memory.New(), "p"
	o.Auth = gophercloud.AuthOptions{IdentityEndpoint: server.URL + "/v3", Username: "u", Password: "p", DomainID: "default"}
	v, err := barbican.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

func TestAnswersOfAnIllBarbicanAreClassified(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
		kind   jeroboam.Kind
		reason string
	}{
		"its own fault":    {500, `{"code": 500, "title": "Internal Server Error"}`, jeroboam.Unavailable, "barbican"},
		"not there":        {503, "<html>", jeroboam.Unavailable, "barbican"},
		"too many calls":   {429, "", jeroboam.Unavailable, "barbican"},
		"a quota":          {403, `{"code": 403, "title": "Forbidden", "description": "Creation not allowed because a quota has been reached"}`, jeroboam.QuotaExceeded, "barbican-quota"},
		"not allowed":      {403, `{"code": 403, "title": "Forbidden"}`, jeroboam.Unavailable, "barbican-permission"},
		"a token it hates": {401, "", jeroboam.Unavailable, "barbican-login"},
		"a lower limit":    {413, "", jeroboam.Invalid, "secret-size"},
		"half an answer":   {201, `{"secret_ref": "http`, jeroboam.Unavailable, "barbican"},
	} {
		t.Run(name, func(t *testing.T) {
			v := ill(t, barbican.Options{}, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Openstack-Request-Id", "req-7")
				w.WriteHeader(test.status)
				io.WriteString(w, test.body) //nolint:errcheck // a test's server
			})
			err := v.Put(ctx, "c1", "ca", "the secret itself")
			e, ok := jeroboam.AsError(err)
			if !ok || e.Kind != test.kind || e.Reason != test.reason || e.Remedy == "" {
				t.Fatalf("%v, want %s, %s, with a remedy", err, test.kind, test.reason)
			}
			if test.status != 201 && test.status != 401 && !strings.Contains(e.Detail, "(request req-7)") {
				t.Errorf("%q does not name the request", e.Detail)
			}
			if strings.Contains(err.Error(), "the secret itself") || strings.Contains(err.Error(), "dGhlIHNlY3JldCBpdHNlbGY") {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestABarbicanThatDoesNotAnswerIsGivenUpOn(t *testing.T) {
	over := make(chan struct{})
	v := ill(t, barbican.Options{Patience: 50 * time.Millisecond}, func(http.ResponseWriter, *http.Request) { <-over })
	t.Cleanup(func() { close(over) })
	err := v.Put(ctx, "c1", "ca", "secret")
	if e, ok := jeroboam.AsError(err); !ok || e.Kind != jeroboam.Unavailable || e.Reason != "barbican" {
		t.Errorf("%v, want Unavailable", err)
	}
}

// What an answer that was lost has made is used, not made twice.
func TestASecretWhoseAnswerWasLostIsTakenUp(t *testing.T) {
	var kept []string // payloads, by their place as ID
	v := ill(t, barbican.Options{}, func(w http.ResponseWriter, r *http.Request) {
		ref := func(i int) string { return fmt.Sprintf("http://%s/v1/secrets/%d", r.Host, i) }
		switch {
		case r.Method == http.MethodPost && kept == nil:
			kept = append(kept, "first")
			w.WriteHeader(http.StatusBadGateway)
		case r.Method == http.MethodPost:
			t.Error("it is made twice")
		case strings.HasSuffix(r.URL.Path, "/payload"):
			io.WriteString(w, kept[0]) //nolint:errcheck // a test's server
		default:
			if name := r.URL.Query().Get("name"); name != "p/c1/ca" {
				t.Errorf("looked for %q", name)
			}
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(map[string]any{"secrets": []any{map[string]string{"name": "p/c1/ca", "secret_ref": ref(0)}}}) //nolint:errcheck // a test's server
		}
	})
	var made []jeroboam.Secret
	create := func() (jeroboam.Secret, error) {
		made = append(made, jeroboam.Secret([]string{"first", "second"}[len(made)]))
		return made[len(made)-1], nil
	}
	if _, err := v.Ensure(ctx, "c1", "ca", create); jeroboam.KindOf(err) != jeroboam.Unavailable {
		t.Fatalf("%v, want Unavailable", err)
	}
	if got, err := v.Ensure(ctx, "c1", "ca", create); err != nil || got != "first" || !slices.Equal(made, []jeroboam.Secret{"first"}) {
		t.Errorf("%q, %v, made %d", got.Reveal(), err, len(made))
	}
}

func TestASecretIsRememberedForAMinute(t *testing.T) {
	var reads atomic.Int64
	now := time.Unix(0, 0)
	v := ill(t, barbican.Options{Now: func() time.Time { return now }}, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusCreated)
			io.WriteString(w, `{"secret_ref": "http://x/v1/secrets/1"}`) //nolint:errcheck // a test's server
			return
		}
		reads.Add(1)
		io.WriteString(w, "secret") //nolint:errcheck // a test's server
	})
	if err := v.Put(ctx, "c1", "ca", "secret"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int64{0, 0, 1, 1} { // reads of Barbican, half a minute apart
		if got, err := v.Get(ctx, "c1", "ca"); err != nil || got != "secret" || reads.Load() != want {
			t.Errorf("%q, %v after %d reads, want %d", got.Reveal(), err, reads.Load(), want)
		}
		now = now.Add(30*time.Second + time.Duration(want))
	}
}

// A cluster may be deleted while a secret of it is being made.
func TestASecretOfAnOwnerWhoIsForgottenMeanwhileGoesAgain(t *testing.T) {
	var v *barbican.Vault
	var deleted []string
	v = ill(t, barbican.Options{}, func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost:
			if err := v.Forget(ctx, "c1"); err != nil {
				t.Error(err)
			}
			w.WriteHeader(http.StatusCreated)
			io.WriteString(w, `{"secret_ref": "http://x/v1/secrets/1"}`) //nolint:errcheck // a test's server
		case http.MethodDelete:
			deleted = append(deleted, r.URL.Path)
			w.WriteHeader(http.StatusNoContent)
		default:
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"secrets": []}`) //nolint:errcheck // a test's server
		}
	})
	if err := v.Put(ctx, "c1", "ca", "secret"); jeroboam.KindOf(err) != jeroboam.Conflict {
		t.Errorf("%v, want Conflict", err)
	}
	if !slices.Equal(deleted, []string{"/key-manager/v1/secrets/1"}) {
		t.Errorf("deleted %v", deleted)
	}
}
