package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/internal/jobs"
)

// The first halves of the advisory locks: "JRBM" and the two letters after it.
const (
	lockWriters = 0x4a52424d // second half: the schema
	lockServers = 0x4a52424e // second half: the server's number
	lockSchema  = 0x4a52424f // second half: the schema
)

// maxAttempts is how often an Update that the database asks to repeat is run.
const maxAttempts = 10

// Update runs f in a transaction of its own, alone among all servers, and
// returns once it is committed. f must not call Update.
func (b *Backend) Update(ctx context.Context, f func(store.Tx) error) error {
	return b.update(ctx, func(t *writeTx) error { return f(t) })
}

func (b *Backend) update(ctx context.Context, f func(*writeTx) error) error {
	for attempt := 1; ; attempt++ {
		err, again := b.attempt(ctx, f)
		if !again || attempt == maxAttempts || ctx.Err() != nil {
			return err
		}
		b.log.DebugContext(ctx, "A transaction is repeated.", "attempt", attempt, "err", err)
	}
}

// attempt runs f once, and says if it may be run again. Updates of this process
// wait for each other here, where waiting costs no connection.
func (b *Backend) attempt(ctx context.Context, f func(*writeTx) error) (err error, again bool) {
	if err := ctx.Err(); err != nil {
		return store.Stopped(err), false
	}
	select {
	case b.turn <- struct{}{}:
	case <-ctx.Done():
		return store.Stopped(ctx.Err()), false
	}
	defer func() { <-b.turn }()
	tx, err := b.pool.BeginTx(ctx, pgx.TxOptions{BeginQuery: fmt.Sprintf("BEGIN; SELECT pg_advisory_xact_lock(%d, %d)", lockWriters, b.names.schema)})
	if err != nil {
		return classify(err), repeatable(err)
	}
	// f may have ended by a panic; after a commit this does nothing.
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // a connection that cannot roll back is dropped
	t := newWriteTx(ctx, tx, b.jobs)
	err = b.fenced(t)
	if err == nil {
		err = f(t)
	}
	if t.broken != nil {
		return classify(t.broken), repeatable(t.broken)
	}
	if err != nil {
		return err, false
	}
	return b.commit(ctx, t)
}

// fenced refuses a run's write after its job was given to another server. That
// happens under the writers' lock, too, so that there is no moment between.
func (b *Backend) fenced(t *writeTx) error {
	job, ok := jobs.Held(t.ctx)
	if !ok {
		return nil
	}
	var held bool
	found, err := t.one(&held, "SELECT true FROM river_job WHERE id = $1 AND state = 'running'", job)
	if err == nil && !found {
		return store.Lost()
	}
	return err
}

func (b *Backend) commit(ctx context.Context, t *writeTx) (err error, again bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := b.announce(ctx, t); err != nil {
		return classify(err), repeatable(err)
	}
	if err := t.tx.Commit(ctx); err != nil {
		// Whether a commit whose answer was lost has happened, nobody knows.
		return fmt.Errorf("commit: %w", classify(err)), serialization(err)
	}
	b.hub.Touch(t.touched)
	b.jobs.Committed(t.wakes)
	return nil, false
}

// wakes is the Backend as a jobs.Database.
type wakes struct{ *Backend }

// UpdateTx runs f in a transaction that is serial with the Updates.
func (b wakes) UpdateTx(ctx context.Context, f func(pgx.Tx) error) error {
	return b.update(ctx, func(t *writeTx) error { return t.check(f(t.tx)) })
}

// Ring gives the cluster a new wake.
func (wakes) Ring(tx pgx.Tx, cluster string) (wake int64, err error) {
	err = tx.QueryRow(context.Background(), `INSERT INTO wakes (cluster) VALUES ($1)
		ON CONFLICT (cluster) DO UPDATE SET wake = DEFAULT RETURNING wake`, cluster).Scan(&wake)
	return wake, err
}

// Hush forgets the cluster's wake up to heard.
func (wakes) Hush(tx pgx.Tx, cluster string, heard int64) (left bool, err error) {
	_, err = tx.Exec(context.Background(), "DELETE FROM wakes WHERE cluster = $1 AND wake <= $2", cluster, heard)
	if err != nil {
		return false, err
	}
	err = tx.QueryRow(context.Background(), "SELECT EXISTS (SELECT FROM wakes WHERE cluster = $1)", cluster).Scan(&left)
	return left, err
}

// Rung reads the cluster's wake, 0 for none.
func (b wakes) Rung(ctx context.Context, cluster string) (wake int64, err error) {
	err = b.pool.QueryRow(ctx, "SELECT wake FROM wakes WHERE cluster = $1", cluster).Scan(&wake)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return wake, classify(err)
}
