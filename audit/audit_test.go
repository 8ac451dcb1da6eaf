package audit_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/audit"
	"github.com/jeroboam-cloud/jeroboam/identity/embedded"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

// world is a house whose changes are written down in a file.
type world struct {
	*apikit.House
	file  string
	log   *audit.Log
	olga  string // tokens
	rita  string
	admin string // password of the service's own Keystone
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{file: filepath.Join(t.TempDir(), "audit.log")}
	var err error
	if w.log, err = audit.Open(audit.Options{File: w.file, Host: "ctl1", Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.log.Close(); err != nil {
			t.Error(err)
		}
	})
	own, err := embedded.Open(embedded.Options{Dir: t.TempDir(), PasswordCost: 4})
	if err != nil {
		t.Fatal(err)
	}
	password, _ := own.GeneratedPassword()
	w.admin = password.Reveal()
	w.House = apikit.New(t, func(_ *service.Options, o *api.Options) {
		o.Observers, o.Identity = []api.Observer{w.log.Observe}, own.Handler()
	})
	w.olga, w.rita = w.Token("olga", "p1", "member"), w.Token("rita", "p1", "reader")
	return w
}

func (w *world) ask(t *testing.T, method, path, token, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.Server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", token)
	r.Header.Set("OpenStack-API-Version", "container-infra latest")
	r.Header.Set("User-Agent", "probe/1.0")
	response, err := w.Server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
}

// lines are the events of a log.
func lines(t *testing.T, file string) []audit.Event {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []audit.Event
	for line := range strings.Lines(string(text)) {
		var e audit.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		out = append(out, e)
	}
	return out
}

func TestEveryChangeIsWrittenDownAndNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const template = `{"name":"k8s","coe":"kubernetes","image_id":"fedora-coreos-38","flavor_id":"m1.small"}`
	login := func(password string) string {
		return `{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"admin","domain":{"id":"default"},"password":"` + password + `"}}}}}`
	}
	w.ask(t, "GET", "/v1/clusters", w.olga, "")
	w.ask(t, "POST", "/v1/clustertemplates", w.olga, template)
	w.ask(t, "POST", "/v1/clusters", w.olga, `{"name":"c1","cluster_template_id":"k8s"}`)
	w.ask(t, "POST", "/v1/clusters", w.rita, `{"name":"c2","cluster_template_id":"k8s"}`)
	w.ask(t, "DELETE", "/v1/clusters/c1", "no-such-token", "")
	w.ask(t, "POST", "/v1/clusters/c1/actions/resize", w.olga, `{"node_count":2}`)
	w.ask(t, "PATCH", "/v1/clusters/c1/nodegroups/default-worker", w.olga, `[]`)
	w.ask(t, "DELETE", "/v1/clusters/c1?dry_run=true", w.olga, "")
	w.ask(t, "POST", "/no/such/path", w.olga, `{}`)
	w.ask(t, "POST", "/identity/v3/auth/tokens", "", login("wrong-secret"))
	w.ask(t, "POST", "/identity/v3/auth/tokens", "", login(w.admin))
	w.Server.Close() // waits for the handlers, and with them for the last line

	type short struct{ action, target, id, outcome, code, who, project string }
	var got []short
	for _, e := range lines(t, w.file) {
		if e.ID == "" || !strings.HasPrefix(e.Initiator.Request, "req-") || e.Initiator.Host != (audit.Host{Address: "127.0.0.1", Agent: "probe/1.0"}) ||
			e.Observer.ID != "ctl1" || e.EventType != "activity" || e.RequestPath == "" {
			t.Errorf("%+v", e)
		}
		got = append(got, short{e.Action, e.Target.TypeURI, e.Target.ID, e.Outcome, e.Reason.Code, e.Initiator.Name, e.Initiator.Project})
	}
	const of = "service/container-infra/"
	want := []short{
		{"create", of + "clustertemplates", "00000000-0000-4000-8000-000000000001", "success", "201", "olga", "p1"},
		{"create", of + "clusters", "00000000-0000-4000-8000-000000000002", "success", "202", "olga", "p1"},
		{"create", of + "clusters", "unknown", "failure", "403", "rita", "p1"},
		{"delete", of + "clusters", "c1", "failure", "401", "", ""},
		{"update/resize", of + "clusters", "c1", "failure", "409", "olga", "p1"},
		{"update", of + "clusters/nodegroups", "c1/default-worker", "failure", "409", "olga", "p1"},
		{"authenticate", "service/security/account/user", "unknown", "failure", "401", "admin", ""},
		{"authenticate", "service/security/account/user", got[len(got)-1].id, "success", "201", "admin", got[len(got)-1].project},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	text, _ := os.ReadFile(w.file)
	for _, secret := range []string{w.olga, w.rita, "no-such-token", "wrong-secret", w.admin} {
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("the log tells %q", secret)
		}
	}
}

func TestALogThatWasMovedAwayBeginsAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask(t, "DELETE", "/v1/clusters/one", w.olga, "")
	if err := os.Rename(w.file, w.file+".1"); err != nil {
		t.Fatal(err)
	}
	if err := w.log.Reopen(); err != nil {
		t.Fatal(err)
	}
	w.ask(t, "DELETE", "/v1/clusters/two", w.olga, "")
	w.Server.Close()
	for file, want := range map[string]string{w.file + ".1": "one", w.file: "two"} {
		if got := lines(t, file); len(got) != 1 || got[0].Target.ID != want {
			t.Errorf("%s: %+v", file, got)
		}
	}
}

func TestAFileThatCannotBeWrittenIsRefused(t *testing.T) {
	t.Parallel()
	_, err := audit.Open(audit.Options{File: filepath.Join(t.TempDir(), "none", "audit.log")})
	if err == nil || !strings.Contains(err.Error(), "--audit-log") {
		t.Error(err)
	}
}
