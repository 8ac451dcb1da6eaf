// Package sqlite is the store.Backend of one server on one host: SQLite in
// write-ahead mode under a state directory that this process holds alone, with
// River's jobs in the same database.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"github.com/riverqueue/river/riverdriver/riversqlite"
	_ "modernc.org/sqlite" // the database/sql driver "sqlite"

	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/internal/hub"
	"github.com/jeroboam-cloud/jeroboam/store/internal/jobs"
)

// File is the database's name in the state directory; SQLite puts File-wal and
// File-shm beside it.
const File = "jeroboam.db"

// Options say where the database is.
type Options struct {
	Dir    string       // the state directory; made if absent
	Logger *slog.Logger // nil: silent
}

// Backend is an open database.
type Backend struct {
	lock    *lock
	writer  *writer
	readers *readers
	hub     hub.Hub
	jobs    *jobs.Jobs[*sql.Tx]
}

// Open takes the state directory and opens or makes the database in it. Its
// errors say what to do: another server holds the directory (Conflict), it
// belongs to another version (Unsupported), or it cannot be used (Unavailable).
func Open(ctx context.Context, o Options) (*Backend, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	b := &Backend{lock: lock}
	if err := b.open(ctx, o); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func (b *Backend) open(ctx context.Context, o Options) error {
	path := filepath.Join(o.Dir, File)
	if err := private(path); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", dsn(path, false))
	if err != nil {
		return classify(err)
	}
	db.SetMaxOpenConns(1) // the writer, ours and River's
	b.writer = &writer{db: db}
	if err := migrate(ctx, db, o); err != nil {
		return err
	}
	if b.readers, err = openReaders(ctx, dsn(path, true), max(4, runtime.GOMAXPROCS(0))); err != nil {
		return classify(err)
	}
	if err := b.writer.prepare(ctx); err != nil {
		return classify(err)
	}
	b.jobs, err = jobs.New(riversqlite.New(db), wakes{b}, o.Logger)
	if err != nil {
		return err
	}
	b.jobs.OneServer = true
	b.writer.committed = b.committed
	return nil
}

// private makes the file, if it is absent, for its owner alone; SQLite gives the
// files beside it the same mode.
func private(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the database: %w", classify(err))
	}
	return file.Close()
}

// dsn names the file and how each connection is set up.
//
// synchronous=FULL: every commit is on the disk before it is acknowledged, so
// that neither kill -9 nor a power loss takes back what a caller was told.
// NORMAL would keep kill -9 harmless but may lose the last commits with the
// power. The price is one fsync per commit, which concurrent Updates share.
func dsn(path string, readOnly bool) string {
	q := url.Values{"_pragma": {
		"busy_timeout(10000)",
		"journal_mode(WAL)",
		"synchronous(FULL)",
		"foreign_keys(1)",
		"temp_store(MEMORY)",
		"journal_size_limit(67108864)",
	}}
	q.Set("_time_format", "sqlite")
	// Each connection has a cache of its own, in KiB; what is not in it comes from
	// the kernel's, which costs a microsecond a page.
	if readOnly {
		q.Add("_pragma", "query_only(1)")
		q.Add("_pragma", "cache_size(-4096)")
	} else {
		q.Set("_txlock", "immediate")
		q.Add("_pragma", "cache_size(-8192)")
	}
	return (&url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: q.Encode()}).String()
}

// Close waits for transactions under way and gives the directory back.
func (b *Backend) Close() error {
	b.hub.Close()
	var errs []error
	if b.readers != nil {
		errs = append(errs, b.readers.close())
	}
	if b.writer != nil {
		errs = append(errs, b.writer.close())
	}
	return errors.Join(append(errs, b.lock.release())...)
}

// View runs f in a read-only snapshot.
func (b *Backend) View(ctx context.Context, f func(store.Tx) error) error {
	return b.readers.view(ctx, f)
}

// Update runs f in the writing transaction, and returns once it is on the disk.
// f must not call Update.
func (b *Backend) Update(ctx context.Context, f func(store.Tx) error) error {
	return b.writer.update(ctx, func(g *group) error {
		t := newWriteTx(g, b.jobs)
		if err := f(t); err != nil {
			return err
		}
		t.join()
		return nil
	})
}

// Watch signals commits that touch records of the kind and parent.
func (b *Backend) Watch(ctx context.Context, kind, parent string) <-chan struct{} {
	return b.hub.Watch(ctx, hub.Key{Kind: kind, Parent: parent})
}

// Work runs jobs until ctx ends, first those that a killed server left.
func (b *Backend) Work(ctx context.Context, w store.Worker) error {
	if err := b.jobs.Work(ctx, "", w); err != nil {
		return fmt.Errorf("work the jobs of the store: %w", classify(err))
	}
	return nil
}

// committed is called by the writer after each commit, in their order.
func (b *Backend) committed(g *group) {
	b.hub.Touch(g.touched)
	b.jobs.Committed(g.wakes)
}
