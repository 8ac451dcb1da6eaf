// Package query builds the part of a store.Query's SQL that every SQL database
// understands alike: which records it selects. Order and pages differ.
package query

import (
	"strings"

	"github.com/jeroboam-cloud/jeroboam/store"
)

// Where is a condition and its arguments, growing together. An argument's place
// is a question mark.
type Where struct {
	index string
	terms []string
	Args  []any
}

// Dialect is what databases say differently.
type Dialect struct {
	Public  string             // term for public records
	Parents string             // term for records of one of several parents
	List    func([]string) any // the parents as its one argument
	Index   string             // clause that makes the planner use the index of parents; may be empty
	IDs     string             // term for records of several IDs, its argument as that of Parents
	IDIndex string             // clause that makes the planner use the index of IDs; may be empty
}

// Add adds a term that must hold, too.
func (w *Where) Add(term string, args ...any) {
	w.terms = append(w.terms, term)
	w.Args = append(w.Args, args...)
}

// String is the FROM and WHERE clause.
func (w *Where) String() string {
	return " FROM records" + w.index + " WHERE " + strings.Join(w.terms, " AND ")
}

// Select is what q selects, without its page. The terms that look idle let
// planners use partial indexes.
func Select(q store.Query, d Dialect) *Where {
	w := &Where{}
	w.Add("kind = ?", q.Kind)
	switch {
	case q.Project != "" && q.Public:
		w.Add("(project = ? OR "+d.Public+")", q.Project)
	case q.Project != "":
		w.Add("project = ?", q.Project)
	}
	if q.Parent != "" {
		w.Add("parent = ? AND parent <> ''", q.Parent)
	}
	if len(q.Parents) > 0 {
		w.index = d.Index
		w.Add(d.Parents+" AND parent <> ''", d.List(q.Parents))
	}
	if len(q.IDs) > 0 {
		w.index = d.IDIndex
		w.Add(d.IDs, d.List(q.IDs))
	}
	if q.Name != "" {
		w.Add("name = ? AND name <> ''", q.Name)
	}
	if q.After > 0 {
		w.Add("seq > ?", q.After)
	}
	return w
}
