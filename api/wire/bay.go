package wire

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// VersionBays is the last microversion in which clusters and templates also
// answer to what they were called before: bays and baymodels.
const VersionBays Version = 10

// versionAsync is the first in which a change of a bay answers with its UUID alone.
const versionAsync Version = 2

// collections are today's names of the collections, by their older ones.
var collections = map[string]string{"bays": "clusters", "baymodels": "clustertemplates"}

// attributes are today's names of attributes, by their older ones.
var attributes = map[string]string{"baymodel_id": "cluster_template_id", "bay_create_timeout": "create_timeout", "bay_faults": "faults"}

// Today is today's name of a collection, and whether the one given is older.
func Today(collection string) (name string, older bool) {
	name, older = collections[collection]
	return name, older
}

// BaysInFull tells whether a change of a bay is answered with all of the bay.
func (s Site) BaysInFull() bool { return s.Version < versionAsync }

// FromBay puts today's names into a body about a bay or a baymodel: an object or
// a patch. What is neither stays as it is.
func FromBay(body []byte) []byte {
	v, err := decodeJSON(body)
	if err != nil {
		return body
	}
	switch v := v.(type) {
	case map[string]any:
		rename(v, attributes)
	case []any:
		for _, change := range v {
			if members, ok := change.(map[string]any); ok {
				path, _ := members["path"].(string)
				if name, known := attributes[strings.TrimPrefix(path, "/")]; known {
					members["path"] = "/" + name
				}
			}
		}
	}
	data, err := json.Marshal(v)
	if err != nil {
		return body
	}
	return data
}

// ToBay puts the older names into an answer about clusters or templates.
func ToBay(body any) (any, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	v, err := decodeJSON(data)
	if err != nil {
		return nil, err
	}
	answer, ok := v.(map[string]any)
	if !ok {
		return v, nil
	}
	older := inverse(attributes)
	for old, name := range collections {
		items, _ := answer[name].([]any)
		for _, item := range append(items, answer) {
			if members, ok := item.(map[string]any); ok {
				rename(members, older)
				olderLinks(members, name, old)
			}
		}
	}
	rename(answer, inverse(collections))
	return answer, nil
}

func olderLinks(members map[string]any, name, old string) {
	links, _ := members["links"].([]any)
	for _, l := range links {
		if link, ok := l.(map[string]any); ok {
			link["href"] = BayAddress(link["href"].(string), name, old)
		}
	}
	if next, ok := members["next"].(string); ok {
		members["next"] = BayAddress(next, name, old)
	}
}

// BayAddress is the address of a collection or of what is in it under an older name.
func BayAddress(url, name, old string) string {
	for _, end := range []string{"/", "?"} {
		url = strings.Replace(url, "/"+name+end, "/"+old+end, 1)
	}
	return url
}

func rename(members map[string]any, names map[string]string) {
	for _, from := range slices.Sorted(maps.Keys(names)) {
		if v, ok := members[from]; ok {
			members[names[from]] = v
			delete(members, from)
		}
	}
}

func inverse(m map[string]string) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[v] = k
	}
	return out
}
