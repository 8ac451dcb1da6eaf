package wire

// DryRunArg is the query argument that has a change planned and not made.
const DryRunArg = "dry_run"

// Plan is what a change would do, or what is still to be done. It is not
// Magnum's.
type Plan struct {
	ClusterUUID string     `json:"cluster_uuid"` // null: there is nothing to do
	Verb        string     `json:"verb"`
	Summary     string     `json:"summary"`
	Steps       []PlanStep `json:"steps"`
}

// PlanStep is one step; it starts when those of after that are in the plan are
// done.
type PlanStep struct {
	Name    string          `json:"name"`
	After   []string        `json:"after"`
	Changes *ResourceChange `json:"changes"` // null: no object of the cloud
}

// ResourceChange is what a step does to an object of the cloud.
type ResourceChange struct {
	Action string `json:"action"` // make, start, delete, keep
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Flavor string `json:"flavor_id,omitempty"`
	Image  string `json:"image_id,omitempty"`
	// Of what the cluster made for itself: a volume, a balancer of a Service, …
	ID     string `json:"id,omitempty"` // the cloud's
	SizeGB int    `json:"size,omitempty"`
	Of     string `json:"of,omitempty"` // "namespace/name" of the claim or Service
}

// DataArg is the query argument of a cluster's deletion that says what becomes
// of its data: keep or remove.
const DataArg = "data"
