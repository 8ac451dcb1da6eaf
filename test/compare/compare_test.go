// Package compare sends the same calls to a real Magnum 15 and to the service,
// with tokens of the same Keystone, and wants each difference between their
// answers explained: in testdata/explained.yaml, which names rows of the table in
// docs/compatibility.md.
package compare

import (
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"

	"github.com/jeroboam-cloud/jeroboam/test/served"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

// magnum is where the testbed's listens.
const magnum = "127.0.0.1:9511"

// TestTheSameAsARealMagnum needs the testbed with Magnum: make compare-magnum.
func TestTheSameAsARealMagnum(t *testing.T) {
	k := testbed.StartOwn(t)
	if c, err := net.DialTimeout("tcp", magnum, time.Second); err != nil {
		t.Skipf("the testbed runs without Magnum: %v", err)
	} else if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no calls", err)
	}
	explained, played := explanations(t), 0
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			k := *k
			k.T = t
			played++
			play(&k, file, func(c call, all []difference) {
				unexplained := slices.DeleteFunc(all, func(d difference) bool { return explain(t, explained, d) })
				if len(unexplained) > 0 {
					t.Errorf("unexplained: %s%s", c, unexplained)
				}
			})
		})
	}
	for _, e := range explained {
		if played == len(files) && !e.used {
			t.Errorf("explained, but there is no such difference any more: %+v", *e)
		}
	}
}

// play makes the calls of a file with users and projects of its own, and gives
// judge the differences of each.
func play(k *testbed.Keystone, file string, judge func(call, []difference)) {
	k.Helper()
	mine, foreign := k.NewProject("compare"), k.NewProject("compare")
	tokens := map[string]string{"stranger": "no-such-token"}
	for caller, who := range map[string]struct{ project, role string }{
		"owner": {mine, "member"}, "reader": {mine, "reader"}, "other": {foreign, "member"}, "admin": {"admin", "admin"}} {
		u := k.User(who.project, who.role)
		if caller == "owner" { // Magnum keeps its keys in Barbican, as the user
			for _, role := range []string{"creator", "load-balancer_member"} { // Magnum asks Barbican, and Octavia where there is one, in the caller's name
				k.Grant(u, role, roles.AssignOpts{UserID: u.ID, ProjectID: k.Project(mine)})
			}
		}
		tokens[caller] = k.Login(u.Name, u.Password, who.project).Token()
	}
	s := k.Serve(map[string]string{"JEROBOAM_CLUSTER_QUOTA": "100000"}) // as in the testbed's Magnum
	words := map[string]string{"long": strings.Repeat("x", 256), "csr": newCSR(k), "project": k.Project(mine)}
	theirs := newSite("Magnum", "http://"+magnum, tokens, words, map[string]string{"image": "fedora-coreos", "flavor": "m1.small"})
	ours := newSite("here", s.URL, tokens, words, map[string]string{"image": served.Image, "flavor": served.Flavor})
	k.Cleanup(func() { theirs.tidy(k) })

	for _, c := range calls(k, file) {
		if c.caller == "wait" {
			name, gone := strings.CutPrefix(c.verb, "gone ")
			theirs.wait(k, name, gone)
			ours.wait(k, name, gone)
			continue
		}
		a, b := theirs.send(k, c), ours.send(k, c)
		theirs.undo(k, a, b)
		ours.undo(k, b, a)
		judge(c, differences(c, a, b))
	}
}

func newSite(name, url string, tokens map[string]string, words ...map[string]string) *site {
	s := &site{name: name, url: url, tokens: tokens, words: map[string]string{}, made: map[string]string{}}
	for _, w := range words {
		maps.Copy(s.words, w)
	}
	return s
}

// TestEveryExplanationIsInThePage keeps docs/compatibility.md and the patterns
// together.
func TestEveryExplanationIsInThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\|").FindAllSubmatch(page, -1) {
		rows = append(rows, string(row[1]))
	}
	var keys []string
	for _, e := range explanations(t) {
		keys = append(keys, e.Key)
	}
	slices.Sort(rows)
	slices.Sort(keys)
	if keys = slices.Compact(keys); !slices.Equal(rows, keys) {
		t.Errorf("the page explains\n%v\nthe patterns are of\n%v", rows, keys)
	}
}
