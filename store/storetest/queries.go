package storetest

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

func goexit() error { runtime.Goexit(); return nil }

func ids(t *testing.T, b store.Backend, q store.Query) []string {
	t.Helper()
	var out []string
	view(t, b, func(tx store.Tx) error {
		records, err := tx.List(q)
		for _, r := range records {
			out = append(out, r.ID)
		}
		return err
	})
	return out
}

func selects(t *testing.T, d Database) {
	b := d.open(t)
	stored := put(t, b,
		store.Record{Kind: "template", ID: "own", Project: "a", Name: "x", Data: []byte(`{}`)},
		store.Record{Kind: "template", ID: "own-public", Project: "a", Name: "y", Public: true, Data: []byte(`{}`)},
		store.Record{Kind: "template", ID: "public", Project: "b", Name: "x", Public: true, Data: []byte(`{}`)},
		store.Record{Kind: "template", ID: "hidden", Project: "b", Name: "x", Data: []byte(`{}`)},
		store.Record{Kind: "machine", ID: "own", Project: "a", Parent: "c1", Name: "x", Data: []byte(`{}`)},
		store.Record{Kind: "machine", ID: "other", Project: "a", Parent: "c2", Name: "x", Data: []byte(`{}`)},
	)
	for name, test := range map[string]struct {
		q    store.Query
		want []string
	}{
		"kind":                   {store.Query{Kind: "template"}, []string{"own", "own-public", "public", "hidden"}},
		"newest first":           {store.Query{Kind: "template", Desc: true}, []string{"hidden", "public", "own-public", "own"}},
		"project":                {store.Query{Kind: "template", Project: "a"}, []string{"own", "own-public"}},
		"project and public":     {store.Query{Kind: "template", Project: "a", Public: true}, []string{"own", "own-public", "public"}},
		"public of all projects": {store.Query{Kind: "template", Public: true}, []string{"own", "own-public", "public", "hidden"}},
		"name, seen by project":  {store.Query{Kind: "template", Project: "a", Public: true, Name: "x"}, []string{"own", "public"}},
		"parent":                 {store.Query{Kind: "machine", Parent: "c1"}, []string{"own"}},
		"any of parents":         {store.Query{Kind: "machine", Parents: []string{"c2", "none", "c1", "c2"}}, []string{"own", "other"}},
		"one of parents":         {store.Query{Kind: "machine", Parents: []string{"c1"}, Desc: true}, []string{"own"}},
		"none of the parents":    {store.Query{Kind: "machine", Parents: []string{"c3", "it's \"\\"}}, nil},
		"parents and parent":     {store.Query{Kind: "machine", Parents: []string{"c1", "c2"}, Parent: "c2"}, []string{"other"}},
		"any of IDs":             {store.Query{Kind: "machine", IDs: []string{"other", "none", "own", "other"}}, []string{"own", "other"}},
		"IDs of one parent":      {store.Query{Kind: "machine", IDs: []string{"other", "own"}, Parent: "c2"}, []string{"other"}},
		"none of the IDs":        {store.Query{Kind: "machine", IDs: []string{"it's \"\\"}}, nil},
		"no parents at all":      {store.Query{Kind: "machine", Parents: []string{}}, []string{"own", "other"}},
		"parent and name":        {store.Query{Kind: "machine", Parent: "c2", Name: "x", Project: "a"}, []string{"other"}},
		"limit":                  {store.Query{Kind: "template", Limit: 2}, []string{"own", "own-public"}},
		"after":                  {store.Query{Kind: "template", After: stored[1].Seq}, []string{"public", "hidden"}},
		"nothing":                {store.Query{Kind: "template", Project: "c"}, nil},
		"unknown kind":           {store.Query{Kind: "x' OR 1=1 --"}, nil},
	} {
		if got := ids(t, b, test.q); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
		test.q.Limit = 0
		view(t, b, func(tx store.Tx) error {
			all, err := tx.List(test.q)
			if err != nil {
				return err
			}
			test.q.Keys = true
			keys, err := tx.List(test.q)
			if err != nil {
				return err
			}
			for i, r := range all {
				all[i] = store.Record{ID: r.ID, Revision: r.Revision, Seq: r.Seq}
			}
			if !reflect.DeepEqual(keys, all) {
				t.Errorf("%s: the keys are %v, want %v", name, keys, all)
			}
			n, err := tx.Count(test.q)
			if n != len(all) {
				t.Errorf("%s: Count = %d, List has %d", name, n, len(all))
			}
			return err
		})
	}
}

// sortable is a set of records whose fields are absent, equal, and of all types.
func sortable(t *testing.T, b store.Backend) {
	put(t, b,
		record("k", "a", `{"name":"b","spec":{"count":10},"updated_at":"2026-01-02T03:04:05.1Z","on":true}`),
		record("k", "b", `{"name":"B","spec":{"count":9.5},"updated_at":"2026-01-02T03:04:05Z","on":false}`),
		record("k", "c", `{"name":"b","spec":{},"updated_at":"2026-01-02T03:04:05.15Z"}`),
		record("k", "d", `{"spec":{"count":-1}}`),
		record("k", "e", `{"name":"","updated_at":"2026-01-02T03:04:04.999999999Z","on":true}`),
		record("k", "f", `{"name":"é","spec":{"count":null},"on":null}`),
		record("other", "a", `{"name":"zz"}`),
	)
}

