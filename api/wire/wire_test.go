package wire_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

func TestAWarningComesBackAsItWas(t *testing.T) {
	for _, text := range []string{"The label x is unknown.", `a "quoted" back\slash`, "größe\r\nX-Evil: 1\x00 \U0001f37e", ""} {
		value := wire.Warning(text)
		if got, ok := wire.ParseWarning(value); got != text || !ok {
			t.Errorf("%q came back as %q, %v", text, got, ok)
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q is not printable ASCII", value)
		}
	}
	for _, value := range []string{"", "110 - \"Response is Stale\"", "299 jeroboam ", "299 jeroboam x", `299 jeroboam "x`} {
		if text, ok := wire.ParseWarning(value); ok {
			t.Errorf("%q is none of ours, and gives %q", value, text)
		}
	}
}

func TestVersionsOfTheHeader(t *testing.T) {
	for header, want := range map[string]wire.Version{
		"": 1, "container-infra 1.1": 1, "container-infra 1.14": 14, "container-infra latest": 14, "anything latest": 14,
		"container-infrastructure-management 1.10": 10, "container-infrastructure 1.9": 9, "  container-infra   1.2 ": 2,
		"latest": 0, "container-infra": 0, "container-infra 1": 0, "compute 1.5": 0, "container-infra 1.0": 0,
		"container-infra 1.15": 0, "container-infra 2.1": 0, "container-infra 1.x": 0, "container-infra 99999999999.1": 0,
	} {
		got, err := wire.ParseVersion(header)
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: got %v, %v", header, got, err)
		}
		if err == nil {
			continue
		}
		if status, _ := wire.EncodeError(err, ""); status != http.StatusNotAcceptable {
			t.Errorf("%q: status %d", header, status)
		}
	}
}

func TestPythonLiterals(t *testing.T) {
	for text, want := range map[string]any{
		`{'a': 'b', "c": 1, 'd': True, 'e': None,}`: map[string]any{"a": "b", "c": json.Number("1"), "d": true, "e": nil},
		`{}`:                                map[string]any{},
		` {'it\'s': "say \"hi\""} `:         map[string]any{"it's": `say "hi"`},
		`{u'a': u"b"}`:                      map[string]any{"a": "b"},
		`{'a': '\x41\u00e9\U0001f37e\n\q'}`: map[string]any{"a": "Aé🍾\n\\q"},
		`[1, -2, +3, 1.5, 1e3, .5]`: []any{json.Number("1"), json.Number("-2"), json.Number("3"), json.Number("1.5"),
			json.Number("1e3"), json.Number(".5")},
		`('a', ('b',), [])`:           []any{"a", []any{"b"}, []any{}},
		`{"json": true, "n": null}`:   map[string]any{"json": true, "n": nil},
		`{1: 'a', True: 'b'}`:         map[string]any{"1": "a", "True": "b"},
		`'text'`:                      "text",
		"{'a':\n 'b',\r\n\t'c': 'd'}": map[string]any{"a": "b", "c": "d"},
	} {
		if got, err := wire.ParseLiteral(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, %v", text, got, err)
		}
	}
	for _, text := range []string{``, `{`, `{'a'}`, `{'a': 'b'`, `{'a': 'b'} x`, `{'a': b}`, `__import__('os')`, `'a`, "'a\nb'", `1 + 1`,
		`{[]: 1}`, `'\x4'`, `'\ud800'`, `--1`, `{'a' 'b'}`, `[1 2]`, strings.Repeat("[", 1000)} {
		if got, err := wire.ParseLiteral(text); err == nil {
			t.Errorf("%s: got %#v", text, got)
		}
	}
}

