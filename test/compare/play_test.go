package compare

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/jeroboam-cloud/jeroboam/test/served"
)

// site is one of the two services.
type site struct {
	name   string
	url    string
	words  map[string]string // what a $word of a call is there: its image, its flavor
	tokens map[string]string // by caller
	made   map[string]string // UUIDs of ${name}
	left   []call            // deletions of what an administrator has made
}

// answer is what came back, disguised so that two services can say the same.
type answer struct {
	status int
	made   call              // deletes what a POST has made
	facts  map[string]string // by the header's name or the place in the body
}

// call is one request of a transcript: "CALLER VERB PATH VERSION [HEADER:VALUE]".
type call struct {
	caller, verb, path, version string
	headers                     []string
	body                        string
}

func (c call) String() string {
	words := append([]string{c.caller, c.verb, c.path, c.version}, c.headers...)
	if c.body != "" {
		words = append(words, c.body)
	}
	return strings.Join(words, " ")
}

// calls are those of a file; of one that waits, the caller is "wait".
func calls(t testing.TB, file string) []call {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []call
	for _, f := range archive.Files {
		words := strings.Fields(f.Name)
		if words[0] == "wait" {
			out = append(out, call{caller: "wait", verb: strings.Join(words[1:], " ")})
			continue
		}
		if len(words) < 4 {
			t.Fatalf("%s: %q is no call", file, f.Name)
		}
		out = append(out, call{words[0], words[1], words[2], words[3], words[4:], strings.TrimSpace(string(f.Data))})
	}
	return out
}

// fill puts in what a call leaves open: $word and ${name}.
func (s *site) fill(text string) string {
	for name, id := range s.made {
		text = strings.ReplaceAll(text, "${"+name+"}", id)
	}
	return os.Expand(text, func(word string) string {
		if value, known := s.words[word]; known {
			return value
		}
		return "$" + word
	})
}

// once connects anew for each call: Magnum's server closes a connection whose
// request it has not read to the end.
var once = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// send makes the call and remembers the UUID of what it made.
func (s *site) send(t testing.TB, c call) answer {
	t.Helper()
	body := s.fill(c.body)
	req, err := http.NewRequestWithContext(t.Context(), c.verb, s.url+s.fill(c.path), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token := s.tokens[c.caller]; token != "" {
		req.Header.Set("X-Auth-Token", token)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Content-Type", "application/json")
	if body == "" {
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	if c.version != "-" {
		req.Header.Set("OpenStack-API-Version", "container-infra "+c.version)
	}
	for _, h := range c.headers {
		name, value, _ := strings.Cut(h, ":")
		req.Header.Set(name, strings.ReplaceAll(value, "_", " "))
	}
	response, err := once.Do(req)
	if errors.Is(err, io.EOF) {
		return answer{facts: map[string]string{"body.errors[].detail": "the connection is closed without an answer"}}
	}
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := answer{status: response.StatusCode, facts: s.facts(response.Header, data)}
	if c.verb == "POST" && response.StatusCode < 300 {
		got.made = s.remember(c, body, data)
	}
	return got
}

// remember notes the UUID of what was made and returns how to delete it.
func (s *site) remember(c call, sent string, got []byte) call {
	var asked struct {
		Name string `json:"name"`
	}
	var made struct {
		UUID string `json:"uuid"`
	}
	if json.Unmarshal(got, &made) != nil || made.UUID == "" || strings.Contains(c.path, "/actions/") {
		return call{}
	}
	if json.Unmarshal([]byte(sent), &asked) == nil && asked.Name != "" {
		s.made[asked.Name] = made.UUID
	}
	undo := call{caller: "owner", verb: "DELETE", path: c.path + "/" + made.UUID, version: "1.10"}
	if c.caller == "admin" {
		undo.caller = c.caller
		s.left = append(s.left, undo)
	}
	return undo
}

// undo takes away again what only one of the two services has made.
func (s *site) undo(t testing.TB, mine, other answer) {
	t.Helper()
	if mine.made.verb != "" && other.made.verb == "" {
		s.send(t, mine.made)
	}
}

// wait lasts until the cluster is at rest, or gone.
func (s *site) wait(t testing.TB, name string, gone bool) {
	t.Helper()
	missing := 0
	served.Within(t, 10*time.Minute, time.Second, s.name+": "+name+" is at rest", func() bool {
		got := s.send(t, call{caller: "owner", verb: "GET", path: "/v1/clusters/" + name, version: "1.10"})
		state := got.facts["body.status"]
		if strings.Contains(state, "FAILED") {
			t.Fatalf("%s: %s is %s: %s", s.name, name, state, got.facts["body.status_reason"])
		}
		if got.status == http.StatusNotFound && !gone {
			if missing++; missing > 5 { // Magnum's is not there at once
				t.Fatalf("%s: there is no %s", s.name, name)
			}
		}
		return gone && got.status == http.StatusNotFound || !gone && strings.Contains(state, "COMPLETE")
	})
}

// tidy deletes what the calls have left.
func (s *site) tidy(t testing.TB) {
	ctx := context.WithoutCancel(t.Context())
	for _, kind := range []string{"clusters", "clustertemplates"} {
		served.Within(t, 10*time.Minute, time.Second, s.name+" has no "+kind+" any more", func() bool {
			left := s.list(ctx, t, kind)
			for _, id := range left {
				s.do(ctx, t, "owner", "DELETE", "/v1/"+kind+"/"+id).Body.Close()
			}
			return len(left) == 0
		})
	}
	for _, c := range s.left {
		s.do(ctx, t, c.caller, c.verb, c.path).Body.Close()
	}
}

func (s *site) list(ctx context.Context, t testing.TB, kind string) []string {
	response := s.do(ctx, t, "owner", "GET", "/v1/"+kind)
	defer response.Body.Close()
	var all map[string][]struct {
		UUID string `json:"uuid"`
	}
	if err := json.NewDecoder(response.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, one := range all[kind] {
		ids = append(ids, one.UUID)
	}
	return ids
}

func (s *site) do(ctx context.Context, t testing.TB, caller, verb, path string) *http.Response {
	req, err := http.NewRequestWithContext(ctx, verb, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", s.tokens[caller])
	response, err := once.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// newCSR is a request for an administrator's certificate, as JSON text has it.
func newCSR(t testing.TB) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), "\n", `\n`)
}
