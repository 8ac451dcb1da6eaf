package sqlite

import (
	"context"
	"errors"
	"io"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

const (
	// page is how many records are in memory at a time.
	page = 1000

	sqlPage = "SELECT " + columns + " FROM records WHERE seq > ? ORDER BY seq LIMIT ?"
	sqlFill = "INSERT INTO records (" + columns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq"
)

// Dump calls f with every record in the order of Seq.
func (b *Backend) Dump(ctx context.Context, f func(store.Record) error) error {
	return b.View(ctx, func(tx store.Tx) error {
		var after int64
		for {
			records, err := tx.(readTx).query(scan, sqlPage, after, page)
			if err != nil || len(records) == 0 {
				return err
			}
			for _, r := range records {
				if err := f(r); err != nil {
					return err
				}
				after = r.Seq
			}
		}
	})
}

// Fill writes records into an empty database as they are.
func (b *Backend) Fill(ctx context.Context, next func() (store.Record, error)) error {
	return b.Update(ctx, func(tx store.Tx) error {
		return tx.(*writeTx).fill(next)
	})
}

// fillRest is after how many records a Fill begins a new savepoint: SQLite goes
// through all that the present one has changed at each statement.
const fillRest = 100

// rest ends the savepoint and begins another one. What was before it is undone
// with the whole transaction alone.
func (t *writeTx) rest() error {
	if err := t.group.exec("RELEASE member"); err != nil {
		return err
	}
	return t.group.exec("SAVEPOINT member")
}

func (t *writeTx) fill(next func() (store.Record, error)) (err error) {
	n := 0
	defer func() {
		if err != nil && n >= fillRest && t.group.broken == nil {
			t.group.broken = err
		}
	}()
	var full bool
	if _, err := t.one(&full, "SELECT EXISTS (SELECT 1 FROM records)"); err != nil {
		return err
	}
	if full {
		return store.NotEmpty()
	}
	for {
		r, err := next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if n++; err == nil && n%fillRest == 0 {
			err = t.rest()
		}
		if err != nil {
			return err
		}
		_, err = t.one(&r.Seq, sqlFill, r.Kind, r.ID, r.Project, r.Parent, r.Name, r.Public, r.Revision, r.Seq, string(r.Data))
		if taken(err) {
			return jeroboam.Errorf(jeroboam.Invalid, store.ReasonExists, "A record comes twice.").Wrap(err)
		}
		if err != nil {
			return err
		}
		t.touch(r.Kind, r.Parent)
		if r.Kind != store.KindCluster {
			continue
		}
		if err := t.Wake(r.ID); err != nil {
			return err
		}
	}
}
