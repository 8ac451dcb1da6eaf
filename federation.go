package jeroboam

import "time"

// Federation is a named group of clusters of one project. It says which belong
// together and how they are doing as a whole; it makes nothing, and its end
// touches no cluster.
type Federation struct {
	ID         string            `json:"id"` // UUID
	Project    string            `json:"project"`
	User       string            `json:"user"` // who created it
	Name       string            `json:"name"`
	Host       string            `json:"host,omitempty"`    // UUID of the cluster that its members are steered from
	Members    []string          `json:"members,omitempty"` // UUIDs of clusters, in the order they joined
	Properties map[string]string `json:"properties,omitempty"`
	State      State             `json:"state"`
	CreatedAt  time.Time         `json:"created_at"`
	UpdatedAt  time.Time         `json:"updated_at,omitzero"`
	Revision   int64             `json:"-"`
	Seq        int64             `json:"-"`
}

// ValidateFederationName keeps Magnum's rule, which is that of clusters.
func ValidateFederationName(name string) error { return validateName("federation", name) }

// WorstHealth is how a whole is doing whose parts do as given: unhealthy if one
// is, healthy if all are, else unknown; "" of nothing.
func WorstHealth(parts []Health) Health {
	var worst Health
	for _, h := range parts {
		switch {
		case h == Unhealthy:
			return Unhealthy
		case h != Healthy:
			worst = HealthUnknown
		case worst == "":
			worst = Healthy
		}
	}
	return worst
}
