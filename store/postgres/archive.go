package postgres

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// page is how many records are in memory at a time.
const page = 1000

// Dump calls f with every record in the order of Seq.
func (b *Backend) Dump(ctx context.Context, f func(store.Record) error) error {
	return b.View(ctx, func(tx store.Tx) error {
		var after int64
		for {
			records, err := tx.(readTx).query(scan, "SELECT "+columns+" FROM records WHERE seq > $1 ORDER BY seq LIMIT $2", after, page)
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
	err, _ := b.attempt(ctx, func(t *writeTx) error { return t.fill(next) }) // next cannot be repeated
	return err
}

func (t *writeTx) fill(next func() (store.Record, error)) error {
	var full bool
	if _, err := t.one(&full, "SELECT EXISTS (SELECT FROM records)"); err != nil {
		return err
	}
	if full {
		return store.NotEmpty()
	}
	var clusters []string
	var refused error // by next: pgx passes on its text alone
	_, err := t.tx.CopyFrom(t.ctx, pgx.Identifier{"records"}, strings.Split(columns, ", "), pgx.CopyFromFunc(func() ([]any, error) {
		var r store.Record
		r, refused = next()
		if errors.Is(refused, io.EOF) {
			refused = nil
			return nil, nil
		}
		if refused != nil {
			return nil, refused
		}
		if r.Kind == store.KindCluster {
			clusters = append(clusters, r.ID)
		}
		t.touch(r.Kind, r.Parent)
		return []any{r.Kind, r.ID, r.Project, r.Parent, r.Name, r.Public, r.Revision, r.Seq, string(r.Data)}, nil
	}))
	if refused != nil {
		return refused
	}
	if taken(err) {
		return jeroboam.Errorf(jeroboam.Invalid, store.ReasonExists, "A record comes twice.").Wrap(err)
	}
	if err != nil {
		return t.check(err)
	}
	var last int64
	if _, err := t.one(&last, "SELECT setval(pg_get_serial_sequence('records', 'seq'), coalesce(max(seq), 1), count(*) > 0) FROM records"); err != nil {
		return err
	}
	for _, cluster := range clusters {
		if err := t.Wake(cluster); err != nil {
			return err
		}
	}
	return nil
}
