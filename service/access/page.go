package access

import (
	"maps"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Page is which part of a list is asked for. Sort is an attribute by its name
// on the wire; "" and "id" are the order of creation.
type Page struct {
	Limit  int
	Marker string // ID of the last item already seen
	Sort   string
	Desc   bool
	Detail bool // the list in full, about which there are rules of its own
}

// Query selects the page; fields translates attributes into document fields.
func (p Page) Query(fields map[string]string) (store.Query, error) {
	q := store.Query{Limit: p.Limit, Marker: p.Marker, Desc: p.Desc}
	if p.Sort == "" || p.Sort == "id" {
		return q, nil
	}
	field, known := fields[p.Sort]
	if !known {
		return q, jeroboam.Errorf(jeroboam.Invalid, "sort_key", "The sort_key value %q is an invalid field for sorting", p.Sort).
			WithRemedy("Use one of: %s.", strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
	}
	q.Sort = field
	return q, nil
}

// Listing is a list of records that callers ask for in pages.
type Listing struct {
	Resource string            // as the policy's rules call it
	Wide     bool              // there are rules that open the list of every project
	Fields   map[string]string // document fields by the attributes that sort it
}

// rule is the rule about a page of the list.
func (l Listing) rule(p Page) Rule {
	name := l.Resource + ":get_all"
	if p.Detail {
		name = l.Resource + ":detail"
	}
	if !l.Wide {
		return Own(name)
	}
	return Everywhere(name)
}

// Marker is the rule by which the marker of a page is found.
func (l Listing) Marker(p Page) Rule { return Rule{Wide: l.rule(p).Wide} }

// List is what the store is asked for a page of a list.
func (g Gate) List(caller jeroboam.Caller, l Listing, p Page) (store.Query, error) {
	rule := l.rule(p)
	if err := g.Allow(caller, rule.Name, caller.ProjectID, caller.UserID); err != nil {
		return store.Query{}, err
	}
	project, err := g.Reach(caller, rule.Wide)
	if err != nil {
		return store.Query{}, err
	}
	q, err := p.Query(l.Fields)
	q.Project = project
	return q, err
}
