package embedded_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/bcrypt"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/identity"
	"github.com/jeroboam-cloud/jeroboam/identity/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ identity.Authenticator = (*embedded.Identity)(nil)

// clock is a time that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// site is an Identity behind a server, with the users admin and alice (member
// of demo, reader of other).
type site struct {
	t        *testing.T
	dir      string
	clock    *clock
	id       *embedded.Identity
	server   *httptest.Server
	admin    jeroboam.Secret
	alice    jeroboam.Secret
	demo     string // ID
	otherURL string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), clock: &clock{at: time.Now()}}
	mux := http.NewServeMux()
	s.server = httptest.NewServer(mux)
	t.Cleanup(s.server.Close)
	s.reopen()
	mux.Handle("/identity/", http.StripPrefix("/identity", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.id.Handler().ServeHTTP(w, r)
	})))
	var fresh bool
	if s.admin, fresh = s.id.GeneratedPassword(); !fresh {
		t.Fatal("the first start made no password")
	}
	var err error
	if s.demo, err = s.id.EnsureProject("demo"); err != nil {
		t.Fatal(err)
	}
	if _, err = s.id.EnsureProject("other"); err != nil {
		t.Fatal(err)
	}
	if s.alice, err = s.id.EnsureUser("alice", "demo", embedded.RoleMember); err != nil {
		t.Fatal(err)
	}
	if _, err = s.id.EnsureUser("alice", "other", embedded.RoleReader); err != nil {
		t.Fatal(err)
	}
	return s
}

// reopen is a restart of the service.
func (s *site) reopen() {
	s.t.Helper()
	id, err := embedded.Open(embedded.Options{Dir: s.dir, URL: s.server.URL, Now: s.clock.now, PasswordCost: bcrypt.MinCost})
	if err != nil {
		s.t.Fatal(err)
	}
	s.id = id
}

type answer struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

func (s *site) do(method, path, token, body string, headers ...string) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.server.URL+"/identity"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("X-Auth-Token", token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.server.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, text: string(text)}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &a.body); err != nil {
			s.t.Fatalf("%s %s: %q is not JSON", method, path, text)
		}
	}
	return a
}

func quote(v string) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // a string always marshals
	}
	return string(b)
}

func passwordBody(user, password, scope string) string {
	body := `{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":` + quote(user) +
		`,"domain":{"id":"default"},"password":` + quote(password) + `}}}`
	if scope != "" {
		body += `,"scope":` + scope
	}
	return body + `}}`
}

func projectScope(name string) string {
	return `{"project":{"name":` + quote(name) + `,"domain":{"name":"Default"}}}`
}

// login returns a token and what the answer says of it.
func (s *site) login(user string, password jeroboam.Secret, scope string) (string, map[string]any) {
	s.t.Helper()
	a := s.do("POST", "/v3/auth/tokens", "", passwordBody(user, password.Reveal(), scope))
	if a.status != http.StatusCreated || a.header.Get("X-Subject-Token") == "" {
		s.t.Fatalf("login of %s: %d %s", user, a.status, a.text)
	}
	return a.header.Get("X-Subject-Token"), a.body["token"].(map[string]any)
}

func (s *site) caller(token string) jeroboam.Caller {
	s.t.Helper()
	c, err := s.id.Authenticate(context.Background(), token)
	if err != nil {
		s.t.Fatalf("Authenticate: %v", err)
	}
	return c
}

func (s *site) wantRefused(token, why string) {
	s.t.Helper()
	if c, err := s.id.Authenticate(context.Background(), token); jeroboam.KindOf(err) != jeroboam.Unauthenticated {
		s.t.Errorf("%s: Authenticate = %+v, %v; want Unauthenticated", why, c, err)
	}
}

