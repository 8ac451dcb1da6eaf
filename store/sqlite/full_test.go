package sqlite

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// limitPages makes the database full at n pages, as a full disk would; a large
// n gives the space back.
func limitPages(t *testing.T, b *Backend, n int) {
	t.Helper()
	if _, err := b.writer.db.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", n)); err != nil {
		t.Fatal(err)
	}
}

func TestAFullDiskIsReportedAndSpoilsNothing(t *testing.T) {
	b, err := Open(context.Background(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	large := []byte(`{"x":"` + strings.Repeat("x", 1<<20) + `"}`)
	insert := func(id string, data []byte) error {
		return b.Update(context.Background(), func(tx store.Tx) error {
			_, err := tx.Put(store.Record{Kind: "k", ID: id, Data: data})
			return err
		})
	}
	if err := insert("before", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	limitPages(t, b, 100)
	var wg sync.WaitGroup
	for i := range 8 { // some share a transaction, which is lost as a whole
		wg.Go(func() {
			err := insert(fmt.Sprint("large", i), large)
			if e, ok := jeroboam.AsError(err); !ok || e.Kind != jeroboam.Unavailable || e.Reason != store.ReasonDiskFull || e.Remedy == "" {
				t.Errorf("a write on a full disk: %v", err)
			}
		})
	}
	wg.Wait()
	err = b.Update(context.Background(), func(tx store.Tx) error {
		tx.Put(store.Record{Kind: "k", ID: "overlooked", Data: large}) //nolint:errcheck // overlooked on purpose
		return nil
	})
	if jeroboam.KindOf(err) != jeroboam.Unavailable {
		t.Errorf("an Update that overlooks a full disk: %v", err)
	}
	limitPages(t, b, 1<<20)
	if err := insert("after", large); err != nil {
		t.Errorf("a write once there is space again: %v", err)
	}
	err = b.View(context.Background(), func(tx store.Tx) error {
		n, err := tx.Count(store.Query{Kind: "k"})
		if n != 2 {
			t.Errorf("%d records, want the one before and the one after", n)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
