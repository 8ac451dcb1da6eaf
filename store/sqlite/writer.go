package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/internal/hub"
)

// maxGroup limits how many Updates share a commit, and so how long the first
// of them waits for the last.
const maxGroup = 64

// writer runs Updates one after the other. Those that wait for their turn at
// the same time share one commit, and so one fsync: each runs in a savepoint of
// the group's transaction, on its own goroutine, and the last one commits.
type writer struct {
	db        *sql.DB // one connection
	stmts     map[string]*sql.Stmt
	committed func(*group)

	waiting atomic.Int64 // Updates that want their turn
	turn    sync.Mutex
	open    *group // guarded by turn; nil between commits
	closed  bool   // guarded by turn
}

// group is the Updates of one commit.
type group struct {
	w       *writer
	tx      *sql.Tx
	stmts   map[string]*sql.Stmt // of tx
	size    int
	touched map[hub.Key]struct{}
	wakes   map[string]int64
	broken  error         // the transaction is lost, with all its Updates
	done    chan struct{} // closed when err is final
	err     error
}

func (w *writer) update(ctx context.Context, f func(*group) error) error {
	w.waiting.Add(1)
	w.turn.Lock()
	w.waiting.Add(-1)
	g, err := w.run(ctx, f)
	if err != nil {
		return err
	}
	<-g.done
	return g.err
}

// run is called with the turn and gives it up, however f ends.
func (w *writer) run(ctx context.Context, f func(*group) error) (*group, error) {
	defer w.turn.Unlock()
	defer w.pass()
	if err := ctx.Err(); err != nil {
		return nil, store.Stopped(err)
	}
	if w.closed {
		return nil, store.Stopped(sql.ErrConnDone)
	}
	if w.open == nil {
		if err := w.begin(); err != nil {
			return nil, classify(err)
		}
	}
	g := w.open
	return g, g.member(f)
}

func (w *writer) begin() error {
	tx, err := w.db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	w.open = &group{
		w: w, tx: tx, stmts: map[string]*sql.Stmt{}, done: make(chan struct{}),
		touched: map[hub.Key]struct{}{}, wakes: map[string]int64{},
	}
	return nil
}

// member runs f in a savepoint, and undoes it alone if it fails or panics.
func (g *group) member(f func(*group) error) (err error) {
	if err := g.exec("SAVEPOINT member"); err != nil {
		return err
	}
	finished := false
	defer func() {
		if finished && err == nil {
			return
		}
		if undo := g.exec("ROLLBACK TO member"); undo == nil {
			g.exec("RELEASE member") //nolint:errcheck // a failure is in g.broken
		}
	}()
	g.size++
	err = f(g)
	finished = true
	if err == nil {
		err = g.broken // f may have overlooked it
	}
	if err == nil {
		err = g.exec("RELEASE member")
	}
	return err
}

// exec runs a statement on which the group's life hangs.
func (g *group) exec(query string) error {
	if g.broken != nil {
		return g.broken
	}
	stmt, err := g.stmt(query)
	if err != nil {
		return err
	}
	_, err = stmt.Exec()
	return g.check(err)
}

// stmt returns a statement of the transaction.
func (g *group) stmt(query string) (*sql.Stmt, error) {
	if g.broken != nil {
		return nil, g.broken
	}
	stmt, ok := g.stmts[query]
	if ok {
		return stmt, nil
	}
	if kept, ok := g.w.stmts[query]; ok {
		stmt = g.tx.Stmt(kept)
	} else {
		var err error
		if stmt, err = g.tx.Prepare(query); err != nil {
			return nil, g.check(err)
		}
	}
	g.stmts[query] = stmt
	return stmt, nil
}

// check classifies an error of the database, and gives the group up if SQLite
// may have rolled the transaction back by itself.
func (g *group) check(err error) error {
	if err == nil {
		return nil
	}
	classified := classify(err)
	if endsTransaction(err) && g.broken == nil {
		g.broken = classified
	}
	return classified
}

// pass commits, unless another Update waits to join the group.
func (w *writer) pass() {
	g := w.open
	if g == nil || g.broken == nil && g.size < maxGroup && w.waiting.Load() > 0 {
		return
	}
	w.open = nil
	defer close(g.done)
	if g.broken != nil {
		g.err = g.broken
		g.tx.Rollback() //nolint:errcheck // SQLite has done so already
		return
	}
	if err := g.tx.Commit(); err != nil {
		g.err = fmt.Errorf("commit: %w", classify(err))
		g.tx.Rollback() //nolint:errcheck // ends what the failed commit left
		return
	}
	w.committed(g)
}

// prepare makes the statements once; the one connection keeps them.
func (w *writer) prepare(ctx context.Context) error {
	w.stmts = map[string]*sql.Stmt{}
	for _, query := range []string{"SAVEPOINT member", "ROLLBACK TO member", "RELEASE member",
		sqlGet, sqlInsert, sqlUpdate, sqlDelete, sqlRing, sqlHush, sqlRung} {
		stmt, err := w.db.PrepareContext(ctx, query)
		if err != nil {
			return fmt.Errorf("prepare %q: %w", query, err)
		}
		w.stmts[query] = stmt
	}
	return nil
}

func (w *writer) close() error {
	w.turn.Lock()
	defer w.turn.Unlock()
	w.closed = true
	var errs []error
	for _, stmt := range w.stmts {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, w.db.Close())...)
}
