// Package magnum asks the testbed's Magnum (15, Zed) and a service with the
// simulated cloud the same, and compares the statuses of their answers.
package magnum

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

const address = "127.0.0.1:9511"

// site is a service with its own words for the same, and IDs for what it made.
type site struct {
	url   string
	words map[string]string
}

// TestRealMagnumAnswersAlike plays testdata/requests.txt. A line is
//
//	STATUS CALLER VERB PATH VERSION [BODY] [> NAME]
//
// STATUS is "400", or "500/400" where Magnum's (the first) is another; CALLER is
// alice, bob, admin or nobody; VERSION may be "-". The UUID of the answer is
// kept as <NAME>. In paths and bodies <…> stands for what was kept and for
// image, flavor and the caller's project. TEMPLATE is the members of a sound
// template; of a member that stands twice the last counts.
func TestRealMagnumAnswersAlike(t *testing.T) {
	k := testbed.Start(t)
	if c, err := net.DialTimeout("tcp", address, time.Second); err != nil || c.Close() != nil {
		t.Skip("the testbed is up without Magnum: ../shared/testbed/openstack/up --with magnum")
	}
	sites := [2]*site{
		{"http://" + address, map[string]string{"image": "fedora-coreos", "flavor": "m1.small"}},
		{k.Serve(nil).URL, map[string]string{"image": "sim", "flavor": "small"}},
	}
	file, err := os.Open("testdata/requests.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p := player{T: t, tokens: tokens(k), projects: map[string]string{"alice": k.Project("physics"), "bob": k.Project("it"), "admin": k.Project("admin")}}
	lines, played, differ := bufio.NewScanner(file), 0, 0
	for lines.Scan() {
		r, ok := parse(t, lines.Text())
		if !ok {
			continue
		}
		played++
		if r.want[0] != r.want[1] {
			differ++
		}
		for i, s := range sites {
			if got := p.ask(s, r); got != r.want[i] {
				t.Errorf("%s: %s answers %s", lines.Text(), s.url, got)
			}
		}
	}
	t.Logf("%d requests, %d of them answered otherwise on purpose", played, differ)
	if err := lines.Err(); err != nil || played < 100 {
		t.Errorf("only %d requests were read: %v", played, err)
	}
}

func tokens(k *testbed.Keystone) map[string]string {
	return map[string]string{
		"alice":  k.Login("alice", "alice-pw", "physics").Token(),
		"bob":    k.Login("bob", "bob-pw", "it").Token(),
		"admin":  k.Login("admin", "admin-pw", "admin").Token(),
		"nobody": "",
	}
}

// question is one line of the file.
type question struct {
	want                              [2]string
	caller, verb, path, version, body string
	keep                              string
}

var line = regexp.MustCompile(`^(\d+)(?:/(\d+))? (\w+) ([A-Z]+) (\S+) (\S+)(?: (.*?))?(?: > (\w+))?$`)

func parse(t *testing.T, text string) (question, bool) {
	t.Helper()
	if text == "" || strings.HasPrefix(text, "#") {
		return question{}, false
	}
	m := line.FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("%q is no request", text)
	}
	if m[2] == "" {
		m[2] = m[1]
	}
	return question{[2]string{m[1], m[2]}, m[3], m[4], m[5], m[6], m[7], m[8]}, true
}

type player struct {
	*testing.T
	tokens   map[string]string
	projects map[string]string
}

const template = `"coe": "kubernetes", "image_id": "<image>", "flavor_id": "<flavor>", "master_flavor_id": "<flavor>",
	"external_network_id": "public", "network_driver": "flannel", "labels": {"a": "1"}, "dns_nameserver": "127.0.0.1"`

// fill puts a site's words into a text.
func (p *player) fill(s *site, caller, text string) string {
	text = strings.ReplaceAll(text, "TEMPLATE", template)
	words := maps.Clone(s.words)
	words["project"] = p.projects[caller]
	for name, word := range words {
		text = strings.ReplaceAll(text, "<"+name+">", word)
	}
	return text
}

// ask returns the status of the answer, "0" if there was none.
func (p *player) ask(s *site, q question) string {
	p.Helper()
	status, answer, err := p.call(p.Context(), s, q)
	if errors.Is(err, io.EOF) { // so end some of Magnum's own mistakes
		return "0"
	}
	if err != nil {
		p.Fatalf("%s %s: %v", q.verb, q.path, err)
	}
	var made struct{ UUID string }
	if q.keep != "" && json.Unmarshal(answer, &made) == nil && made.UUID != "" {
		s.words[q.keep] = made.UUID
		p.Cleanup(func() {
			gone := question{caller: "admin", verb: http.MethodDelete, path: q.path + "/" + made.UUID, version: "-"}
			if status, _, err := p.call(context.Background(), s, gone); err != nil || status != "204" && status != "404" {
				p.Errorf("%s: %s, %v", gone.path, status, err)
			}
		})
	}
	return status
}

func (p *player) call(ctx context.Context, s *site, q question) (status string, answer []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, q.verb, s.url+p.fill(s, q.caller, q.path), strings.NewReader(p.fill(s, q.caller, q.body)))
	if err != nil {
		return "", nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if token := p.tokens[q.caller]; token != "" {
		r.Header.Set("X-Auth-Token", token)
	}
	if q.version != "-" {
		r.Header.Set("OpenStack-API-Version", "container-infra "+q.version)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	return response.Status[:3], answer, err
}
