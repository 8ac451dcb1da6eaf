package sqlite

import (
	"database/sql"
	"encoding/json"
	"errors"
	"strings"

	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/internal/query"
)

// dialect is SQLite's. The index has to be named: the planner would rather read
// all records of the kind in the order of seq.
var dialect = query.Dialect{
	Public:  "public = 1",
	Parents: "parent IN (SELECT value FROM json_each(?))",
	List:    func(list []string) any { return texts(list) },
	Index:   " INDEXED BY records_parent",
	IDs:     "id IN (SELECT value FROM json_each(?))",
	IDIndex: " INDEXED BY records_id",
}

// texts is a list as one argument, so that its length does not make another
// statement.
func texts(list []string) string {
	data, err := json.Marshal(list)
	if err != nil {
		panic("sqlite: strings do not marshal: " + err.Error())
	}
	return string(data)
}

func (t reading) List(q store.Query) ([]store.Record, error) {
	if err := store.CheckSort(q.Sort); err != nil {
		return nil, err
	}
	w, key := query.Select(q, dialect), sortKey(q.Sort)
	if q.Marker != "" {
		if err := t.startAfter(w, key, q); err != nil {
			return nil, err
		}
	}
	list := w.String() + order(key, q.Desc)
	if q.Limit > 0 {
		list += " LIMIT ?"
		w.Args = append(w.Args, q.Limit)
	}
	if q.Keys {
		return t.query(scanKey, "SELECT "+keyColumns+list, w.Args...)
	}
	return t.query(scan, "SELECT "+columns+list, w.Args...)
}

// Count counts what q selects: its page (Marker, Limit) does not matter.
func (t reading) Count(q store.Query) (int, error) {
	w := query.Select(q, dialect)
	var n int
	_, err := t.one(&n, "SELECT count(*)"+w.String(), w.Args...)
	return n, err
}

// Tally counts by what is in documents.
func (t reading) Tally(kind string, by ...store.Facet) ([]store.Group, error) {
	if err := store.CheckFacets(by); err != nil {
		return nil, err
	}
	stmt, err := t.on.stmt(query.Tally(by, facet, " FROM records WHERE kind = ?"))
	if err != nil {
		return nil, err
	}
	rows, err := stmt.Query(kind)
	if err != nil {
		return nil, t.on.check(err)
	}
	defer rows.Close()
	var out []store.Group
	for rows.Next() {
		g := store.Group{Values: make([]string, len(by))}
		if err := rows.Scan(query.Into(&g)...); err != nil {
			return nil, t.on.check(err)
		}
		out = append(out, g)
	}
	return out, t.on.check(rows.Err())
}

// facet is the expression of a checked one. A truth is a number in SQLite.
func facet(f store.Facet) string {
	path := "data, '$." + f.Field + "'"
	if f.Has {
		return "CASE coalesce(json_type(" + path + "), 'null') WHEN 'null' THEN 'false' ELSE 'true' END"
	}
	return "CASE json_type(" + path + ") WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' WHEN 'text' THEN json_extract(" + path + ") ELSE '' END"
}

// sortKey is the expression a checked field is ordered by, "" for seq alone.
// Times end in Z after a fraction of any length: without it they sort as text.
func sortKey(field string) string {
	switch {
	case field == "":
		return ""
	case strings.HasSuffix(field, "_at"):
		return "rtrim(json_extract(data, '$." + field + "'), 'Z')"
	}
	return "json_extract(data, '$." + field + "')"
}

// order puts absent values first, and records of equal value in the order of
// their creation; Desc is the exact reverse.
func order(key string, desc bool) string {
	direction := ""
	if desc {
		direction = " DESC"
	}
	if key == "" {
		return " ORDER BY seq" + direction
	}
	return " ORDER BY " + key + direction + ", seq" + direction
}

// startAfter restricts w to the records that follow q.Marker in q's order.
func (t reading) startAfter(w *query.Where, key string, q store.Query) error {
	marker, seq, err := t.marker(w, key, q)
	if err != nil {
		return err
	}
	seqAfter, after, null := "seq > ?", key+" > ?", "(? IS NULL AND "+key+" IS NOT NULL)"
	if q.Desc {
		seqAfter, after, null = "seq < ?", key+" < ?", "(? IS NOT NULL AND "+key+" IS NULL)"
	}
	if key == "" {
		w.Add(seqAfter, seq)
		return nil
	}
	w.Add("("+key+" IS ? AND "+seqAfter+" OR "+after+" OR "+null+")", marker, seq, marker, marker)
	return nil
}

// marker finds the sort value and seq of q.Marker among the records of w.
func (t reading) marker(w *query.Where, key string, q store.Query) (value any, seq int64, err error) {
	if key == "" {
		key = "NULL"
	}
	stmt, err := t.on.stmt("SELECT " + key + ", seq" + w.String() + " AND id = ?")
	if err != nil {
		return nil, 0, err
	}
	args := append(append([]any(nil), w.Args...), q.Marker)
	err = stmt.QueryRow(args...).Scan(&value, &seq)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, 0, store.NoMarker(q.Kind, q.Marker)
	}
	return value, seq, t.on.check(err)
}
