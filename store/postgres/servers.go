package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/internal/jobs"
)

// A server that runs jobs is a row of the table servers, an advisory lock of its
// session on the row's number, and a time that it moves on. It is dead when
// its session is gone for grace, as after kill -9, or when it was silent for
// lease, as a frozen host is. Its clusters then go to the others.
//
// A server whose beat fails ends its runs. It does so within beat+limit of
// the last good one, before the lease is over; what it writes nevertheless is
// refused, see fenced.
const (
	beat  = time.Second
	limit = 5 * time.Second // of one beat
	grace = 3 * time.Second
	lease = 8 * time.Second
)

// server is this process among those that run jobs.
type server struct {
	backend *Backend
	conn    *pgx.Conn // its session
	id      string
	number  int32
}

// errExpelled says that the others take this server for dead.
var errExpelled = errors.New("the other servers have taken this one for dead")

// Work runs jobs until ctx ends, sharing them with the other servers.
func (b *Backend) Work(ctx context.Context, w store.Worker) error {
	if !b.worker.TryLock() {
		return store.Working()
	}
	defer b.worker.Unlock()
	for failures := 1; ; failures++ {
		begin := time.Now()
		err := b.serve(ctx, w)
		if ctx.Err() != nil || err == nil {
			return nil
		}
		if time.Since(begin) > lease {
			failures = 1
		}
		b.log.ErrorContext(ctx, "The work on clusters was interrupted; resuming.", "err", err)
		select {
		case <-time.After(store.RetryAfter(failures)):
		case <-ctx.Done():
		}
	}
}

// serve is one life of the server: it ends with ctx or with its session.
func (b *Backend) serve(ctx context.Context, w store.Worker) error {
	s, err := b.join(ctx)
	if err != nil {
		return fmt.Errorf("join the servers: %w", classify(err))
	}
	g, working := errgroup.WithContext(ctx)
	g.Go(func() error { return s.live(working) })
	g.Go(func() error { return b.jobs.Work(working, s.id, w) })
	err = g.Wait()
	return errors.Join(err, s.leave(context.WithoutCancel(ctx)))
}

// join makes the row and the lock; the row is not seen before it is locked.
func (b *Backend) join(ctx context.Context) (_ *server, err error) {
	s := &server{backend: b, id: rand.Text()}
	if s.conn, err = b.dial(ctx); err != nil {
		return nil, err
	}
	err = pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, "INSERT INTO servers (id) VALUES ($1) RETURNING number", s.id).Scan(&s.number)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "SELECT pg_advisory_lock($1, $2)", lockServers, s.number)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, s.conn.Close(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// leave is called when every run has ended.
func (s *server) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if !s.conn.IsClosed() {
		s.conn.Close(ctx) //nolint:errcheck // the server is leaving
	}
	err := s.backend.update(ctx, func(t *writeTx) error {
		_, err := t.tx.Exec(ctx, "DELETE FROM servers WHERE number = $1", s.number)
		if err == nil {
			err = s.backend.notify(ctx, t.tx, notice{From: s.backend.names.from, Look: true})
		}
		return t.check(err)
	})
	if err != nil {
		return fmt.Errorf("leave the servers: %w", err)
	}
	return nil
}

// live beats until ctx ends, or until a beat fails.
func (s *server) live(ctx context.Context) error {
	ticks := time.NewTicker(beat)
	defer ticks.Stop()
	for {
		if err := s.beat(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("keep the lease: %w", err)
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return nil
		}
	}
}

const sqlBeat = "UPDATE servers SET seen = clock_timestamp() WHERE number = $1"

// sqlDead finds the servers that are dead.
const sqlDead = `SELECT number FROM servers s WHERE seen < clock_timestamp() - $1::interval
	OR seen < clock_timestamp() - $2::interval AND NOT EXISTS (
		SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND objid::bigint = s.number
			AND classid::bigint = $3 AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`

// sqlOrphans finds the jobs whose server is no more.
const sqlOrphans = `SELECT id FROM river_job WHERE state = 'running' AND queue = $1
	AND NOT EXISTS (SELECT FROM servers s WHERE s.id = attempted_by[array_upper(attempted_by, 1)])`

func (s *server) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	moved, err := s.conn.Exec(ctx, sqlBeat, s.number)
	if err != nil {
		return classify(err)
	}
	if moved.RowsAffected() == 0 {
		return errExpelled
	}
	var any bool
	err = s.conn.QueryRow(ctx, "SELECT EXISTS ("+sqlDead+") OR EXISTS ("+strings.Replace(sqlOrphans, "$1", "$4", 1)+")",
		lease, grace, int64(lockServers), jobs.Queue).Scan(&any)
	if err != nil || !any {
		return classify(err)
	}
	return s.bury(ctx)
}

// bury removes the dead and makes new jobs for their clusters. The old jobs
// stay ended, so that whoever comes back from the dead cannot end the new ones.
func (s *server) bury(ctx context.Context) error {
	b := s.backend
	var clusters []string
	err := b.update(ctx, func(t *writeTx) error {
		_, err := t.tx.Exec(ctx, "DELETE FROM servers WHERE number IN ("+sqlDead+") AND number <> $4", lease, grace, int64(lockServers), s.number)
		if err != nil {
			return t.check(err)
		}
		rows, err := t.tx.Query(ctx, "UPDATE river_job SET state = 'discarded', finalized_at = clock_timestamp() WHERE id IN ("+sqlOrphans+") RETURNING args->>'cluster'", jobs.Queue)
		if err != nil {
			return t.check(err)
		}
		if clusters, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return t.check(err)
		}
		for _, cluster := range clusters {
			if err := b.jobs.TakeUp(ctx, t.tx, cluster); err != nil {
				return t.check(err)
			}
		}
		return t.check(b.notify(ctx, t.tx, notice{From: b.names.from, Look: true}))
	})
	if err != nil {
		return fmt.Errorf("take up the work of a lost server: %w", err)
	}
	b.log.WarnContext(ctx, "A server was lost; its clusters were taken up.", "clusters", clusters)
	b.jobs.Look()
	return nil
}
