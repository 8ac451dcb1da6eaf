// Package postgres is the store.Backend of any number of servers: PostgreSQL,
// with River's jobs in the same database. Updates of all servers run one after
// the other under one advisory lock, so that they are serial, that Seq grows in
// the order of commits, and that a server which lost its clusters to another
// one can be told so before it writes.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/internal/hub"
	"github.com/jeroboam-cloud/jeroboam/store/internal/jobs"
)

// Options say where the database is.
type Options struct {
	URL    jeroboam.Secret // postgres://user:password@host/database, or libpq's key=value form
	Logger *slog.Logger    // nil: silent
}

// Backend is a connection to a database.
type Backend struct {
	pool   *pgxpool.Pool
	log    *slog.Logger
	names  names
	turn   chan struct{} // held by the one Update that this process has under way
	hub    hub.Hub
	jobs   *jobs.Jobs[pgx.Tx]
	news   *listener
	worker sync.Mutex // held by Work
}

// names keep the installations apart that share a database in several schemas.
type names struct {
	from    string // this Backend, among those that notify
	channel string // of notifications
	schema  int32  // second half of the writers' lock
}

// patience is how long a transaction may lie idle, or a commit take, before it
// is given up: a server that froze must not stop the others for longer.
const patience = 10 * time.Second

// Open connects and migrates the schema. Its errors say what to do: the URL is
// wrong (Invalid), the database belongs to something else or to a newer version
// (Unsupported), or it cannot be used (Unavailable).
func Open(ctx context.Context, o Options) (*Backend, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	config, err := parse(o.URL)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, classify(err)
	}
	b := &Backend{pool: pool, log: o.Logger, turn: make(chan struct{}, 1)}
	if err := b.open(ctx); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// parse never repeats the URL in its error: it may hold a password.
func parse(url jeroboam.Secret) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(url.Reveal())
	if err != nil {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "database-url", "The address of the database cannot be understood.").
			WithRemedy("Give postgres://user:password@host:5432/database, with special characters in %%XX form.")
	}
	params := config.ConnConfig.RuntimeParams
	params["application_name"] = "jeroboam"
	params["idle_in_transaction_session_timeout"] = fmt.Sprint(patience.Milliseconds())
	config.MaxConns = max(config.MaxConns, 8, int32(2*runtime.GOMAXPROCS(0)))
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = patience
	}
	return config, nil
}

func (b *Backend) open(ctx context.Context) error {
	if err := b.migrate(ctx); err != nil {
		return err
	}
	var err error
	if b.names, err = b.name(ctx); err != nil {
		return fmt.Errorf("open the database: %w", classify(err))
	}
	if b.jobs, err = jobs.New(riverpgxv5.New(b.pool), wakes{b}, b.log); err != nil {
		return err
	}
	if b.news, err = b.listen(ctx); err != nil {
		return fmt.Errorf("listen to the database: %w", classify(err))
	}
	return nil
}

func (b *Backend) name(ctx context.Context) (n names, err error) {
	err = b.pool.QueryRow(ctx, "SELECT gen_random_uuid()::text, 'jeroboam_' || md5(current_schema()), hashtext(current_schema())").
		Scan(&n.from, &n.channel, &n.schema)
	return n, err
}

// Close waits for transactions under way.
func (b *Backend) Close() error {
	b.hub.Close()
	if b.news != nil {
		b.news.close()
	}
	b.pool.Close()
	return nil
}

// snapshot begins a View; the SELECT is what takes its snapshot.
const snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1"

// View runs f in a read-only snapshot.
func (b *Backend) View(ctx context.Context, f func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return store.Stopped(err)
	}
	tx, err := b.pool.BeginTx(ctx, pgx.TxOptions{BeginQuery: snapshot})
	if err != nil {
		return classify(err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was written
	return f(readTx{reading{ctx: ctx, tx: tx}})
}

// Watch signals commits of any server that touch records of the kind and parent.
func (b *Backend) Watch(ctx context.Context, kind, parent string) <-chan struct{} {
	return b.hub.Watch(ctx, hub.Key{Kind: kind, Parent: parent})
}
