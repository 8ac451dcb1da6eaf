package wire

import (
	"net/url"
	"slices"
	"strconv"

	"github.com/jeroboam-cloud/jeroboam"
)

// MaxLimit is the most items of one page.
const MaxLimit = 1000

// Page is which part of a list is asked for.
type Page struct {
	Limit  int    // 1 to MaxLimit
	Marker string // ID of the last item seen
	Sort   string // attribute; "id" is the order of creation
	Desc   bool
}

// PageArgs are the query arguments of a list.
var PageArgs = []string{"limit", "marker", "sort_key", "sort_dir"}

// DecodePage reads the query of a list whose markers are UUIDs.
func DecodePage(q url.Values) (Page, error) {
	p, err := decodePage(q)
	if err == nil && p.Marker != "" && !jeroboam.IsUUID(p.Marker) {
		err = invalidField("marker", p.Marker, "unable to convert to uuid. Error: Expected a uuid but received "+clip(p.Marker)+".")
	}
	return p, err
}

// DecodeNumberedPage reads the query of a list whose markers are numbers.
func DecodeNumberedPage(q url.Values) (Page, error) {
	p, err := decodePage(q)
	if _, bad := strconv.ParseUint(p.Marker, 10, 63); err == nil && p.Marker != "" && bad != nil {
		err = invalidField("marker", p.Marker, "unable to convert to int.")
	}
	return p, err
}

func decodePage(q url.Values) (Page, error) {
	p := Page{Limit: MaxLimit, Marker: q.Get("marker"), Sort: "id"}
	if text := q.Get("limit"); text != "" {
		n, ok := integer(text)
		if !ok {
			return p, invalidField("limit", text, "unable to convert to int.")
		}
		if n <= 0 {
			return p, jeroboam.Errorf(jeroboam.Invalid, "limit", "Limit must be positive")
		}
		p.Limit = min(n, MaxLimit)
	}
	if key := q.Get("sort_key"); key != "" {
		p.Sort = key
	}
	switch dir := q.Get("sort_dir"); dir {
	case "", "asc":
	case "desc":
		p.Desc = true
	default:
		return p, jeroboam.Errorf(jeroboam.Invalid, "sort_dir",
			"Invalid sort direction: %s. Acceptable values are 'asc' or 'desc'", clip(dir))
	}
	return p, nil
}

// Next is the address of the page after one of count items that ends with the
// item last; "" when the page was not full. extra are further arguments to keep.
func (s Site) Next(path string, p Page, count int, last string, extra url.Values) string {
	if count < p.Limit {
		return ""
	}
	dir := "asc"
	if p.Desc {
		dir = "desc"
	}
	next := s.URL + "/v1/" + path + "?sort_key=" + url.QueryEscape(p.Sort) + "&sort_dir=" + dir +
		"&limit=" + strconv.Itoa(p.Limit) + "&marker=" + url.QueryEscape(last)
	if kept := extra.Encode(); kept != "" {
		next += "&" + kept
	}
	return next
}

// CheckArgs refuses query arguments a route does not know.
func CheckArgs(q url.Values, known []string) error {
	for name := range q {
		if !slices.Contains(known, name) {
			return jeroboam.Errorf(jeroboam.Invalid, "argument", "Unknown argument: %q", clip(name))
		}
	}
	return nil
}
