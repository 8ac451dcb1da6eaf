package wire

import (
	"encoding/json"
	"time"
)

// Link is a hypertext link of an object.
type Link struct {
	Href string `json:"href"`
	Rel  string `json:"rel"`
	Type string `json:"type,omitempty"`
}

// Site is what an answer depends on beside the object: the address the client
// used and the version it asked for.
type Site struct {
	URL     string // scheme and host, without a slash at the end
	Version Version
}

// links are the two every object has.
func (s Site) links(path string) []Link {
	return []Link{{Href: s.URL + "/v1/" + path, Rel: "self"}, {Href: s.URL + "/" + path, Rel: "bookmark"}}
}

const timeLayout = "2006-01-02T15:04:05.000000-07:00"

// Time is an instant as Magnum prints it, with microseconds and an explicit
// offset. The zero value is null.
type Time struct{ time.Time }

// MarshalJSON prints the time in UTC.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(t.UTC().Format(timeLayout))
}

// UnmarshalJSON reads null or any RFC 3339 time.
func (t *Time) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		t.Time = time.Time{}
		return nil
	}
	return json.Unmarshal(data, &t.Time)
}

// orNull returns nil for the zero value.
func orNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// value returns the zero value for nil.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// orEmpty makes a nil map an empty JSON object.
func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// labelDifference compares labels with those they came from: overridden has
// the parent's value of keys whose value differs.
func labelDifference(own, parent map[string]string) (overridden, added, skipped map[string]string) {
	overridden, added, skipped = map[string]string{}, map[string]string{}, map[string]string{}
	for key, v := range own {
		if old, ok := parent[key]; !ok {
			added[key] = v
		} else if old != v {
			overridden[key] = old
		}
	}
	for key, v := range parent {
		if _, ok := own[key]; !ok {
			skipped[key] = v
		}
	}
	return overridden, added, skipped
}
