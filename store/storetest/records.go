package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

func record(kind, id, data string) store.Record {
	return store.Record{Kind: kind, ID: id, Data: []byte(data)}
}

func get(t *testing.T, b store.Backend, kind, id string) (r store.Record, err error) {
	t.Helper()
	view(t, b, func(tx store.Tx) error {
		r, err = tx.Get(kind, id)
		return nil
	})
	return r, err
}

func wantErr(t *testing.T, err error, kind jeroboam.Kind, reason string) {
	t.Helper()
	e, ok := jeroboam.AsError(err)
	if !ok || e.Kind != kind || e.Reason != reason {
		t.Fatalf("error is %v; want %s, %s", err, kind, reason)
	}
}

func revisions(t *testing.T, d Database) {
	b := d.open(t)
	ctx := context.Background()
	in := store.Record{Kind: "cluster", ID: "1", Project: "p", Parent: "t", Name: "n", Public: true, Data: []byte(`{"name":"n"}`)}
	first := put(t, b, in)[0]
	want := in
	want.Revision, want.Seq = 1, first.Seq
	if !reflect.DeepEqual(first, want) || first.Seq == 0 {
		t.Fatalf("stored %+v, want %+v with a Seq", first, want)
	}
	if got, err := get(t, b, "cluster", "1"); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("Get = %+v, %v; want %+v", got, err, want)
	}
	changed := first
	changed.Name, changed.Project, changed.Parent, changed.Public, changed.Data = "m", "q", "u", false, []byte(`{"name":"m"}`)
	second := put(t, b, changed)[0]
	want = changed
	want.Revision = 2
	if !reflect.DeepEqual(second, want) {
		t.Fatalf("stored %+v, want %+v", second, want)
	}
	if other := put(t, b, record("template", "1", `{}`))[0]; other.Seq <= first.Seq {
		t.Fatalf("Seq %d of a later record is not above %d", other.Seq, first.Seq)
	}
	putErr := func(r store.Record) error {
		return b.Update(ctx, func(tx store.Tx) error { _, err := tx.Put(r); return err })
	}
	wantErr(t, putErr(in), jeroboam.Conflict, store.ReasonExists)
	wantErr(t, putErr(changed), jeroboam.Conflict, store.ReasonRevision)
	gone := changed
	gone.ID = "none"
	wantErr(t, putErr(gone), jeroboam.Conflict, store.ReasonRevision)

	del := func(id string, revision int64) error {
		return b.Update(ctx, func(tx store.Tx) error { return tx.Delete("cluster", id, revision) })
	}
	wantErr(t, del("1", 1), jeroboam.Conflict, store.ReasonRevision)
	wantErr(t, del("none", 0), jeroboam.NotFound, store.ReasonAbsent)
	if err := del("1", 2); err != nil {
		t.Fatal(err)
	}
	_, err := get(t, b, "cluster", "1")
	wantErr(t, err, jeroboam.NotFound, store.ReasonAbsent)
	again := put(t, b, in)[0]
	if again.Revision != 1 || again.Seq <= second.Seq {
		t.Fatalf("inserted again: %+v; want revision 1 and a new Seq", again)
	}
	if err := del("1", 0); err != nil {
		t.Fatalf("delete at any revision: %v", err)
	}
}

func rollback(t *testing.T, d Database) {
	b := d.open(t)
	boom := errors.New("boom")
	kept := put(t, b, record("k", "kept", `{"v":1}`))[0]
	f := func(tx store.Tx) error {
		if _, err := tx.Put(record("k", "new", `{}`)); err != nil {
			return err
		}
		if err := tx.Delete("k", "kept", 0); err != nil {
			return err
		}
		return tx.Wake("c")
	}
	err := b.Update(context.Background(), func(tx store.Tx) error { return errors.Join(f(tx), boom) })
	if !errors.Is(err, boom) {
		t.Fatalf("Update = %v, want the function's own error", err)
	}
	func() {
		defer func() {
			if p := recover(); p != boom {
				t.Errorf("recovered %v, want the function's own panic", p)
			}
		}()
		b.Update(context.Background(), func(tx store.Tx) error { //nolint:errcheck // panics
			if err := f(tx); err != nil {
				return err
			}
			panic(boom)
		})
	}()
	ended := make(chan struct{})
	go func() { // as a failing test leaves an Update
		defer close(ended)
		b.Update(context.Background(), func(tx store.Tx) error { //nolint:errcheck // does not return
			if err := f(tx); err != nil {
				return err
			}
			return goexit()
		})
	}()
	<-ended
	_, err = get(t, b, "k", "new")
	wantErr(t, err, jeroboam.NotFound, store.ReasonAbsent)
	if got, err := get(t, b, "k", "kept"); err != nil || !reflect.DeepEqual(got, kept) {
		t.Fatalf("Get = %+v, %v; want %+v", got, err, kept)
	}
	put(t, b, record("k", "new", `{}`)) // and the backend still works
}

