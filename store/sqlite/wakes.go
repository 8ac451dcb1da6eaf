package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jeroboam-cloud/jeroboam/store"
)

// wakes is the Backend as a jobs.Database.
type wakes struct{ *Backend }

// UpdateTx runs f in the writing transaction.
func (b wakes) UpdateTx(ctx context.Context, f func(*sql.Tx) error) error {
	return b.writer.update(ctx, func(g *group) error { return g.check(f(g.tx)) })
}

// Ring gives the cluster a new wake: the row is replaced under a new number.
func (b wakes) Ring(tx *sql.Tx, cluster string) (wake int64, err error) {
	err = tx.Stmt(b.writer.stmts[sqlRing]).QueryRow(cluster).Scan(&wake)
	return wake, err
}

// Hush forgets the cluster's wake up to heard.
func (b wakes) Hush(tx *sql.Tx, cluster string, heard int64) (left bool, err error) {
	if _, err := tx.Stmt(b.writer.stmts[sqlHush]).Exec(cluster, heard); err != nil {
		return false, err
	}
	var wake int64
	err = tx.Stmt(b.writer.stmts[sqlRung]).QueryRow(cluster).Scan(&wake)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// Rung reads the cluster's wake, 0 for none.
func (b wakes) Rung(ctx context.Context, cluster string) (wake int64, err error) {
	err = b.View(ctx, func(tx store.Tx) error {
		_, err := tx.(readTx).one(&wake, sqlRung, cluster)
		return err
	})
	return wake, err
}