func TestFirstStartMakesAnAdministratorWhosePasswordIsKeptNowhere(t *testing.T) {
	s := newSite(t)
	token, body := s.login("admin", s.admin, projectScope("admin"))
	c := s.caller(token)
	want := jeroboam.Caller{
		UserID: c.UserID, UserName: "admin", DomainID: "default", ProjectID: c.ProjectID, ProjectName: "admin",
		Roles: []string{"admin", "member", "reader"}, ExpiresAt: s.clock.at.Add(embedded.TokenLife).UTC().Truncate(time.Microsecond),
	}
	if !slices.Equal(c.Roles, want.Roles) || c.UserID == "" || c.ProjectID == "" || c.UserName != want.UserName ||
		c.DomainID != want.DomainID || c.ProjectName != want.ProjectName || !c.ExpiresAt.Equal(want.ExpiresAt) {
		t.Errorf("caller %+v, want %+v", c, want)
	}
	if body["expires_at"] != want.ExpiresAt.Format("2006-01-02T15:04:05.000000Z") {
		t.Errorf("expires_at %v, want %v", body["expires_at"], want.ExpiresAt)
	}
	s.reopen()
	if _, fresh := s.id.GeneratedPassword(); fresh {
		t.Error("the second start made another password")
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte(s.admin.Reveal())) || bytes.Contains(text, []byte(s.alice.Reveal())) {
			t.Errorf("%s holds a password", file)
		}
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v, want 0600 (%v)", file, info.Mode(), err)
		}
	}
}

func TestScopes(t *testing.T) {
	s := newSite(t)
	for name, test := range map[string]struct {
		scope   string
		project string
		roles   []string
	}{
		"by name":                     {projectScope("other"), "other", []string{"reader"}},
		"by id":                       {`{"project":{"id":"` + s.demo + `"}}`, "demo", []string{"member", "reader"}},
		"none asked: the default one": {"", "demo", []string{"member", "reader"}},
		"unscoped by word":            {`"unscoped"`, "", nil},
		"unscoped by object":          {`{"unscoped":{}}`, "", nil},
	} {
		token, body := s.login("alice", s.alice, test.scope)
		if c := s.caller(token); c.ProjectName != test.project || !slices.Equal(c.Roles, test.roles) {
			t.Errorf("%s: project %q, roles %v; want %q, %v", name, c.ProjectName, c.Roles, test.project, test.roles)
		}
		if _, has := body["catalog"]; has != (test.project != "") {
			t.Errorf("%s: catalogue in the answer: %v", name, has)
		}
	}
}

