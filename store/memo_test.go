package store_test

import (
	"context"
	"reflect"
	"strconv"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
)

// TestAMemoAnswersAsTheStoreDoes changes, deletes and makes records anew under
// the same ID, and asks both after each change; there are more than a Memo keeps.
func TestAMemoAnswersAsTheStoreDoes(t *testing.T) {
	b := memory.New()
	defer b.Close()
	var m store.Memo[jeroboam.Cluster]
	compare := func(when string, q store.Query) {
		t.Helper()
		err := b.View(context.Background(), func(tx store.Tx) error {
			for range 2 { // decoded, then kept
				got, err := m.List(tx, q)
				if err != nil {
					return err
				}
				want, err := store.List[jeroboam.Cluster](tx, q)
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%s: a Memo has other clusters than the store (%v)", when, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	change := func(f func(tx store.Tx) error) {
		t.Helper()
		if err := b.Update(context.Background(), f); err != nil {
			t.Fatal(err)
		}
	}
	all, newest := store.Query{Project: "p"}, store.Query{Project: "p", Desc: true, Limit: 10}
	compare("empty", all)
	change(func(tx store.Tx) error {
		for i := range 4100 {
			c := jeroboam.Cluster{ID: strconv.Itoa(i), Project: "p", Spec: jeroboam.ClusterSpec{Labels: map[string]string{"i": strconv.Itoa(i)}}}
			if err := store.Put(tx, &c); err != nil {
				return err
			}
		}
		return nil
	})
	compare("many", all)
	change(func(tx store.Tx) error {
		c, err := store.Get[jeroboam.Cluster](tx, "4099")
		if err != nil {
			return err
		}
		c.Name = "changed"
		return store.Put(tx, &c)
	})
	compare("changed", newest)
	change(func(tx store.Tx) error {
		if err := tx.Delete(store.KindCluster, "4098", 0); err != nil {
			return err
		}
		return store.Put(tx, &jeroboam.Cluster{ID: "4098", Project: "p", Name: "another"})
	})
	compare("made anew", newest)
}
