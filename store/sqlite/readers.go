package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jeroboam-cloud/jeroboam/store"
)

// readers is a fixed set of connections, each with its statements prepared once.
type readers struct {
	db   *sql.DB
	idle chan *reader
}

// reader is one connection. It implements statements.
type reader struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

// maxStatements is when a reader forgets its statements: queries differ by
// their conditions and sort fields, of which clients may think up many.
const maxStatements = 256

func openReaders(ctx context.Context, dsn string, n int) (*readers, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	r := &readers{db: db, idle: make(chan *reader, n)}
	for range n {
		conn, err := db.Conn(ctx)
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		r.idle <- &reader{conn: conn, stmts: map[string]*sql.Stmt{}}
	}
	return r, nil
}

func (r *readers) view(ctx context.Context, f func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return store.Stopped(err)
	}
	var c *reader
	var open bool
	select {
	case c, open = <-r.idle:
		if !open {
			return store.Stopped(sql.ErrConnDone)
		}
	case <-ctx.Done():
		return store.Stopped(ctx.Err())
	}
	defer r.giveBack(c)
	if err := c.exec("BEGIN"); err != nil {
		return err
	}
	defer c.exec("ROLLBACK") //nolint:errcheck // nothing was written
	return f(readTx{reading{c}})
}

func (r *readers) giveBack(c *reader) {
	if len(c.stmts) > maxStatements {
		c.forget()
	}
	r.idle <- c
}

// close waits until every connection is idle.
func (r *readers) close() error {
	var errs []error
	for range r.db.Stats().OpenConnections {
		c := <-r.idle
		c.forget()
		errs = append(errs, c.conn.Close())
	}
	close(r.idle)
	return errors.Join(append(errs, r.db.Close())...)
}

func (c *reader) stmt(query string) (*sql.Stmt, error) {
	if stmt, ok := c.stmts[query]; ok {
		return stmt, nil
	}
	stmt, err := c.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, classify(err)
	}
	c.stmts[query] = stmt
	return stmt, nil
}

func (c *reader) check(err error) error { return classify(err) }

func (c *reader) exec(query string) error {
	stmt, err := c.stmt(query)
	if err != nil {
		return err
	}
	_, err = stmt.Exec()
	return classify(err)
}

func (c *reader) forget() {
	for _, stmt := range c.stmts {
		stmt.Close() //nolint:errcheck // frees memory only
	}
	c.stmts = map[string]*sql.Stmt{}
}