func TestTheCatalogueNamesBothServices(t *testing.T) {
	s := newSite(t)
	token, body := s.login("alice", s.alice, "")
	urls := map[string]string{}
	for _, entry := range body["catalog"].([]any) {
		entry := entry.(map[string]any)
		for _, e := range entry["endpoints"].([]any) {
			e := e.(map[string]any)
			urls[entry["type"].(string)+" "+e["interface"].(string)+" "+e["region"].(string)] = e["url"].(string)
		}
	}
	for _, face := range []string{"public", "internal", "admin"} {
		if got, want := urls["container-infra "+face+" RegionOne"], s.server.URL+"/v1"; got != want {
			t.Errorf("container-infra, %s: %q, want %q", face, got, want)
		}
		if got, want := urls["identity "+face+" RegionOne"], s.server.URL+"/identity/v3"; got != want {
			t.Errorf("identity, %s: %q, want %q", face, got, want)
		}
	}
	a := s.do("GET", "/v3/auth/catalog", token, "")
	if got, err := json.Marshal(a.body["catalog"]); err != nil || string(got) != mustJSON(t, body["catalog"]) {
		t.Errorf("GET /v3/auth/catalog differs from the token's: %s (%v)", got, err)
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestRefusedLoginsSayNothingMore(t *testing.T) {
	s := newSite(t)
	good := s.alice.Reveal()
	for name, test := range map[string]struct {
		body   string
		status int
	}{
		"wrong password":         {passwordBody("alice", "wrong", ""), 401},
		"unknown user":           {passwordBody("nobody", good, ""), 401},
		"unknown project":        {passwordBody("alice", good, projectScope("none")), 401},
		"project without a role": {passwordBody("alice", good, projectScope("admin")), 401},
		"another domain":         {strings.Replace(passwordBody("alice", good, ""), `"id":"default"`, `"id":"heat"`, 1), 401},
		"no domain":              {strings.Replace(passwordBody("alice", good, ""), `"domain":{"id":"default"},`, ``, 1), 401},
		"domain scope":           {passwordBody("alice", good, `{"domain":{"id":"default"}}`), 401},
		"system scope":           {passwordBody("alice", good, `{"system":{"all":true}}`), 401},
		"bad token":              {`{"auth":{"identity":{"methods":["token"],"token":{"id":"nonsense"}}}}`, 401},
		"unknown credential":     {`{"auth":{"identity":{"methods":["application_credential"],"application_credential":{"id":"x","secret":"y"}}}}`, 401},
		"method without data":    {`{"auth":{"identity":{"methods":["password"]}}}`, 401},
		"unknown method":         {`{"auth":{"identity":{"methods":["magic"]}}}`, 401},
		"two methods":            {`{"auth":{"identity":{"methods":["password","totp"]}}}`, 400},
		"no JSON":                {`{"auth":`, 400},
		"empty":                  {``, 400},
		"scope of a wrong type":  {passwordBody("alice", good, `7`), 400},
		"large":                  {strings.Repeat(" ", 1<<17), 400},
	} {
		a := s.do("POST", "/v3/auth/tokens", "", test.body)
		if a.status != test.status || a.header.Get("X-Subject-Token") != "" {
			t.Errorf("%s: %d %s, want %d", name, a.status, a.text, test.status)
			continue
		}
		e := a.body["error"].(map[string]any)
		if e["code"] != float64(test.status) || e["title"] != http.StatusText(test.status) || e["message"] == "" {
			t.Errorf("%s: error body %s", name, a.text)
		}
		if (a.header.Get("WWW-Authenticate") == `Keystone uri="`+s.server.URL+`/identity/v3"`) != (test.status == 401) {
			t.Errorf("%s: WWW-Authenticate is %q", name, a.header.Get("WWW-Authenticate"))
		}
		if strings.Contains(a.text, good) {
			t.Errorf("%s: the answer repeats the password", name)
		}
	}
}

func TestGuessingIsSlowedDownForOneUserAlone(t *testing.T) {
	s := newSite(t)
	try := func(user, password string) int {
		return s.do("POST", "/v3/auth/tokens", "", passwordBody(user, password, "")).status
	}
	for range 5 {
		if got := try("alice", "wrong"); got != 401 {
			t.Fatalf("wrong password: %d, want 401", got)
		}
	}
	if got := try("alice", s.alice.Reveal()); got != 429 {
		t.Errorf("after 5 failures: %d, want 429", got)
	}
	if got := try("admin", s.admin.Reveal()); got != 201 {
		t.Errorf("another user: %d, want 201", got)
	}
	s.clock.at = s.clock.at.Add(6 * time.Second)
	if got := try("alice", s.alice.Reveal()); got != 201 {
		t.Errorf("after the pause: %d, want 201", got)
	}
	if got := try("alice", "wrong"); got != 401 {
		t.Errorf("a success starts the count again: %d, want 401", got)
	}
}

func TestTokensSurviveARestartAndEndInTime(t *testing.T) {
	s := newSite(t)
	token, _ := s.login("alice", s.alice, "")
	s.reopen()
	if c := s.caller(token); c.UserName != "alice" {
		t.Errorf("caller %+v, want alice", c)
	}
	s.clock.at = s.clock.at.Add(embedded.TokenLife)
	s.wantRefused(token, "after its life")
	s.wantRefused("", "no token")
	s.wantRefused("x", "nonsense")
	s.wantRefused(token[:len(token)-2]+"AA", "changed")
}

func TestARevokedTokenIsDeadAcrossARestart(t *testing.T) {
	s := newSite(t)
	token, _ := s.login("alice", s.alice, "")
	other, _ := s.login("alice", s.alice, "")
	if a := s.do("DELETE", "/v3/auth/tokens", other, "", "X-Subject-Token", token); a.status != 204 {
		t.Fatalf("revoke: %d %s", a.status, a.text)
	}
	s.wantRefused(token, "revoked")
	s.reopen()
	s.wantRefused(token, "revoked, after a restart")
	s.caller(other)
}

func TestATokenRevokedAtOneServerIsDeadAtAnotherWithinASecond(t *testing.T) {
	s := newSite(t)
	other, err := embedded.Open(embedded.Options{Dir: s.dir, Now: s.clock.now, PasswordCost: bcrypt.MinCost})
	if err != nil {
		t.Fatal(err)
	}
	if other.Fingerprint() != s.id.Fingerprint() {
		t.Error("one directory has two fingerprints")
	}
	token, _ := s.login("alice", s.alice, projectScope("demo"))
	if _, err := other.Authenticate(t.Context(), token); err != nil {
		t.Fatalf("a token of the one is nothing to the other: %v", err)
	}
	if a := s.do("DELETE", "/v3/auth/tokens", token, "", "X-Subject-Token", token); a.status != http.StatusNoContent {
		t.Fatalf("revoke: %d %s", a.status, a.text)
	}
	s.clock.at = s.clock.at.Add(time.Second)
	if _, err := other.Authenticate(t.Context(), token); jeroboam.KindOf(err) != jeroboam.Unauthenticated {
		t.Errorf("a revoked token: %v", err)
	}
}

func TestTokensAreValidatedByTheirOwnersAndAdministrators(t *testing.T) {
	s := newSite(t)
	alice, _ := s.login("alice", s.alice, "")
	admin, _ := s.login("admin", s.admin, "")
	for name, test := range map[string]struct {
		by, subject string
		status      int
	}{
		"own":             {alice, alice, 200},
		"by an admin":     {admin, alice, 200},
		"another's":       {alice, admin, 403},
		"nonsense":        {admin, "nonsense", 404},
		"none":            {admin, "", 400},
		"without a token": {"", alice, 401},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			a := s.do(method, "/v3/auth/tokens", test.by, "", "X-Subject-Token", test.subject)
			if a.status != test.status {
				t.Errorf("%s %s: %d, want %d", method, name, a.status, test.status)
			}
			if method == "GET" && test.status == 200 {
				user := a.body["token"].(map[string]any)["user"].(map[string]any)
				if user["name"] != "alice" || a.header.Get("X-Subject-Token") != test.subject {
					t.Errorf("%s: %s", name, a.text)
				}
			}
		}
	}
}

func TestChangesOfTheUsersFileCountAtOnce(t *testing.T) {
	s := newSite(t)
	token, _ := s.login("alice", s.alice, "")
	if _, err := s.id.EnsureUser("alice", "demo", embedded.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	if c := s.caller(token); !slices.Equal(c.Roles, []string{"admin", "member", "reader"}) {
		t.Errorf("roles %v after a change, want all", c.Roles)
	}
	if err := s.id.SetPassword("alice", "another one"); err != nil {
		t.Fatal(err)
	}
	s.wantRefused(token, "got with the old password")
	s.login("alice", "another one", "")
}

func TestAnEditOfTheUsersFileIsReadByTheRunningService(t *testing.T) {
	s := newSite(t)
	token, _ := s.login("alice", s.alice, "")
	path := filepath.Join(s.dir, "users.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.Replace(string(text), "name: alice\n", "name: alice\n  disabled: true\n", 1)
	if edited == string(text) {
		t.Fatalf("alice is not in\n%s", text)
	}
	wait := func(what string, content string, refused bool) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		s.clock.at = s.clock.at.Add(time.Second)
		if _, err := s.id.Authenticate(context.Background(), token); (err != nil) != refused {
			t.Fatalf("%s is not seen: %v", what, err)
		}
	}
	wait("the edit", edited, true)
	wait("its end", string(text), false)
	if err := os.WriteFile(path, []byte("users: [nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.clock.at = s.clock.at.Add(time.Second)
	s.caller(token) // the last good one holds
	if _, err := embedded.Open(embedded.Options{Dir: s.dir, PasswordCost: bcrypt.MinCost}); jeroboam.KindOf(err) != jeroboam.Unavailable {
		t.Errorf("a start on a spoilt file: %v, want Unavailable", err)
	}
}

func TestASpoiltDirectoryIsReportedWithItsRemedy(t *testing.T) {
	hash := "$2a$10$2202l1raskngubjj1CZwZuFIhHsvO93nDoOyZqaTV1.9LTAkU6bIq"
	for name, files := range map[string]map[string]string{
		"plain password":       {"users.yaml": "users:\n- {id: a, name: a, password: secret-word}\n"},
		"no id":                {"users.yaml": "users:\n- {name: a, password: '" + hash + "'}\n"},
		"two of a name":        {"users.yaml": "projects:\n- {id: a, name: a}\n- {id: b, name: a}\n"},
		"two of an id":         {"users.yaml": "projects:\n- {id: a, name: a}\n- {id: a, name: b}\n"},
		"role nowhere":         {"users.yaml": "users:\n- {id: a, name: a, password: '" + hash + "', roles: {none: [member]}}\n"},
		"default nowhere":      {"users.yaml": "users:\n- {id: a, name: a, password: '" + hash + "', default_project: none}\n"},
		"dear hash":            {"users.yaml": "users:\n- {id: a, name: a, password: '" + strings.Replace(hash, "$10$", "$31$", 1) + "'}\n"},
		"misspelt field":       {"users.yaml": "user:\n"},
		"spoilt token key":     {"token.key": "short\n"},
		"spoilt credentials":   {"users.yaml": "users:\n", "credentials.yaml": "[]"},
		"users is a directory": {"users.yaml/x": ""},
	} {
		dir := t.TempDir()
		for file, text := range files {
			path := filepath.Join(dir, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := embedded.Open(embedded.Options{Dir: dir, PasswordCost: bcrypt.MinCost})
		e, ok := jeroboam.AsError(err)
		if !ok || e.Kind != jeroboam.Unavailable || e.Remedy == "" || strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%s: %v; want Unavailable with a remedy and without the secret", name, err)
		}
	}
}

func TestProcessesThatStartTogetherShareOneDirectory(t *testing.T) {
	dir := t.TempDir()
	var made [4]*embedded.Identity
	var wg sync.WaitGroup
	for i := range made {
		wg.Go(func() {
			id, err := embedded.Open(embedded.Options{Dir: dir, PasswordCost: bcrypt.MinCost})
			if err != nil {
				t.Error(err)
				return
			}
			made[i] = id
			if _, err := id.EnsureProject(fmt.Sprint("project-", i)); err != nil {
				t.Error(err)
			}
			if _, err := id.EnsureUser(fmt.Sprint("user-", i), fmt.Sprint("project-", i), embedded.RoleMember); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	var password jeroboam.Secret
	for _, id := range made {
		p, fresh := id.GeneratedPassword()
		if fresh && password != "" {
			t.Fatal("two processes made a first user")
		}
		password += p
	}
	for i, id := range made {
		w := httptest.NewRecorder()
		body := passwordBody("admin", password.Reveal(), "")
		id.Handler().ServeHTTP(w, httptest.NewRequest("POST", "/v3/auth/tokens", strings.NewReader(body)))
		for j, other := range made {
			if _, err := other.Authenticate(t.Context(), w.Header().Get("X-Subject-Token")); err != nil {
				t.Errorf("process %d refuses the token of process %d: %v", j, i, err)
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "users.yaml"))
	for i := range made {
		if !strings.Contains(string(text), fmt.Sprint("name: user-", i)) {
			t.Errorf("user-%d is lost (%v)", i, err)
		}
	}
}
