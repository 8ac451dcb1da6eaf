package api

import "slices"

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