var sortings = map[string][]string{
	"":           {"a", "b", "c", "d", "e", "f"},
	"name":       {"d", "e", "b", "a", "c", "f"},
	"spec.count": {"c", "e", "f", "d", "b", "a"},
	"updated_at": {"d", "f", "e", "b", "a", "c"},
	"on":         {"c", "d", "f", "b", "a", "e"},
	"absent.x_y": {"a", "b", "c", "d", "e", "f"},
}

func sorts(t *testing.T, d Database) {
	b := d.open(t)
	sortable(t, b)
	for field, want := range sortings {
		if got := ids(t, b, store.Query{Kind: "k", Sort: field}); !slices.Equal(got, want) {
			t.Errorf("by %q: %v, want %v", field, got, want)
		}
		back := slices.Clone(want)
		slices.Reverse(back)
		if got := ids(t, b, store.Query{Kind: "k", Sort: field, Desc: true}); !slices.Equal(got, back) {
			t.Errorf("by %q backwards: %v, want %v", field, got, back)
		}
	}
}

func pages(t *testing.T, d Database) {
	b := d.open(t)
	sortable(t, b)
	for field := range sortings {
		for _, desc := range []bool{false, true} {
			for limit := 1; limit <= 4; limit++ {
				q := store.Query{Kind: "k", Sort: field, Desc: desc}
				want := ids(t, b, q)
				q.Limit = limit
				var got []string
				for page := ids(t, b, q); len(page) > 0; page = ids(t, b, q) {
					got = append(got, page...)
					q.Marker = page[len(page)-1]
					if len(got) > len(want) {
						break
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("%+v: pages make %v, want %v", q, got, want)
				}
			}
		}
	}
}

func tallies(t *testing.T, d Database) {
	b := d.open(t)
	sortable(t, b)
	for name, test := range map[string]struct {
		kind string
		by   []store.Facet
		want string
	}{
		"texts":            {"k", []store.Facet{{Field: "name"}}, "2 [], 1 [B], 2 [b], 1 [é]"},
		"truths":           {"k", []store.Facet{{Field: "on"}}, "3 [], 1 [false], 2 [true]"},
		"presence":         {"k", []store.Facet{{Field: "spec.count", Has: true}}, "3 [false], 3 [true]"},
		"several":          {"k", []store.Facet{{Field: "on"}, {Field: "updated_at", Has: true}}, "2 [ false], 1 [ true], 1 [false true], 2 [true true]"},
		"no numbers":       {"k", []store.Facet{{Field: "spec.count"}}, "6 []"},
		"nor objects":      {"k", []store.Facet{{Field: "spec"}}, "6 []"},
		"a kind of none":   {"none", []store.Facet{{Field: "name"}}, ""},
		"a kind that lies": {"k' OR 1=1 --", []store.Facet{{Field: "name"}}, ""},
	} {
		view(t, b, func(tx store.Tx) error {
			groups, err := tx.Tally(test.kind, test.by...)
			var got []string
			for _, g := range groups {
				got = append(got, fmt.Sprint(g.Count, " ", g.Values))
			}
			if strings.Join(got, ", ") != test.want {
				t.Errorf("%s: %q, want %q", name, got, test.want)
			}
			return err
		})
	}
	view(t, b, func(tx store.Tx) error {
		_, err := tx.Tally("k", store.Facet{Field: "na'me"})
		wantErr(t, err, jeroboam.Invalid, store.ReasonSort)
		return nil
	})
}

func refusals(t *testing.T, d Database) {
	b := d.open(t)
	put(t, b, store.Record{Kind: "k", ID: "theirs", Project: "b", Data: []byte(`{}`)})
	list := func(q store.Query) (err error) {
		view(t, b, func(tx store.Tx) error { _, err = tx.List(q); return nil })
		return err
	}
	for _, field := range []string{"na'me", "name)", "Name", "a..b", ".a", "a.", "a b", "a\"", "$", "1", "a[0]", "é", fmt.Sprintf("%065d", 0)} {
		wantErr(t, list(store.Query{Kind: "k", Sort: field}), jeroboam.Invalid, store.ReasonSort)
	}
	wantErr(t, list(store.Query{Kind: "k", Marker: "none"}), jeroboam.NotFound, store.ReasonMarker)
	wantErr(t, list(store.Query{Kind: "other", Marker: "theirs"}), jeroboam.NotFound, store.ReasonMarker)
	wantErr(t, list(store.Query{Kind: "k", Project: "a", Marker: "theirs", Sort: "name"}), jeroboam.NotFound, store.ReasonMarker)
}
