package ledger_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/ledger"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
)

func TestALineIsIntendedOnceAndKeepsWhatIsKnown(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	l := ledger.Ledger{Now: func() time.Time { return now }}
	c := jeroboam.Cluster{ID: "c1", Project: "p1", Name: "c1"}
	db := memory.New()
	defer db.Close()
	var lines []jeroboam.Resource
	do := func(f func(store.Tx) error) {
		t.Helper()
		err := db.Update(t.Context(), func(tx store.Tx) (err error) {
			if err = f(tx); err != nil {
				return err
			}
			lines, err = store.List[jeroboam.Resource](tx, store.Query{Parent: "c1"})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	want := func(state jeroboam.ResourceState, cloudID string, attributes map[string]string) {
		t.Helper()
		if len(lines) != 1 {
			t.Fatalf("there are %d lines", len(lines))
		}
		r := lines[0]
		if r.State != state || r.CloudID != cloudID || !r.CreatedAt.Equal(now) || r.Project != "p1" || !reflect.DeepEqual(r.Attributes, attributes) {
			t.Errorf("the line is %+v", r)
		}
	}
	intend := func(tx store.Tx) error {
		return l.Intend(tx, c, jeroboam.KindMachine, "m", map[string]string{ledger.AttributeID: "1"})
	}

	do(intend)
	want(jeroboam.ResourceIntended, "", map[string]string{"id": "1"})
	do(func(tx store.Tx) error {
		return l.Made(tx, c, jeroboam.KindMachine, "m", "cloud-1", map[string]string{"address": "192.0.2.1"})
	})
	do(intend) // by a step that runs again
	want(jeroboam.ResourceMade, "cloud-1", map[string]string{"id": "1", "address": "192.0.2.1"})
	for range 2 { // absent is success
		do(func(tx store.Tx) error { return l.Erase(tx, "c1", jeroboam.KindMachine, "m") })
		if len(lines) != 0 {
			t.Errorf("there still is %+v", lines)
		}
	}
}
