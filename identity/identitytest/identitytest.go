// Package identitytest is what every identity.Authenticator has to do, as a
// suite: run it against a site whose tokens come from a Keystone v3 API, real
// or embedded.
package identitytest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/identity"
)

// Site is an Authenticator with the identity service that it believes.
type Site struct {
	Auth   identity.Authenticator
	URL    string // of the identity service, ".../v3"
	Admin  Account
	Member Account
	Reader Account
	Pass   func(time.Duration) // moves the clock that Auth reads
}

// Account is a user of the domain "default" with a project there.
type Account struct {
	Password jeroboam.Secret
	Want     jeroboam.Caller // whom Auth has to see; ExpiresAt is not compared
}

// Run tests the sites that open makes, one for each property.
func Run(t *testing.T, open func(t *testing.T) *Site) {
	for name, test := range map[string]func(*testing.T, *Site){
		"a token tells who calls, where and in which roles":       tellsWho,
		"what is no token is nobody's":                            refusesWrong,
		"a revoked token is refused within a minute":              seesRevocation,
		"a token without a project has no project and no roles":   knowsUnscoped,
		"many calls at once see the same caller":                  bearsManyAtOnce,
		"a call that hangs up spoils nothing for those after it":  survivesHangingUp,
		"a token that never was one stays refused when asked for": staysRefused,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func tellsWho(t *testing.T, s *Site) {
	for _, a := range []Account{s.Admin, s.Member, s.Reader} {
		token := s.Login(t, a)
		for _, when := range []string{"first", "again"} {
			got, err := s.Auth.Authenticate(t.Context(), token)
			if err != nil {
				t.Fatalf("%s, %s: %v", a.Want.UserName, when, err)
			}
			if !got.ExpiresAt.After(time.Now()) {
				t.Errorf("%s, %s: the token ends at %v", a.Want.UserName, when, got.ExpiresAt)
			}
			if got, want := plain(got), plain(a.Want); got != want {
				t.Errorf("%s, %s:\n got %s\nwant %s", a.Want.UserName, when, got, want)
			}
		}
	}
}

// plain writes a caller without what differs between two logins.
func plain(c jeroboam.Caller) string {
	c.ExpiresAt = time.Time{}
	c.Roles = slices.Sorted(slices.Values(c.Roles))
	return fmt.Sprintf("%+v", c)
}

func refusesWrong(t *testing.T, s *Site) {
	good := s.Login(t, s.Member)
	for name, token := range map[string]string{
		"none": "", "a word": "abracadabra", "a long one": strings.Repeat("a", 1<<16), "two lines": "a\r\nX-Auth-Token: b",
		"bytes": "\x00\xff", "blanks": "  ", "a UUID": "3f9a4a1e-0d0b-4b63-9a52-0d6d3a1d0a11", "one with its end cut off": good[:len(good)-4],
		"one with its middle changed": good[:len(good)/2] + flip(good[len(good)/2]) + good[len(good)/2+1:],
	} {
		caller, err := s.Auth.Authenticate(t.Context(), token)
		if jeroboam.KindOf(err) != jeroboam.Unauthenticated || plain(caller) != plain(jeroboam.Caller{}) {
			t.Errorf("%s: %+v, %v; want unauthenticated", name, caller, err)
		}
		if err != nil && len(token) > 4 && strings.Contains(err.Error(), token) {
			t.Errorf("%s: the error tells the token: %v", name, err)
		}
	}
}

func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

func seesRevocation(t *testing.T, s *Site) {
	token, other := s.Login(t, s.Member), s.Login(t, s.Member)
	s.wantCaller(t, token, s.Member)
	s.Revoke(t, token)
	s.Pass(time.Minute)
	if _, err := s.Auth.Authenticate(t.Context(), token); jeroboam.KindOf(err) != jeroboam.Unauthenticated {
		t.Errorf("a minute after its revocation the token gives %v", err)
	}
	s.wantCaller(t, other, s.Member)
}

func staysRefused(t *testing.T, s *Site) {
	for range 3 {
		if _, err := s.Auth.Authenticate(t.Context(), "never"); jeroboam.KindOf(err) != jeroboam.Unauthenticated {
			t.Errorf("%v; want unauthenticated", err)
		}
		s.Pass(20 * time.Second)
	}
}

func knowsUnscoped(t *testing.T, s *Site) {
	token := s.login(t, s.Member, "unscoped")
	want := s.Member.Want
	want.ProjectID, want.ProjectName, want.Roles = "", "", nil
	got, err := s.Auth.Authenticate(t.Context(), token)
	if err != nil || plain(got) != plain(want) {
		t.Errorf("\n got %s, %v\nwant %s", plain(got), err, plain(want))
	}
}

func bearsManyAtOnce(t *testing.T, s *Site) {
	token := s.Login(t, s.Reader)
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() { s.wantCaller(t, token, s.Reader) })
	}
	all.Wait()
}

func survivesHangingUp(t *testing.T, s *Site) {
	token := s.Login(t, s.Reader)
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	_, _ = s.Auth.Authenticate(gone, token) // either way
	s.wantCaller(t, token, s.Reader)
}

func (s *Site) wantCaller(t *testing.T, token string, a Account) {
	t.Helper()
	got, err := s.Auth.Authenticate(t.Context(), token)
	if err != nil || plain(got) != plain(a.Want) {
		t.Errorf("got %s, %v\nwant %s", plain(got), err, plain(a.Want))
	}
}

// Login gets a token of the account's project.
func (s *Site) Login(t *testing.T, a Account) string {
	t.Helper()
	return s.login(t, a, map[string]any{"project": map[string]any{"id": a.Want.ProjectID}})
}

func (s *Site) login(t *testing.T, a Account, scope any) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"auth": map[string]any{"scope": scope, "identity": map[string]any{
		"methods": []string{"password"}, "password": map[string]any{"user": map[string]any{"id": a.Want.UserID, "password": a.Password.Reveal()}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	header := s.call(t, http.MethodPost, body, http.StatusCreated, nil)
	return header.Get("X-Subject-Token")
}

// Revoke ends a token.
func (s *Site) Revoke(t *testing.T, token string) {
	t.Helper()
	s.call(t, http.MethodDelete, nil, http.StatusNoContent, http.Header{"X-Auth-Token": {token}, "X-Subject-Token": {token}})
}

func (s *Site) call(t *testing.T, method string, body []byte, want int, header http.Header) http.Header {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/auth/tokens", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		r.Header = header
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != want {
		t.Fatalf("%s /auth/tokens: %s, want %d", method, response.Status, want)
	}
	return response.Header
}
