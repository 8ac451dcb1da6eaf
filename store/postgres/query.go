package postgres

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/internal/query"
)

// numbered turns the places of arguments into $1, $2, …
func numbered(sql string) string {
	var b strings.Builder
	for i, part := range strings.Split(sql, "?") {
		if i > 0 {
			b.WriteString("$" + strconv.Itoa(i))
		}
		b.WriteString(part)
	}
	return b.String()
}

var dialect = query.Dialect{
	Public:  "public",
	Parents: "parent = ANY(?)",
	List:    func(list []string) any { return list },
	IDs:     "id = ANY(?)",
}

func (t reading) List(q store.Query) ([]store.Record, error) {
	if err := store.CheckSort(q.Sort); err != nil {
		return nil, err
	}
	if !selectable(q) {
		return nil, nil
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
		return t.query(scanKey, numbered("SELECT "+keyColumns+list), w.Args...)
	}
	return t.query(scan, numbered("SELECT "+columns+list), w.Args...)
}

// Count counts what q selects: its page (Marker, Limit) does not matter.
func (t reading) Count(q store.Query) (int, error) {
	if !selectable(q) {
		return 0, nil
	}
	w := query.Select(q, dialect)
	var n int
	_, err := t.one(&n, numbered("SELECT count(*)"+w.String()), w.Args...)
	return n, err
}

// Tally counts by what is in documents.
func (t reading) Tally(kind string, by ...store.Facet) ([]store.Group, error) {
	if err := store.CheckFacets(by); err != nil || !storable(kind) {
		return nil, err
	}
	// OFFSET keeps the planner from reading a document once for each facet.
	tally := query.Tally(by, facet, " FROM (SELECT "+document+" AS doc FROM records WHERE kind = $1 OFFSET 0) AS documents")
	rows, err := t.tx.Query(t.ctx, tally, kind)
	if err != nil {
		return nil, t.check(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.Group, error) {
		g := store.Group{Values: make([]string, len(by))}
		return g, row.Scan(query.Into(&g)...)
	})
	if len(out) == 0 {
		out = nil
	}
	return out, t.check(err)
}

// facet is the expression of a checked one.
func facet(f store.Facet) string {
	path := "'{" + strings.ReplaceAll(f.Field, ".", ",") + "}'"
	if f.Has {
		return "(coalesce(jsonb_typeof(doc #> " + path + "), 'null') <> 'null')::text"
	}
	return "CASE WHEN jsonb_typeof(doc #> " + path + ") IN ('string', 'boolean') THEN doc #>> " + path + ` ELSE '' END COLLATE "C"`
}

// document is the stored text as a value. JSON in text may have an escaped
// zero, jsonb may not.
const document = `replace(data, '\u0000', '\ufffd')::jsonb`

func selectable(q store.Query) bool {
	return storable(slices.Concat([]string{q.Kind, q.Project, q.Parent, q.Name}, q.Parents, q.IDs)...)
}

// sortKey is what records are ordered by: columns without NULL, so that a page
// can start after a row of them. Of a field these are the rank of its type
// (absent, number or truth, text), its number and its text; a checked field
// needs no quotes.
func sortKey(field string) []string {
	if field == "" {
		return []string{"seq"}
	}
	value := "(" + document + " #> '{" + strings.ReplaceAll(field, ".", ",") + "}')"
	text := value + " #>> '{}'"
	if strings.HasSuffix(field, "_at") { // times end in Z after a fraction of any length
		text = "rtrim(" + text + ", 'Z')"
	}
	kind := "CASE coalesce(jsonb_typeof" + value + ", 'null') "
	return []string{
		kind + "WHEN 'null' THEN 0 WHEN 'number' THEN 1 WHEN 'boolean' THEN 1 ELSE 2 END",
		kind + "WHEN 'number' THEN " + value + "::numeric WHEN 'boolean' THEN " + value + "::boolean::int ELSE 0 END",
		"(" + kind + "WHEN 'null' THEN '' WHEN 'number' THEN '' WHEN 'boolean' THEN '' ELSE " + text + ` END) COLLATE "C"`,
		"seq",
	}
}

// order puts absent values first, and records of equal value in the order of
// their creation; Desc is the exact reverse.
func order(key []string, desc bool) string {
	if desc {
		return " ORDER BY " + strings.Join(key, " DESC, ") + " DESC"
	}
	return " ORDER BY " + strings.Join(key, ", ")
}

// startAfter restricts w to the records that follow q.Marker in q's order.
func (t reading) startAfter(w *query.Where, key []string, q store.Query) error {
	if !storable(q.Marker) {
		return store.NoMarker(q.Kind, q.Marker)
	}
	row, places := make([]any, len(key)), strings.Repeat(", ?", len(key))[2:]
	to := make([]any, len(key))
	for i := range row {
		to[i] = &row[i]
	}
	find := numbered("SELECT " + strings.Join(key, ", ") + w.String() + " AND id = ?")
	err := t.tx.QueryRow(t.ctx, find, append(append([]any(nil), w.Args...), q.Marker)...).Scan(to...)
	if errors.Is(err, pgx.ErrNoRows) {
		return store.NoMarker(q.Kind, q.Marker)
	}
	if err != nil {
		return t.check(err)
	}
	after := " > "
	if q.Desc {
		after = " < "
	}
	w.Add("("+strings.Join(key, ", ")+")"+after+"("+places+")", row...)
	return nil
}
