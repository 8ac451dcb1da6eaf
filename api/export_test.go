package api

import (
	"net/http"
	"slices"

	"github.com/jeroboam-cloud/jeroboam/api/openapi"
)

// Reference is the document of all routes.
func Reference() openapi.Document { return reference(routes()) }

// Operations are the routes that the reference has words for, "VERB PATH".
var Operations = operations

// RouteOf is the route that a request meets, "VERB PATH"; "" for none.
func RouteOf(r *http.Request) string {
	path, sound := segments(r)
	if !sound {
		return ""
	}
	if found, _, _ := match(routes(), r.Method, path); found != nil {
		return found.verb + " " + found.path
	}
	return ""
}

// Uncovered returns the routes that none of the requests ("VERB PATH") meets,
// those that need no token left out.
func Uncovered(requests [][2]string) []string {
	table := routes()
	met := map[string]bool{}
	for _, r := range requests {
		if found, _, _ := match(table, r[0], split(r[1])); found != nil {
			met[found.verb+" "+found.path] = true
		}
	}
	var missing []string
	for _, r := range table {
		if name := r.verb + " " + r.path; !r.public && !met[name] {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	return missing
}

// Bodies are the routes that read a body, "VERB PATH".
func Bodies() []string {
	var out []string
	for name, o := range operations {
		if o.in != nil {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Arguments are the routes that read a query, "VERB PATH".
func Arguments() []string {
	var out []string
	for _, r := range routes() {
		if len(r.args) > 0 {
			out = append(out, r.verb+" "+r.path)
		}
	}
	return out
}
