package jeroboam_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jeroboam-cloud/jeroboam"
)

// sorts are labels of every type, with bounds and without.
var sorts = map[string]jeroboam.Label{
	"string":        {Type: jeroboam.LabelString},
	"bool":          {Type: jeroboam.LabelBool},
	"int":           {Type: jeroboam.LabelInt},
	"int 2-9":       {Type: jeroboam.LabelInt, Min: 2, Max: 9, Unit: "GB"},
	"cidr":          {Type: jeroboam.LabelCIDR},
	"ipv4":          {Type: jeroboam.LabelIPv4},
	"ipv4 /12-/27":  {Type: jeroboam.LabelIPv4, Min: 12, Max: 27},
	"enum":          {Type: jeroboam.LabelEnum, Values: []string{"Off", "Always"}},
	"version":       {Type: jeroboam.LabelVersion},
	"tag":           {Type: jeroboam.LabelTag},
	"url":           {Type: jeroboam.LabelURL},
	"list":          {Type: jeroboam.LabelList, Items: jeroboam.LabelString},
	"list of cidrs": {Type: jeroboam.LabelList, Items: jeroboam.LabelCIDR},
	"list of words": {Type: jeroboam.LabelList, Items: jeroboam.LabelEnum, Values: []string{"a", "b"}},
	"no type":       {},
}

func TestWhatEachTypeTakes(t *testing.T) {
	for name, c := range map[string]struct{ good, bad []string }{
		"string":        {good: []string{"x", " ", "\x00", "größe"}},
		"bool":          {good: []string{"true", "False", "TRUE"}, bad: []string{"yes", "1", "t", " true"}},
		"int":           {good: []string{"0", "7", "2147483647"}, bad: []string{"-1", "1.5", "1e3", "0x1", "many", "2147483648", "99999999999999999999", "٣"}},
		"int 2-9":       {good: []string{"2", "9"}, bad: []string{"1", "10"}},
		"cidr":          {good: []string{"10.0.0.0/8", "10.0.0.7/8", "fd00::/8", "0.0.0.0/0"}, bad: []string{"10.0.0.0", "10.0.0/8", "10.0.0.0/33", "fe80::%eth0/64", "any"}},
		"ipv4":          {good: []string{"10.0.0.0/8", "0.0.0.0/0"}, bad: []string{"fd00::/8", "::ffff:10.0.0.0/104"}},
		"ipv4 /12-/27":  {good: []string{"10.0.0.0/12", "10.0.0.0/27"}, bad: []string{"10.0.0.0/11", "10.0.0.0/28"}},
		"enum":          {good: []string{"Off", "Always"}, bad: []string{"off", "Off,Always", "Never"}},
		"version":       {good: []string{"v1.36.3", "1.36.3", "v1.23.3-rancher1"}, bad: []string{"latest", "v1.36", "v1.36.3 ", "v1.36.3-"}},
		"tag":           {good: []string{"v3.4.6", "abf028a", "_x", "v1@sha256:" + strings.Repeat("0f", 32)}, bad: []string{"v1@sha256:0f", "@sha256:" + strings.Repeat("0f", 32), ".x", "a b", "a/b", "a:b", strings.Repeat("x", 129)}},
		"url":           {good: []string{"http://x", "https://x.example/y?z"}, bad: []string{"ftp://x", "x.example", "http://", "http://[", "://"}},
		"list":          {good: []string{"a", "a,b", "a, b"}, bad: []string{",", "a,", "a,,b", " "}},
		"list of cidrs": {good: []string{"10.0.0.0/8,fd00::/8"}, bad: []string{"10.0.0.0/8,any"}},
		"list of words": {good: []string{"a", "b,a"}, bad: []string{"c", "a;b"}},
		"no type":       {bad: []string{"x"}},
	} {
		l := sorts[name]
		l.Name = "some_label"
		for _, v := range append(c.good, "") {
			if err := l.Check(v); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, v := range c.bad {
			err := l.Check(v)
			if jeroboam.KindOf(err) != jeroboam.Invalid {
				t.Errorf("%s takes %q: %v", name, v, err)
				continue
			}
			for _, word := range []string{l.Name, jeroboam.QuoteLabel(v), l.Allowed()} {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%s: %v does not say %s", name, err, word)
				}
			}
		}
	}
}

func TestEveryWrongLabelIsNamed(t *testing.T) {
	known := []jeroboam.Label{{Name: "a", Type: jeroboam.LabelInt}, {Name: "b", Type: jeroboam.LabelBool, Default: "true"}, {Name: "c", Type: jeroboam.LabelInt}}
	for name, c := range map[string]struct {
		labels map[string]string
		want   *jeroboam.Error
	}{
		"none":    {labels: map[string]string{"a": "1", "unknown": "x", "c": ""}},
		"nothing": {},
		"one": {map[string]string{"a": "1", "b": "x"}, &jeroboam.Error{Kind: jeroboam.Invalid, Reason: "b",
			Detail: `The label b is "x"; it must be true or false.`, Remedy: "Write it like true, or leave it out."}},
		"two": {map[string]string{"a": "x", "b": "y"}, &jeroboam.Error{Kind: jeroboam.Invalid, Reason: "a",
			Detail: `The label a is "x"; it must be a whole number of at least 0. The label b is "y"; it must be true or false.`,
			Remedy: "Correct them, or leave them out."}},
	} {
		err := jeroboam.CheckLabels(known, c.labels)
		if c.want == nil {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		} else if got, _ := jeroboam.AsError(err); got == nil || *got != *c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// FuzzLabelValues gives anything to labels of every type: never a panic, always
// an error of bounded length that names what is allowed.
func FuzzLabelValues(f *testing.F) {
	for _, v := range []string{"", "true", "-1", "10.0.0.0/8", "fe80::%eth0/64", "v1.36.3", "https://x", "a,,b", "\xff\x00", strings.Repeat("é", 200)} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, name := range slices.Sorted(maps.Keys(sorts)) {
			err := sorts[name].Check(value)
			if err == nil {
				continue
			}
			if text := err.Error(); jeroboam.KindOf(err) != jeroboam.Invalid || len(text) > 1024 || !utf8.ValidString(text) {
				t.Errorf("%s of %q: %v", name, value, err)
			}
		}
	})
}