func FuzzLiteral(f *testing.F) {
	for _, seed := range []string{`{'a': u'b'}`, `[1, 2.5, (True, None)]`, `'\x41\u00e9'`, `{"a": {"b": []}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := wire.ParseLiteral(text); err == nil {
			checkPlain(t, v, 0)
		}
	})
}

// checkPlain requires data of the types that bodies are made of, not too deep.
func checkPlain(t *testing.T, v any, depth int) {
	t.Helper()
	if depth > 20 {
		t.Fatal("too deep")
	}
	switch v := v.(type) {
	case nil, bool, string:
	case json.Number:
		if _, err := v.Float64(); err != nil {
			t.Error(err)
		}
	case []any:
		for _, item := range v {
			checkPlain(t, item, depth+1)
		}
	case map[string]any:
		for _, item := range v {
			checkPlain(t, item, depth+1)
		}
	default:
		t.Errorf("a %T", v)
	}
}

func TestCoercions(t *testing.T) {
	body := `{"cluster_template_id": "t", "node_count": "3", "master_count": null, "labels": {"i": 1, "t": true, "f": false, "d": 1.50, "e": 1e3, "s": "x"},
		"merge_labels": "Yes", "master_lb_enabled": "off", "floating_ip_enabled": null, "name": "", "discovery_url": "", "create_timeout": "0",
		"uuid": "ignored", "status": "ignored", "faults": {}}`
	got, err := wire.DecodeCluster([]byte(body), wire.MaxVersion)
	if err != nil {
		t.Fatal(err)
	}
	three, zero, no := 3, 0, false
	want := wire.ClusterCreate{ClusterTemplateID: "t", NodeCount: &three, CreateTimeout: &zero, MergeLabels: true, MasterLBEnabled: &no,
		Labels: map[string]string{"i": "1", "t": "True", "f": "False", "d": "1.5", "e": "1000.0", "s": "x"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestTimesHaveAnOffset(t *testing.T) {
	at := wire.Time{Time: time.Date(2026, 11, 21, 4, 51, 5, 0, time.FixedZone("", 3600))}
	for want, in := range map[string]wire.Time{`"2026-11-21T03:51:05.000000+00:00"`: at, "null": {}} {
		data, err := json.Marshal(in)
		if err != nil || string(data) != want {
			t.Errorf("got %s, %v", data, err)
		}
		var back wire.Time
		if err := json.Unmarshal(data, &back); err != nil || !back.Equal(in.Time) {
			t.Errorf("%s: got %v, %v", data, back, err)
		}
	}
}

func TestAnErrorComesBackAsItWas(t *testing.T) {
	for _, kind := range []jeroboam.Kind{jeroboam.Invalid, jeroboam.Forbidden, jeroboam.NotFound, jeroboam.Conflict, jeroboam.QuotaExceeded,
		jeroboam.Unsupported, jeroboam.Unavailable, jeroboam.Timeout, jeroboam.Internal} {
		e := jeroboam.Errorf(kind, "reason", "Version v1.2 is wrong. Really.").WithRemedy("Do something.")
		status, body := wire.EncodeError(e, "req-1")
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		if got := wire.DecodeError(status, data); !reflect.DeepEqual(got, e) {
			t.Errorf("got %+v, want %+v", got, e)
		}
		if !strings.Contains(string(data), `"title":"Version v1.2 is wrong"`) {
			t.Errorf("title: %s", data)
		}
	}
}

func TestErrorsOfOthersAreUnderstood(t *testing.T) {
	for body, want := range map[string]*jeroboam.Error{
		`{"errors":[{"title":"Cluster x could not be found","detail":"","status":404}]}`: {Kind: jeroboam.NotFound, Detail: "Cluster x could not be found"},
		`{"errors":[{"title":"t","description":"Version 1.99"}]}`:                        {Kind: jeroboam.NotFound, Detail: "Version 1.99"},
		`{"error":{"code":401,"title":"Unauthorized","message":"Please log in."}}`:       {Kind: jeroboam.NotFound, Reason: "http", Detail: "Please log in."},
		`<html>`: {Kind: jeroboam.NotFound, Reason: "http", Detail: "The service answered 404 Not Found."},
	} {
		if got := wire.DecodeError(404, []byte(body)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", body, got, want)
		}
	}
	for status, want := range map[int]jeroboam.Kind{401: jeroboam.Unauthenticated, 403: jeroboam.Forbidden, 409: jeroboam.Conflict,
		400: jeroboam.Invalid, 429: jeroboam.Unavailable, 500: jeroboam.Internal, 502: jeroboam.Unavailable, 503: jeroboam.Unavailable,
		504: jeroboam.Timeout} {
		if got := wire.DecodeError(status, nil).Kind; got != want {
			t.Errorf("%d: got %s, want %s", status, got, want)
		}
	}
}

// TestATemplateSurvivesAnEmptyPatch makes sure that no field is lost on the way
// through the document that a patch works on.
func TestATemplateSurvivesAnEmptyPatch(t *testing.T) {
	var full jeroboam.Template
	v := reflect.ValueOf(&full).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString("x" + v.Type().Field(i).Name)
		case reflect.Int, reflect.Int64:
			f.SetInt(int64(2000 + i))
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Map:
			f.Set(reflect.ValueOf(map[string]string{"a": "b"}))
		}
	}
	full.ServerType, full.CreatedAt = "bm", time.Unix(1, 0)
	for _, template := range []jeroboam.Template{full, {ID: "x", Image: "i", ServerType: "vm", Labels: map[string]string{}}} {
		got, err := wire.Patch{}.Template(template)
		if err != nil || !reflect.DeepEqual(got, template) {
			t.Errorf("got %+v\nwant %+v\n%v", got, template, err)
		}
	}
}

func TestNextIsThereOnlyForAFullPage(t *testing.T) {
	site := wire.Site{URL: "http://h"}
	page := wire.Page{Limit: 2, Sort: "name", Desc: true}
	if got := site.Next("clusters", page, 1, "u", nil); got != "" {
		t.Error(got)
	}
	if got := site.Next("clusters/detail", page, 2, "u", nil); got != "http://h/v1/clusters/detail?sort_key=name&sort_dir=desc&limit=2&marker=u" {
		t.Error(got)
	}
}
