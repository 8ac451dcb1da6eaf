package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"maps"

	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/internal/hub"
	"github.com/jeroboam-cloud/jeroboam/store/internal/jobs"
)

const (
	columns    = "kind, id, project, parent, name, public, revision, seq, data"
	keyColumns = "id, revision, seq"

	sqlGet    = "SELECT " + columns + " FROM records WHERE kind = ? AND id = ?"
	sqlInsert = "INSERT INTO records (project, parent, name, public, data, kind, id, revision) VALUES (?, ?, ?, ?, ?, ?, ?, 1) RETURNING seq"
	sqlUpdate = "UPDATE records SET project = ?, parent = ?, name = ?, public = ?, data = ?, revision = revision + 1 WHERE kind = ? AND id = ? AND revision = ? RETURNING seq"
	sqlDelete = "DELETE FROM records WHERE kind = ? AND id = ? AND (? = 0 OR revision = ?) RETURNING parent"
	sqlRing   = "REPLACE INTO wakes (cluster) VALUES (?) RETURNING wake"
	sqlHush   = "DELETE FROM wakes WHERE cluster = ? AND wake <= ?"
	sqlRung   = "SELECT wake FROM wakes WHERE cluster = ?"
)

// statements is where a transaction gets its prepared statements. They run
// without a context: each is short, and a statement cut off in the middle of a
// shared transaction would take the others with it.
type statements interface {
	stmt(query string) (*sql.Stmt, error)
	check(err error) error // classifies
}

// reading is the part of a transaction that View and Update have in common.
type reading struct{ on statements }

func (t reading) Get(kind, id string) (store.Record, error) {
	records, err := t.query(scan, sqlGet, kind, id)
	if err != nil {
		return store.Record{}, err
	}
	if len(records) == 0 {
		return store.Record{}, store.Absent(kind, id)
	}
	return records[0], nil
}

func scan(rows *sql.Rows, r *store.Record) error {
	return rows.Scan(&r.Kind, &r.ID, &r.Project, &r.Parent, &r.Name, &r.Public, &r.Revision, &r.Seq, &r.Data)
}

func scanKey(rows *sql.Rows, r *store.Record) error { return rows.Scan(&r.ID, &r.Revision, &r.Seq) }

func (t reading) query(scan func(*sql.Rows, *store.Record) error, query string, args ...any) ([]store.Record, error) {
	stmt, err := t.on.stmt(query)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.Query(args...)
	if err != nil {
		return nil, t.on.check(err)
	}
	defer rows.Close()
	var records []store.Record
	for rows.Next() {
		var r store.Record
		if err := scan(rows, &r); err != nil {
			return nil, t.on.check(err)
		}
		records = append(records, r)
	}
	return records, t.on.check(rows.Err())
}

// one runs a statement that returns at most one value; found says if it did.
func (t reading) one(to any, query string, args ...any) (found bool, err error) {
	stmt, err := t.on.stmt(query)
	if err != nil {
		return false, err
	}
	err = stmt.QueryRow(args...).Scan(to)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, t.on.check(err)
}

// readTx is a store.Tx that refuses to write.
type readTx struct{ reading }

func (readTx) Put(store.Record) (store.Record, error) { return store.Record{}, store.WriteInView() }
func (readTx) Delete(string, string, int64) error     { return store.WriteInView() }
func (readTx) Wake(string) error                      { return store.WriteInView() }

// writeTx is one Update's part of a group.
type writeTx struct {
	reading
	group   *group
	jobs    *jobs.Jobs[*sql.Tx]
	touched map[hub.Key]struct{}
	wakes   map[string]int64
}

func newWriteTx(g *group, j *jobs.Jobs[*sql.Tx]) *writeTx {
	return &writeTx{
		reading: reading{g}, group: g, jobs: j,
		touched: map[hub.Key]struct{}{}, wakes: map[string]int64{},
	}
}

// join adds what the Update did to what the group will announce.
func (t *writeTx) join() {
	maps.Copy(t.group.touched, t.touched)
	maps.Copy(t.group.wakes, t.wakes)
}

func (t *writeTx) touch(kind, parent string) {
	t.touched[hub.Key{Kind: kind, Parent: parent}] = struct{}{}
}

func (t *writeTx) Put(r store.Record) (store.Record, error) {
	query := sqlUpdate
	args := []any{r.Project, r.Parent, r.Name, r.Public, string(r.Data), r.Kind, r.ID, r.Revision}
	if r.Revision == 0 {
		query, args = sqlInsert, args[:7]
	}
	found, err := t.one(&r.Seq, query, args...)
	switch {
	case taken(err):
		return store.Record{}, store.Taken(r.Kind, r.ID)
	case err != nil:
		return store.Record{}, err
	case !found:
		return store.Record{}, store.Stale(r.Kind, r.ID)
	}
	r.Revision++
	t.touch(r.Kind, r.Parent)
	return r, nil
}

func (t *writeTx) Delete(kind, id string, revision int64) error {
	var parent string
	found, err := t.one(&parent, sqlDelete, kind, id, revision, revision)
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
	wake, err := t.jobs.Wake(context.Background(), t.group.tx, cluster)
	if err != nil {
		return t.group.check(err)
	}
	t.wakes[cluster] = wake
	return nil
}
