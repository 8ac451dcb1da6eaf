package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"go.uber.org/goleak"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var rewrite = flag.Bool("update", false, "write the transcripts in testdata anew")

// TestTranscripts plays each transcript of testdata against the API. In a
// transcript a file named like
//
//	owner POST /v1/clusters 1.10
//
// is a request by that caller in that version ("-" sends none) with its body,
// and the file that follows, named "answer", is what came back, byte for byte
// but for line breaks. "run converge NAME", "run fail NAME" and "run advance
// DURATION" do something behind the API's back.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := newPlayer(t)
			for i := range archive.Files {
				p.play(t, archive, i)
			}
			if *rewrite && !t.Failed() {
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// player is a house and the callers that transcripts know.
type player struct {
	*apikit.House
	tokens map[string]string
	answer string
}

func newPlayer(t testing.TB, options ...apikit.Option) *player {
	h := apikit.New(t, options...)
	return &player{House: h, tokens: map[string]string{
		"owner":    h.Token("olga", "p1", "member", "reader"),
		"mate":     h.Token("max", "p1", "member", "reader"),
		"reader":   h.Token("rita", "p1", "reader"),
		"other":    h.Token("otto", "p2", "member", "reader"),
		"admin":    h.Token("anna", "p0", "admin", "member", "reader"),
		"unscoped": h.Token("uwe", ""),
		"nobody":   "",
		"stranger": "no-such-token",
	}}
}

func (p *player) play(t *testing.T, archive *txtar.Archive, i int) {
	t.Helper()
	f := &archive.Files[i]
	words := strings.Fields(f.Name)
	switch {
	case f.Name == "answer":
		if *rewrite {
			f.Data = []byte(p.answer)
		} else if got, want := p.answer, string(f.Data); got != want {
			t.Errorf("%s:\n got %s\nwant %s", archive.Files[i-1].Name, got, want)
		}
	case words[0] == "run":
		p.run(t, words[1], words[2])
	default:
		p.answer = p.request(t, words, strings.TrimSpace(string(f.Data)))
	}
}

func (p *player) run(t *testing.T, what, argument string) {
	t.Helper()
	var err error
	switch what {
	case "advance":
		var d time.Duration
		d, err = time.ParseDuration(argument)
		p.Clock.Advance(d)
	case "converge":
		err = p.Converge(t.Context(), p.find(t, argument).ID)
	case "fail":
		c := p.find(t, argument)
		err = p.Store.Update(t.Context(), func(tx store.Tx) error { return fail(tx, c.ID) })
	default:
		t.Fatalf("unknown command %s", what)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (p *player) find(t testing.TB, name string) jeroboam.Cluster {
	t.Helper()
	for _, c := range p.clusters(t) {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("there is no cluster %s", name)
	return jeroboam.Cluster{}
}

func (p *player) clusters(t testing.TB) []jeroboam.Cluster {
	t.Helper()
	var found []jeroboam.Cluster
	err := p.Store.View(t.Context(), func(tx store.Tx) (err error) {
		found, err = store.List[jeroboam.Cluster](tx, store.Query{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// ask sends "VERB PATH BODY" in the newest version and returns the status.
// OPERATION in a path is the newest operation of the first cluster.
func (p *player) ask(t testing.TB, caller, route string) string {
	t.Helper()
	words := strings.SplitN(route, " ", 3)
	body := ""
	if len(words) == 3 {
		body = words[2]
	}
	if strings.Contains(words[1], "OPERATION") {
		words[1] = strings.Replace(words[1], "OPERATION", p.clusters(t)[0].Status.Operation, 1)
	}
	answer := p.request(t, []string{caller, words[0], words[1], "latest", "Accept:application/json"}, body)
	status, _, _ := strings.Cut(answer, "\n")
	return status
}

// fail ends whatever goes on with a cluster badly.
func fail(tx store.Tx, cluster string) error {
	c, err := store.Get[jeroboam.Cluster](tx, cluster)
	if err != nil {
		return err
	}
	failed := func(s jeroboam.State) jeroboam.State {
		return jeroboam.State(strings.Replace(string(s), "_IN_PROGRESS", "_FAILED", 1))
	}
	c.Status.State, c.Status.Reason = failed(c.Status.State), "The cloud has no room. Ask for more quota."
	groups, err := store.List[jeroboam.NodeGroup](tx, store.Query{Parent: cluster})
	if err != nil {
		return err
	}
	for _, g := range groups {
		if g.Status.State = failed(g.Status.State); g.Status.State.Failed() && !g.IsMaster() {
			g.Status.Reason = "The cloud has no room."
		}
		if err := store.Put(tx, &g); err != nil {
			return err
		}
	}
	return store.Put(tx, &c)
}

// request sends one request and returns the answer as transcripts have it.
func (p *player) request(t testing.TB, words []string, body string) string {
	t.Helper()
	if len(words) < 4 {
		t.Fatalf("not a request: %v", words)
	}
	req, err := http.NewRequestWithContext(t.Context(), words[1], p.Server.URL+words[2], strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token := p.tokens[words[0]]; token != "" {
		req.Header.Set("X-Auth-Token", token)
	}
	if words[3] != "-" {
		req.Header.Set("OpenStack-API-Version", "container-infra "+words[3])
	}
	req.Header.Set("Content-Type", "application/json")
	if body == "" {
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	for _, header := range words[4:] {
		name, value, _ := strings.Cut(header, ":")
		req.Header.Set(name, value)
	}
	response, err := p.Server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	checkReference(t, req, response, data)
	return p.transcribe(t, response, data)
}

var (
	requestIDs = regexp.MustCompile(`req-[0-9a-f-]{36}`)
	pems       = regexp.MustCompile(`-----BEGIN CERTIFICATE-----[^"]*-----END CERTIFICATE-----`)
)

var shownHeaders = []string{"Content-Type", "Location", "Allow", "Www-Authenticate", "Openstack-Api-Minimum-Version",
	"Openstack-Api-Maximum-Version", "Openstack-Api-Version", "Vary", "Warning"}

func (p *player) transcribe(t testing.TB, response *http.Response, data []byte) string {
	t.Helper()
	if !requestIDs.MatchString(response.Header.Get("X-Openstack-Request-Id")) {
		t.Errorf("no request id: %v", response.Header)
	}
	var out strings.Builder
	fmt.Fprintln(&out, response.StatusCode)
	for _, name := range shownHeaders {
		for _, value := range response.Header.Values(name) {
			fmt.Fprintf(&out, "%s: %s\n", name, value)
		}
	}
	if len(data) > 0 {
		var pretty bytes.Buffer
		if json.Indent(&pretty, data, "", " ") != nil {
			pretty.Write(data)
		}
		fmt.Fprintf(&out, "\n%s\n", bytes.TrimRight(pretty.Bytes(), "\n"))
	}
	text := strings.ReplaceAll(out.String(), p.Server.URL, "http://magnum.example")
	text = requestIDs.ReplaceAllString(text, "req-0")
	return pems.ReplaceAllString(text, "PEM")
}
