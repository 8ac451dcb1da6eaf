package query

import (
	"fmt"
	"strings"

	"github.com/jeroboam-cloud/jeroboam/store"
)

// Tally is the statement that counts by facets, each by its expression of the
// dialect; from is the rest of it up to the grouping.
func Tally(by []store.Facet, expression func(store.Facet) string, from string) string {
	columns, places := make([]string, len(by)), make([]string, len(by))
	for i, f := range by {
		columns[i], places[i] = expression(f), fmt.Sprint(i+2) // the first is the count
	}
	group := strings.Join(places, ", ")
	return "SELECT count(*), " + strings.Join(columns, ", ") + from + " GROUP BY " + group + " ORDER BY " + group
}

// Into is where a row of a tally goes.
func Into(g *store.Group) []any {
	to := []any{&g.Count}
	for i := range g.Values {
		to = append(to, &g.Values[i])
	}
	return to
}
