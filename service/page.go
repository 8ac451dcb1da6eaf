package service

import (
	"strconv"

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

// rule names the policy's rule about a list of the resource.
func (p Page) rule(resource string) string {
	if p.Detail {
		return resource + ":detail"
	}
	return resource + ":get_all"
}

// wide names the rule that opens the list of all projects.
func (p Page) wide(resource string) string { return p.rule(resource) + "_all_projects" }

// query selects the page; fields translates attributes into document fields.
func (p Page) query(fields map[string]string) (store.Query, error) {
	q := store.Query{Limit: p.Limit, Marker: p.Marker, Desc: p.Desc}
	if p.Sort == "" || p.Sort == "id" {
		return q, nil
	}
	field, known := fields[p.Sort]
	if !known {
		return q, jeroboam.Errorf(jeroboam.Invalid, "sort_key", "The sort_key value %q is an invalid field for sorting", p.Sort)
	}
	q.Sort = field
	return q, nil
}

func rowNumber(seq int64) string { return strconv.FormatInt(seq, 10) }
