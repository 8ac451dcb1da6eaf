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
	terms []string
	Args  []any
}

// Add adds a term that must hold, too.
func (w *Where) Add(term string, args ...any) {
	w.terms = append(w.terms, term)
	w.Args = append(w.Args, args...)
}

// String is the FROM and WHERE clause.
func (w *Where) String() string { return " FROM records WHERE " + strings.Join(w.terms, " AND ") }

// Select is what q selects, without its page; public is the term for public
// records. The terms that look idle let planners use partial indexes.
func Select(q store.Query, public string) *Where {
	w := &Where{}
	w.Add("kind = ?", q.Kind)
	switch {
	case q.Project != "" && q.Public:
		w.Add("(project = ? OR "+public+")", q.Project)
	case q.Project != "":
		w.Add("project = ?", q.Project)
	}
	if q.Parent != "" {
		w.Add("parent = ? AND parent <> ''", q.Parent)
	}
	if q.Name != "" {
		w.Add("name = ? AND name <> ''", q.Name)
	}
	if q.After > 0 {
		w.Add("seq > ?", q.After)
	}
	return w
}
