package jeroboam

import "time"

// Kinds of cloud object.
const (
	KindNetwork    = "network"
	KindBalancer   = "balancer"
	KindAddress    = "address" // that control-plane nodes hand on to each other
	KindMachine    = "machine"
	KindCredential = "credential" // of the cluster, for what runs on its nodes
)

// ResourceState is how sure the ledger is of an object.
type ResourceState string

const (
	ResourceIntended ResourceState = "intended" // written before the cloud was asked
	ResourceMade     ResourceState = "made"     // the cloud confirmed it
)

// Resource is a line of the ledger: one cloud object of one cluster. Nothing
// is created that has no line, and the line goes only after the object has.
type Resource struct {
	ID        string        `json:"id"` // cluster ID + "/" + kind + "/" + name
	Cluster   string        `json:"cluster"`
	Project   string        `json:"project"`
	Kind      string        `json:"kind"`
	Name      string        `json:"name"`
	CloudID   string        `json:"cloud_id,omitempty"`
	State     ResourceState `json:"state"`
	CreatedAt time.Time     `json:"created_at"`
	// Attributes is what was last asked of the object and what the cloud
	// answered, in the words of the engine, e.g. "cidr", "address", "backends".
	Attributes map[string]string `json:"attributes,omitempty"`
	Revision   int64             `json:"-"`
	Seq        int64             `json:"-"`
}
