package storetest

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// RunArchives runs what a Backend must do that is a store.Archive.
func RunArchives(t *testing.T, fresh func(t *testing.T) Database) {
	for name, test := range map[string]func(t *testing.T, from, to store.Archive){
		"records are carried as they are, and clusters are woken": carries,
		"an import that cannot be done leaves nothing":            carriesNothing,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, fresh(t).open(t).(store.Archive), fresh(t).open(t).(store.Archive))
		})
	}
}

func carries(t *testing.T, from, to store.Archive) {
	put(t, from, store.Record{Kind: "gone", ID: "1", Data: []byte(`{}`)})
	for i := range 3 {
		put(t, from, store.Record{Kind: store.KindCluster, ID: fmt.Sprint("c", i), Project: "p", Name: "é<&>", Public: i == 0, Data: []byte(`{"v":"\u0000<\n"}`)})
	}
	many(t, from, 1500) // more than a Backend holds in memory at a time
	changed := put(t, from, store.Record{Kind: "step", ID: "1", Parent: "c0", Data: []byte(`{}`)})[0]
	changed.Data = []byte(`[1,2]`)
	put(t, from, changed)
	update(t, from, func(tx store.Tx) error { return tx.Delete("gone", "1", 0) })

	var text bytes.Buffer
	n, err := store.Export(context.Background(), from, &text)
	if err != nil || n != 1504 {
		t.Fatalf("Export: %d records, %v; want 1504", n, err)
	}
	lines := text.String()
	if n, err = store.Import(context.Background(), to, &text); err != nil || n != 1504 {
		t.Fatalf("Import: %d records, %v; want 1504", n, err)
	}
	want := dump(t, from)
	if got := dump(t, to); !reflect.DeepEqual(got, want) {
		t.Errorf("carried %d records, differently", len(got))
	}
	if next := put(t, to, record("k", "next", `{}`))[0]; next.Seq <= want[len(want)-1].Seq {
		t.Errorf("the next record is number %d, not after %d", next.Seq, want[len(want)-1].Seq)
	}
	_, err = store.Import(context.Background(), to, strings.NewReader(lines))
	wantErr(t, err, jeroboam.Conflict, store.ReasonNotEmpty)
	r := make(runs, 10)
	work(t, to, 2, r.run)
	r.expect(t, "c0", "c1", "c2")
}

func many(t *testing.T, b store.Backend, n int) {
	t.Helper()
	update(t, b, func(tx store.Tx) error {
		for i := range n {
			if _, err := tx.Put(record("many", fmt.Sprint(i), `{}`)); err != nil {
				return err
			}
		}
		return nil
	})
}

func dump(t *testing.T, b store.Archive) (all []store.Record) {
	t.Helper()
	err := b.Dump(context.Background(), func(r store.Record) error {
		all = append(all, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func carriesNothing(t *testing.T, _, to store.Archive) {
	const head = `{"format":"jeroboam-records","version":1}` + "\n"
	const one = `{"kind":"cluster","id":"1","revision":1,"seq":1,"data":{}}` + "\n"
	var long strings.Builder
	for i := range 250 {
		fmt.Fprintf(&long, `{"kind":"cluster","id":"%d","revision":1,"seq":%d,"data":{}}`+"\n", i, i+1)
	}
	for name, text := range map[string]string{
		"cut off after many":    head + long.String(),
		"nothing at all":        "",
		"of a later version":    strings.Replace(head, "1", "2", 1),
		"cut off":               head + one,
		"cut off in a line":     head + one[:20],
		"with a record too few": head + one + `{"records":2}`,
		"with a record twice":   head + one + strings.Replace(one, `"seq":1`, `"seq":2`, 1) + `{"records":2}`,
		"with a number twice":   head + one + strings.Replace(one, `"id":"1"`, `"id":"2"`, 1) + `{"records":2}`,
		"with half a record":    head + one + `{"kind":"cluster"}` + "\n" + `{"records":2}`,
	} {
		n, err := store.Import(context.Background(), to, strings.NewReader(text))
		if jeroboam.KindOf(err) != jeroboam.Invalid || n != 0 {
			t.Errorf("an export %s: %d records, %v", name, n, err)
		}
	}
	if left := dump(t, to); len(left) > 0 {
		t.Errorf("left %+v", left)
	}
	r := make(runs, 10)
	work(t, to, 1, r.run)
	wake(t, to, "2")
	r.expect(t, "2") // and no job of cluster 1 before it
}
