package compare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// masks are what differs between any two services.
var masks = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`-----BEGIN CERTIFICATE(| REQUEST)-----.*?-----END CERTIFICATE(| REQUEST)-----`), "PEM$1"},
	{regexp.MustCompile(`http://127\.0\.0\.1:\d+`), "URL"},
	{regexp.MustCompile(`req-[0-9a-f-]{36}`), "REQUEST"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`\b[0-9a-f]{32}\b`), "ID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00`), "TIME"},
	{regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+\b`), "ADDRESS"},
}

// names are of properties that may not be changed; Magnum puts them in any order.
var names = regexp.MustCompile(`property\(ies\) (\w+(, \w+)+)`)

func inOrder(text string) string {
	all := strings.Split(strings.TrimPrefix(text, "property(ies) "), ", ")
	slices.Sort(all)
	return "property(ies) " + strings.Join(all, ", ")
}

// disguise says a service's own words as calls say them.
func (s *site) disguise(text string) string {
	for word, value := range s.words {
		if word != "long" {
			text = strings.ReplaceAll(text, `"`+value+`"`, `"$`+word+`"`)
		}
	}
	for _, m := range masks {
		text = m.pattern.ReplaceAllString(text, m.name)
	}
	return names.ReplaceAllStringFunc(text, inOrder)
}

// shownHeaders are those that clients look at.
var shownHeaders = []string{"Content-Type", "Location", "Allow", "Www-Authenticate", "Openstack-Api-Minimum-Version",
	"Openstack-Api-Maximum-Version", "Openstack-Api-Version", "Vary", "Warning", "X-Openstack-Request-Id", "Retry-After"}

// facts are the headers and the body's leaves, one by one.
func (s *site) facts(h http.Header, data []byte) map[string]string {
	facts := map[string]string{}
	for _, name := range shownHeaders {
		if values := h.Values(name); len(values) > 0 {
			facts[name] = s.disguise(strings.Join(values, ", "))
		}
	}
	var body any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if len(data) == 0 {
		return facts
	}
	if decoder.Decode(&body) != nil {
		facts["body"] = s.disguise(string(data))
		return facts
	}
	maps.Copy(facts, s.leaves("body", body))
	return facts
}

func (s *site) leaves(at string, v any) map[string]string {
	out := map[string]string{}
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			maps.Copy(out, s.leaves(at+"."+key, member))
		}
		if len(v) == 0 {
			out[at] = "{}"
		}
	case []any:
		v = slices.DeleteFunc(v, s.strange)
		for _, member := range v {
			for key, text := range s.leaves(at+"[]", member) {
				out[key] = strings.TrimPrefix(out[key]+" "+text, " ")
			}
		}
		if len(v) == 0 {
			out[at] = "[]"
		}
	default:
		text, err := json.Marshal(v)
		if err != nil {
			text = []byte(err.Error())
		}
		out[at] = s.disguise(string(text))
	}
	return out
}

// strange tells whether a member of a list is something of others in the testbed:
// public, or a quota that administrators see.
func (s *site) strange(member any) bool {
	object, _ := member.(map[string]any)
	return object["project_id"] != nil && object["project_id"] != s.words["project"]
}

// difference is one thing that two services answered otherwise to a call.
type difference struct {
	call         call
	where        string // "status", a header's name, or a place in the body
	theirs, ours string // "" is absence
}

func (d difference) String() string {
	return fmt.Sprintf("\n%s\n  Magnum: %s\n  here:   %s", d.where, orNone(d.theirs), orNone(d.ours))
}

func orNone(s string) string {
	if s == "" {
		return "(nothing)"
	}
	return s
}

// differences are of one call; where the status differs, nothing else counts.
func differences(c call, theirs, ours answer) []difference {
	if theirs.status != ours.status {
		return []difference{{c, "status", told(theirs), told(ours)}}
	}
	var out []difference
	for where := range theirs.facts {
		if ours.facts[where] != theirs.facts[where] {
			out = append(out, difference{c, where, theirs.facts[where], ours.facts[where]})
		}
	}
	for where := range ours.facts {
		if _, both := theirs.facts[where]; !both {
			out = append(out, difference{c, where, "", ours.facts[where]})
		}
	}
	slices.SortFunc(out, func(a, b difference) int { return strings.Compare(a.where, b.where) })
	return out
}

// told is the status and, of an error, its words.
func told(a answer) string {
	return strings.TrimSpace(fmt.Sprint(a.status, " ", a.facts["body.errors[].detail"]))
}

// explanation covers the differences of which all its patterns are true. Its
// key is a row of the table in docs/compatibility.md, which gives the reason.
type explanation struct {
	Key    string `json:"key"`
	Call   string `json:"call,omitempty"`
	Where  string `json:"where,omitempty"`
	Theirs string `json:"theirs,omitempty"`
	Ours   string `json:"ours,omitempty"`

	used bool
}

func (e *explanation) covers(t testing.TB, d difference) bool {
	t.Helper()
	for _, part := range []struct{ pattern, text string }{
		{e.Call, d.call.String()}, {e.Where, d.where}, {e.Theirs, d.theirs}, {e.Ours, d.ours}} {
		is, err := regexp.MatchString("(?s)^(?:"+part.pattern+")$", part.text)
		if err != nil {
			t.Fatalf("%s: %v", e.Key, err)
		}
		if part.pattern != "" && !is {
			return false
		}
	}
	return true
}

// explain tells whether a difference is explained, and marks what explains it.
func explain(t testing.TB, all []*explanation, d difference) bool {
	t.Helper()
	covered := false
	for _, e := range all {
		if e.covers(t, d) {
			e.used, covered = true, true
		}
	}
	return covered
}

func explanations(t testing.TB) []*explanation {
	t.Helper()
	text, err := os.ReadFile("testdata/explained.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all []*explanation
	if err := yaml.UnmarshalStrict(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}