func isolation(t *testing.T, d Database) {
	b := d.open(t)
	update(t, b, func(tx store.Tx) error {
		r, err := tx.Put(record("k", "1", `{"v":1}`))
		if err != nil {
			return err
		}
		if _, err := get(t, b, "k", "1"); jeroboam.KindOf(err) != jeroboam.NotFound {
			t.Errorf("another transaction sees a write before its commit: %v", err)
		}
		if got, err := tx.Get("k", "1"); err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("own write: %+v, %v; want %+v", got, err, r)
		}
		if n, err := tx.Count(store.Query{Kind: "k"}); n != 1 || err != nil {
			t.Errorf("Count = %d, %v; want 1", n, err)
		}
		// A refused write does not spoil the transaction.
		if _, err := tx.Put(record("k", "1", `{}`)); jeroboam.KindOf(err) != jeroboam.Conflict {
			t.Errorf("second insert: %v, want a conflict", err)
		}
		_, err = tx.Put(record("k", "2", `{}`))
		return err
	})
	if got := ids(t, b, store.Query{Kind: "k"}); !slices.Equal(got, []string{"1", "2"}) {
		t.Fatalf("stored %v, want 1 and 2", got)
	}
}

func snapshot(t *testing.T, d Database) {
	b := d.open(t)
	put(t, b, record("k", "1", `{}`))
	view(t, b, func(tx store.Tx) error {
		if _, err := tx.Get("k", "1"); err != nil {
			return err
		}
		put(t, b, record("k", "2", `{}`)) // a view neither blocks a writer nor sees it
		if _, err := tx.Get("k", "2"); jeroboam.KindOf(err) != jeroboam.NotFound {
			t.Errorf("the view sees a later commit: %v", err)
		}
		_, err := tx.Put(record("k", "3", `{}`))
		wantErr(t, err, jeroboam.Internal, store.ReasonReadOnly)
		wantErr(t, tx.Delete("k", "1", 0), jeroboam.Internal, store.ReasonReadOnly)
		wantErr(t, tx.Wake("c"), jeroboam.Internal, store.ReasonReadOnly)
		return nil
	})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	nothing := func(store.Tx) error { t.Error("ran under a context that had ended"); return nil }
	wantErr(t, b.View(ctx, nothing), jeroboam.Unavailable, store.ReasonStopped)
	wantErr(t, b.Update(ctx, nothing), jeroboam.Unavailable, store.ReasonStopped)
}

func serial(t *testing.T, d Database) {
	b := d.open(t)
	put(t, b, record("k", "n", "0"))
	const workers, each = 8, 25
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				err := b.Update(context.Background(), func(tx store.Tx) error {
					r, err := tx.Get("k", "n")
					if err != nil {
						return err
					}
					n, err := strconv.Atoi(string(r.Data))
					if err != nil {
						return err
					}
					r.Data = strconv.AppendInt(nil, int64(n)+1, 10)
					if _, err := tx.Put(r); err != nil {
						return err
					}
					_, err = tx.Put(record("log", fmt.Sprint(w, "-", i), "{}"))
					return err
				})
				if err != nil {
					t.Errorf("Update: %v", err)
				}
			}
		})
	}
	wg.Wait()
	got, err := get(t, b, "k", "n")
	if want := strconv.Itoa(workers * each); err != nil || string(got.Data) != want || got.Revision != workers*each+1 {
		t.Fatalf("counted %s at revision %d, %v; want %s", got.Data, got.Revision, err, want)
	}
}

// besideFailures has many writers at once, each second of which fails, panics or
// exits after it wrote, as a Backend that commits several together must bear.
func besideFailures(t *testing.T, d Database) {
	b := d.open(t)
	const writers = 48
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil && i%4 != 1 {
					t.Errorf("writer %d panicked with %v", i, p)
				}
			}()
			err := b.Update(context.Background(), func(tx store.Tx) error {
				if _, err := tx.Put(record("k", fmt.Sprint(i), `{}`)); err != nil {
					return err
				}
				switch i % 4 {
				case 1:
					panic("on purpose")
				case 3:
					return errors.New("on purpose")
				}
				return nil
			})
			if (err != nil) != (i%4 == 3) {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	for i := range writers {
		_, err := get(t, b, "k", fmt.Sprint(i))
		if (err == nil) != (i%2 == 0) {
			t.Errorf("record of writer %d: %v", i, err)
		}
	}
}

func reopens(t *testing.T, d Database) {
	b := d(t)
	kept := put(t, b, record("k", "1", `{"a":"é\u0000\n"}`))[0]
	b.Update(context.Background(), func(tx store.Tx) error { //nolint:errcheck // abandoned on purpose
		if _, err := tx.Put(record("k", "2", `{}`)); err != nil {
			return err
		}
		return errors.New("abandoned")
	})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.View(context.Background(), func(store.Tx) error { return nil }); jeroboam.KindOf(err) != jeroboam.Unavailable {
		t.Errorf("View of a closed backend: %v, want Unavailable", err)
	}
	if err := b.Update(context.Background(), func(store.Tx) error { return nil }); jeroboam.KindOf(err) != jeroboam.Unavailable {
		t.Errorf("Update of a closed backend: %v, want Unavailable", err)
	}
	b = d.open(t)
	var got []store.Record
	view(t, b, func(tx store.Tx) (err error) { got, err = tx.List(store.Query{Kind: "k"}); return err })
	if want := []store.Record{kept}; !reflect.DeepEqual(got, want) {
		t.Fatalf("after a reopen: %+v, want %+v", got, want)
	}
	if later := put(t, b, record("k", "3", `{}`))[0]; later.Seq <= kept.Seq {
		t.Fatalf("Seq %d after a reopen, not above %d", later.Seq, kept.Seq)
	}
}
