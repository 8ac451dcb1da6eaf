package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/jeroboam-cloud/jeroboam/store"
)

// model is what a Backend must look like: a map of records.
type model struct {
	t       *testing.T
	d       Database
	b       store.Backend
	records map[[2]string]store.Record
	seq     int64
}

// likeMap drives a Backend and a map through the same random life.
func likeMap(t *testing.T, d Database) {
	m := &model{t: t, d: d, b: d(t), records: map[[2]string]store.Record{}}
	defer func() { m.b.Close() }() //nolint:errcheck // other tests look at Close
	rapid.Check(t, func(r *rapid.T) {
		// One database for all lives: it only has to agree with the map.
		r.Repeat(map[string]func(*rapid.T){
			"":       m.check,
			"update": m.update,
			"reopen": m.reopen,
		})
	})
}

var (
	modelKind = rapid.SampledFrom([]string{"a", "b"})
	modelID   = rapid.SampledFrom([]string{"1", "2", "3"})
	modelWord = rapid.SampledFrom([]string{"", "x", "y"})
)

func (m *model) update(r *rapid.T) {
	after, seq := map[[2]string]store.Record{}, m.seq
	for k, v := range m.records {
		after[k] = v
	}
	failed := errors.New("failed")
	fail := rapid.Bool().Draw(r, "fail")
	steps := rapid.IntRange(1, 4).Draw(r, "steps")
	err := m.b.Update(context.Background(), func(tx store.Tx) error {
		for range steps {
			if rapid.Bool().Draw(r, "delete") {
				remove(r, tx, after)
			} else {
				seq = write(r, tx, after, seq)
			}
		}
		if fail {
			return failed
		}
		return nil
	})
	switch {
	case fail && !errors.Is(err, failed), !fail && err != nil:
		r.Fatalf("Update: %v", err)
	case !fail:
		m.records, m.seq = after, seq
	}
}

func write(r *rapid.T, tx store.Tx, records map[[2]string]store.Record, seq int64) int64 {
	in := store.Record{
		Kind: modelKind.Draw(r, "kind"), ID: modelID.Draw(r, "id"), Project: modelWord.Draw(r, "project"),
		Parent: modelWord.Draw(r, "parent"), Name: modelWord.Draw(r, "name"), Public: rapid.Bool().Draw(r, "public"),
		Revision: int64(rapid.IntRange(0, 3).Draw(r, "revision")),
	}
	in.Data = fmt.Appendf(nil, `{"name":%q}`, in.Name)
	key := [2]string{in.Kind, in.ID}
	old := records[key]
	got, err := tx.Put(in)
	if old.Revision != in.Revision {
		if err == nil {
			r.Fatalf("Put(%+v) over %+v succeeded", in, old)
		}
		return seq
	}
	want := in
	want.Revision, want.Seq = in.Revision+1, old.Seq
	if in.Revision == 0 && err == nil {
		if got.Seq <= seq {
			r.Fatalf("new Seq %d is not above %d", got.Seq, seq)
		}
		want.Seq, seq = got.Seq, got.Seq
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		r.Fatalf("Put(%+v) = %+v, %v; want %+v", in, got, err, want)
	}
	records[key] = want
	return seq
}

func remove(r *rapid.T, tx store.Tx, records map[[2]string]store.Record) {
	key := [2]string{modelKind.Draw(r, "kind"), modelID.Draw(r, "id")}
	revision := int64(rapid.IntRange(0, 3).Draw(r, "revision"))
	old, exists := records[key]
	err := tx.Delete(key[0], key[1], revision)
	if want := exists && (revision == 0 || revision == old.Revision); want != (err == nil) {
		r.Fatalf("Delete(%v, %d) of %+v: %v", key, revision, old, err)
	} else if want {
		delete(records, key)
	}
}

func (m *model) reopen(r *rapid.T) {
	if rapid.IntRange(0, 19).Draw(r, "seldom") > 0 {
		r.Skip("a reopen takes long")
	}
	if err := m.b.Close(); err != nil {
		r.Fatalf("Close: %v", err)
	}
	m.b = m.d(m.t)
}

func (m *model) check(r *rapid.T) {
	q := store.Query{
		Kind: modelKind.Draw(r, "kind"), Project: modelWord.Draw(r, "project"), Parent: modelWord.Draw(r, "parent"),
		Name: modelWord.Draw(r, "name"), Public: rapid.Bool().Draw(r, "public"),
	}
	var want []store.Record
	for _, v := range m.records {
		if v.Kind == q.Kind && (q.Project == "" || v.Project == q.Project || q.Public && v.Public) &&
			(q.Parent == "" || v.Parent == q.Parent) && (q.Name == "" || v.Name == q.Name) {
			want = append(want, v)
		}
	}
	slices.SortFunc(want, func(a, b store.Record) int { return int(a.Seq - b.Seq) })
	err := m.b.View(context.Background(), func(tx store.Tx) error {
		got, err := tx.List(q)
		if err != nil || len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			r.Fatalf("List(%+v) = %+v, %v; want %+v", q, got, err, want)
		}
		n, err := tx.Count(q)
		if n != len(want) {
			r.Fatalf("Count(%+v) = %d, want %d", q, n, len(want))
		}
		return err
	})
	if err != nil {
		r.Fatalf("View: %v", err)
	}
}
