package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/sqlite"
	"github.com/jeroboam-cloud/jeroboam/store/storetest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		fmt.Fprintln(os.Stderr, victim(dir))
		os.Exit(1)
	}
	// Each random life costs some thirty commits, and each commit an fsync. A
	// flag on the command line still counts: it is parsed later.
	if err := flag.Set("rapid.checks", "25"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

func open(t *testing.T, dir string) *sqlite.Backend {
	t.Helper()
	b, err := sqlite.Open(context.Background(), sqlite.Options{
		Dir: dir, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func closed(t *testing.T, b *sqlite.Backend) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, err error, kind jeroboam.Kind, reason string) {
	t.Helper()
	e, ok := jeroboam.AsError(err)
	if !ok || e.Kind != kind || e.Reason != reason || e.Remedy == "" {
		t.Errorf("error is %v; want %s, %s, with a remedy", err, kind, reason)
	}
}

func TestConformance(t *testing.T) {
	fresh := func(t *testing.T) storetest.Database {
		dir := t.TempDir()
		return func(t *testing.T) store.Backend { return open(t, dir) }
	}
	storetest.Run(t, fresh)
	storetest.RunArchives(t, fresh)
}

func TestADirectoryHasOneServerAtATime(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	_, err := sqlite.Open(context.Background(), sqlite.Options{Dir: dir})
	wantErr(t, err, jeroboam.Conflict, "state-in-use")
	if want := fmt.Sprint("Process ", os.Getpid(), " "); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v does not say %q", err, want)
	}
	closed(t, b)
	closed(t, open(t, dir))
}

// damage opens the database of a directory that once was ours, and changes it.
func damage(statement string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		closed(t, open(t, dir))
		execute(t, dir, statement)
	}
}

func execute(t *testing.T, dir, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, sqlite.File))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

func TestADirectoryThatCannotServeIsRefusedWithItsRemedy(t *testing.T) {
	for name, test := range map[string]struct {
		make   func(t *testing.T, dir string)
		kind   jeroboam.Kind
		reason string
	}{
		"of a newer version": {
			damage("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)"),
			jeroboam.Unsupported, "state-version",
		},
		"with newer jobs": {
			damage("INSERT INTO river_migration (line, version) VALUES ('main', 99)"),
			jeroboam.Unsupported, "state-version",
		},
		"of another program": {
			func(t *testing.T, dir string) { execute(t, dir, "CREATE TABLE mail (subject TEXT)") },
			jeroboam.Unsupported, "state-foreign",
		},
		"no database": {
			func(t *testing.T, dir string) {
				write(t, filepath.Join(dir, sqlite.File), "this is a letter, not a database: "+strings.Repeat("x", 4096))
			},
			jeroboam.Unavailable, store.ReasonCorrupt,
		},
		"the database is a directory": {
			func(t *testing.T, dir string) { mkdir(t, filepath.Join(dir, sqlite.File)) },
			jeroboam.Unavailable, store.ReasonUnwritable,
		},
		"the directory is a file": {
			func(t *testing.T, dir string) {
				if err := os.Remove(dir); err != nil {
					t.Fatal(err)
				}
				write(t, dir, "")
			},
			jeroboam.Unavailable, store.ReasonUnwritable,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			mkdir(t, dir)
			test.make(t, dir)
			_, err := sqlite.Open(context.Background(), sqlite.Options{Dir: dir})
			wantErr(t, err, test.kind, test.reason)
			if _, err := sqlite.Open(context.Background(), sqlite.Options{Dir: dir}); jeroboam.KindOf(err) == jeroboam.Conflict {
				t.Errorf("the refused directory stays locked: %v", err)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestAnyDirectoryNameWillDo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a ?b#c%20d&e=é", "deep")
	b := open(t, dir)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(filepath.Join(dir, sqlite.File+suffix))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is not where it should be, for its owner alone: %v, %v", sqlite.File+suffix, info, err)
		}
	}
	closed(t, b)
}

func TestTheLogIsQuietWhileAllIsWell(t *testing.T) {
	var log bytes.Buffer
	b, err := sqlite.Open(context.Background(), sqlite.Options{Dir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	runs := make(chan string)
	var wg sync.WaitGroup
	wg.Go(func() {
		err := b.Work(ctx, store.Worker{Concurrency: 2, Run: storetest.Report(runs)})
		if err != nil {
			t.Error(err)
		}
	})
	if err := b.Update(ctx, func(tx store.Tx) error { return tx.Wake("a") }); err != nil {
		t.Fatal(err)
	}
	<-runs
	cancel()
	wg.Wait()
	closed(t, b)
	if log.Len() > 0 {
		t.Errorf("logged:\n%s", &log)
	}
}
