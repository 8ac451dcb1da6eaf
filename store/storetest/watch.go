package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam/store"
)

// patience is how long a test waits for what must happen, on a busy machine too.
const patience = time.Minute

func receive[T any](t *testing.T, c <-chan T, what string) (v T, ok bool) {
	t.Helper()
	select {
	case v, ok = <-c:
		return v, ok
	case <-time.After(patience):
		t.Fatalf("no %s after %v", what, patience)
		return v, false
	}
}

func silent(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case _, ok := <-c:
		t.Errorf("%s (open: %v)", what, ok)
	default:
	}
}

func watches(t *testing.T, d Database) {
	b := d.open(t)
	ctx := t.Context()
	all := b.Watch(ctx, "", "")
	machines := b.Watch(ctx, "machine", "")
	one := b.Watch(ctx, "machine", "c1")
	children := b.Watch(ctx, "", "c1")
	type signals struct{ all, machines, one, children bool }
	expect := func(what string, want signals) {
		t.Helper()
		for _, w := range []struct {
			name string
			c    <-chan struct{}
			want bool
		}{{"all", all, want.all}, {"machines", machines, want.machines}, {"one", one, want.one}, {"children", children, want.children}} {
			if w.want {
				receive(t, w.c, what+": signal of "+w.name)
			} else {
				silent(t, w.c, what+": a signal of "+w.name)
			}
		}
	}
	m := store.Record{Kind: "machine", ID: "1", Parent: "c1", Data: []byte(`{}`)}
	m = put(t, b, m)[0]
	expect("insert", signals{true, true, true, true})
	m = put(t, b, m)[0]
	m = put(t, b, m)[0]
	expect("two changes", signals{true, true, true, true})
	expect("after the signals were taken", signals{})
	put(t, b, store.Record{Kind: "machine", ID: "2", Parent: "c2", Data: []byte(`{}`)})
	expect("another parent", signals{true, true, false, false})
	put(t, b, store.Record{Kind: "step", ID: "1", Parent: "c1", Data: []byte(`{}`)})
	expect("another kind", signals{true, false, false, true})
	b.Update(ctx, func(tx store.Tx) error { //nolint:errcheck // fails on purpose
		_, err := tx.Put(m)
		return errors.Join(err, errors.New("no"))
	})
	view(t, b, func(tx store.Tx) error { _, err := tx.Get("machine", "1"); return err })
	expect("a failed update and a view", signals{})
	update(t, b, func(tx store.Tx) error { return tx.Delete("machine", "1", 0) })
	expect("delete", signals{true, true, true, true})
}

func watchEnds(t *testing.T, d Database) {
	b := d(t)
	ctx, cancel := context.WithCancel(context.Background())
	first, second := b.Watch(ctx, "", ""), b.Watch(context.Background(), "", "")
	cancel()
	for range 2 { // a signal may come before the end
		if _, ok := receive(t, first, "end of the watch"); !ok {
			break
		}
	}
	if _, ok := receive(t, b.Watch(ctx, "", ""), "end of a watch born dead"); ok {
		t.Error("a watch under an ended context signals")
	}
	put(t, b, record("k", "1", "{}"))
	if _, ok := receive(t, second, "signal"); !ok {
		t.Error("the end of one watch ended another")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, ok := receive(t, second, "end with the backend"); ok {
		t.Error("a closed backend signals")
	}
}
