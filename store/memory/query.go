package memory

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jeroboam-cloud/jeroboam/store"
)

func (t *tx) List(q store.Query) ([]store.Record, error) {
	if err := store.CheckSort(q.Sort); err != nil {
		return nil, err
	}
	rows := t.selected(q)
	keys := make(map[string]any, len(rows))
	if q.Sort != "" {
		for _, r := range rows {
			keys[r.ID] = field(r.Data, q.Sort)
		}
	}
	slices.SortFunc(rows, func(a, b store.Record) int {
		order := cmp.Or(compare(keys[a.ID], keys[b.ID]), cmp.Compare(a.Seq, b.Seq))
		if q.Desc {
			return -order
		}
		return order
	})
	if q.Marker != "" {
		at := slices.IndexFunc(rows, func(r store.Record) bool { return r.ID == q.Marker })
		if at < 0 {
			return nil, store.NoMarker(q.Kind, q.Marker)
		}
		rows = rows[at+1:]
	}
	if q.Limit > 0 && len(rows) > q.Limit {
		rows = rows[:q.Limit]
	}
	for i, r := range rows {
		if q.Keys {
			rows[i] = store.Record{ID: r.ID, Revision: r.Revision, Seq: r.Seq}
		} else {
			rows[i] = clone(r)
		}
	}
	return rows, nil
}

// Count counts what q selects: its page (Marker, Limit) does not matter.
func (t *tx) Count(q store.Query) (int, error) { return len(t.selected(q)), nil }

// Tally counts by what is in documents.
func (t *tx) Tally(kind string, by ...store.Facet) ([]store.Group, error) {
	if err := store.CheckFacets(by); err != nil {
		return nil, err
	}
	counts := map[string]*store.Group{}
	for _, r := range t.state.kinds[kind] {
		values := make([]string, len(by))
		for i, f := range by {
			values[i] = facet(r.Data, f)
		}
		key := strings.Join(values, "\x00")
		if counts[key] == nil {
			counts[key] = &store.Group{Values: values}
		}
		counts[key].Count++
	}
	var out []store.Group
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, *counts[key])
	}
	return out, nil
}

func facet(data []byte, f store.Facet) string {
	v := field(data, f.Field)
	if f.Has {
		return strconv.FormatBool(v != nil)
	}
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

func (t *tx) selected(q store.Query) []store.Record {
	var rows []store.Record
	for _, r := range t.state.kinds[q.Kind] {
		if matches(q, r) {
			rows = append(rows, r)
		}
	}
	return rows
}

func matches(q store.Query, r store.Record) bool {
	return (q.Project == "" || r.Project == q.Project || q.Public && r.Public) &&
		(q.Parent == "" || r.Parent == q.Parent) &&
		(len(q.Parents) == 0 || slices.Contains(q.Parents, r.Parent)) &&
		(len(q.IDs) == 0 || slices.Contains(q.IDs, r.ID)) &&
		(q.Name == "" || r.Name == q.Name) &&
		r.Seq > q.After
}

// field returns the value at a dotted path of the document; absent is nil.
func field(data []byte, path string) any {
	var v any
	if json.Unmarshal(data, &v) != nil {
		return nil
	}
	for name := range strings.SplitSeq(path, ".") {
		object, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = object[name]
	}
	if s, ok := v.(string); ok && strings.HasSuffix(path, "_at") {
		return strings.TrimRight(s, "Z") // so that 05Z comes before 05.1Z
	}
	return v
}

// compare orders as databases do: absent, then numbers and booleans, then text.
func compare(a, b any) int {
	if rank := cmp.Compare(rank(a), rank(b)); rank != 0 {
		return rank
	}
	switch a := a.(type) {
	case string:
		return cmp.Compare(a, b.(string))
	case float64, bool:
		return cmp.Compare(number(a), number(b))
	}
	return 0
}

func rank(v any) int {
	switch v.(type) {
	case nil:
		return 0
	case bool, float64:
		return 1
	case string:
		return 2
	}
	return 3 // objects and arrays: no order of their own
}

func number(v any) float64 {
	switch v := v.(type) {
	case bool:
		if v {
			return 1
		}
	case float64:
		return v
	}
	return 0
}
