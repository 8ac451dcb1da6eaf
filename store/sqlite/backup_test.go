package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/sqlite"
)

func TestABackupOfAServedDatabaseIsOfOneMoment(t *testing.T) {
	dir, copied, other := t.TempDir(), filepath.Join(t.TempDir(), "copy"), filepath.Join(t.TempDir(), "other")
	b := open(t, dir)
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	first := make(chan struct{})
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			err := b.Update(context.Background(), func(tx store.Tx) error {
				for _, kind := range []string{"k", "twin"} {
					if _, err := tx.Put(store.Record{Kind: kind, ID: fmt.Sprint(i), Data: []byte(`{}`)}); err != nil {
						return err
					}
				}
				return tx.Wake("a")
			})
			if err != nil {
				t.Error(err)
			}
			if i == 5 {
				close(first)
			}
		}
	})
	<-first
	err := sqlite.Backup(context.Background(), dir, copied)
	stop()
	wg.Wait()
	closed(t, b)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(copied); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the copy is not for its owner alone: %v, %v", info, err)
	}
	wantErr(t, sqlite.Backup(context.Background(), dir, copied), jeroboam.Conflict, store.ReasonNotEmpty)
	wantErr(t, sqlite.Backup(context.Background(), other, copied+"2"), jeroboam.NotFound, "no-database")

	if err := sqlite.Restore(context.Background(), copied, other); err != nil {
		t.Fatal(err)
	}
	wantErr(t, sqlite.Restore(context.Background(), copied, other), jeroboam.Conflict, store.ReasonNotEmpty)
	r := open(t, other)
	defer r.Close()
	err = r.View(context.Background(), func(tx store.Tx) error {
		n, err := tx.Count(store.Query{Kind: "k"})
		if err != nil {
			return err
		}
		twins, err := tx.Count(store.Query{Kind: "twin"})
		if n < 5 || n != twins {
			t.Errorf("the copy has %d records and %d twins", n, twins)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
