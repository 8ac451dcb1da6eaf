package postgres

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/internal/hub"
	"github.com/jeroboam-cloud/jeroboam/store/internal/jobs"
)

const (
	columns    = "kind, id, project, parent, name, public, revision, seq, data"
	keyColumns = "id, revision, seq"

	sqlGet    = "SELECT " + columns + " FROM records WHERE kind = $1 AND id = $2"
	sqlInsert = `INSERT INTO records (project, parent, name, public, data, kind, id, revision) VALUES ($1, $2, $3, $4, $5, $6, $7, 1)
		ON CONFLICT (kind, id) DO NOTHING RETURNING seq`
	sqlUpdate = `UPDATE records SET project = $1, parent = $2, name = $3, public = $4, data = $5, revision = revision + 1
		WHERE kind = $6 AND id = $7 AND revision = $8 RETURNING seq`
	sqlDelete = "DELETE FROM records WHERE kind = $1 AND id = $2 AND ($3 = 0::bigint OR revision = $3) RETURNING parent"
)

// reading is the part of a transaction that View and Update have in common. The
// context is the transaction's: store.Tx has no other place for it.
type reading struct {
	ctx context.Context
	tx  pgx.Tx
	// failed is told of errors of the database; nil in a View.
	failed func(error)
}

// check classifies an error of the database.
func (t reading) check(err error) error {
	if err != nil && t.failed != nil {
		t.failed(err)
	}
	return classify(err)
}

func (t reading) Get(kind, id string) (store.Record, error) {
	if !storable(kind, id) {
		return store.Record{}, store.Absent(kind, id)
	}
	records, err := t.query(scan, sqlGet, kind, id)
	if err != nil {
		return store.Record{}, err
	}
	if len(records) == 0 {
		return store.Record{}, store.Absent(kind, id)
	}
	return records[0], nil
}

func (t reading) query(scan pgx.RowToFunc[store.Record], query string, args ...any) ([]store.Record, error) {
	rows, err := t.tx.Query(t.ctx, query, args...)
	if err != nil {
		return nil, t.check(err)
	}
	records, err := pgx.CollectRows(rows, scan)
	if len(records) == 0 {
		records = nil
	}
	return records, t.check(err)
}

func scan(row pgx.CollectableRow) (r store.Record, err error) {
	err = row.Scan(&r.Kind, &r.ID, &r.Project, &r.Parent, &r.Name, &r.Public, &r.Revision, &r.Seq, &r.Data)
	return r, err
}

func scanKey(row pgx.CollectableRow) (r store.Record, err error) {
	err = row.Scan(&r.ID, &r.Revision, &r.Seq)
	return r, err
}

// one runs a statement that returns at most one value; found says if it did.
func (t reading) one(to any, query string, args ...any) (found bool, err error) {
	err = t.tx.QueryRow(t.ctx, query, args...).Scan(to)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, t.check(err)
}

// storable reports whether PostgreSQL can hold the texts: it takes UTF-8 without
// zero bytes, and ends the transaction at anything else.
func storable(texts ...string) bool {
	for _, s := range texts {
		if strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
			return false
		}
	}
	return true
}

// readTx is a store.Tx that refuses to write.
type readTx struct{ reading }

func (readTx) Put(store.Record) (store.Record, error) { return store.Record{}, store.WriteInView() }
func (readTx) Delete(string, string, int64) error     { return store.WriteInView() }
func (readTx) Wake(string) error                      { return store.WriteInView() }

// writeTx is one attempt of an Update.
type writeTx struct {
	reading
	jobs    *jobs.Jobs[pgx.Tx]
	touched map[hub.Key]struct{}
	wakes   map[string]int64
	broken  error // the first error of the database: the transaction is lost
}

func newWriteTx(ctx context.Context, tx pgx.Tx, j *jobs.Jobs[pgx.Tx]) *writeTx {
	t := &writeTx{reading: reading{ctx: ctx, tx: tx}, jobs: j, touched: map[hub.Key]struct{}{}, wakes: map[string]int64{}}
	t.failed = func(err error) {
		if _, ours := jeroboam.AsError(err); !ours && t.broken == nil {
			t.broken = err
		}
	}
	return t
}

func (t *writeTx) touch(kind, parent string) {
	t.touched[hub.Key{Kind: kind, Parent: parent}] = struct{}{}
}

func (t *writeTx) Put(r store.Record) (store.Record, error) {
	data := string(r.Data)
	if !storable(r.Kind, r.ID, r.Project, r.Parent, r.Name, data) {
		return store.Record{}, jeroboam.Errorf(jeroboam.Invalid, store.ReasonText, "A text of the %s is not UTF-8 or has a zero byte.", r.Kind)
	}
	query, refused := sqlUpdate, store.Stale
	args := []any{r.Project, r.Parent, r.Name, r.Public, data, r.Kind, r.ID, r.Revision}
	if r.Revision == 0 {
		query, refused, args = sqlInsert, store.Taken, args[:7]
	}
	found, err := t.one(&r.Seq, query, args...)
	if err != nil {
		return store.Record{}, err
	}
	if !found {
		return store.Record{}, refused(r.Kind, r.ID)
	}
	r.Revision++
	t.touch(r.Kind, r.Parent)
	return r, nil
}

func (t *writeTx) Delete(kind, id string, revision int64) error {
	if !storable(kind, id) {
		return store.Absent(kind, id)
	}
	var parent string
	found, err := t.one(&parent, sqlDelete, kind, id, revision)
	if err != nil {
		return err
	}
	if found {
		t.touch(kind, parent)
		return nil
	}
	if _, err := t.Get(kind, id); err != nil {
		return err
	}
	return store.Stale(kind, id)
}

func (t *writeTx) Wake(cluster string) error {
	if _, ok := t.wakes[cluster]; ok {
		return nil
	}
	wake, err := t.jobs.Wake(t.ctx, t.tx, cluster)
	if err != nil {
		return t.check(err)
	}
	t.wakes[cluster] = wake
	return nil
}
