package jeroboam

import "time"

// Roles of node groups. Any other word is a user's own and means a worker.
const (
	RoleMaster = "master" // the control plane, as the wire calls it
	RoleWorker = "worker"
)

// Names of the two groups every cluster is made with.
const (
	DefaultMaster = "default-master"
	DefaultWorker = "default-worker"
)

// NodeGroup is a set of like nodes of one cluster. Spec is written by service,
// Status by engine (service sets the first State).
type NodeGroup struct {
	ID        string          `json:"id"` // UUID
	Cluster   string          `json:"cluster"`
	Project   string          `json:"project"`
	Name      string          `json:"name"` // unique within the cluster
	Role      string          `json:"role"`
	Default   bool            `json:"default"`
	Spec      NodeGroupSpec   `json:"spec"`
	Status    NodeGroupStatus `json:"status"`
	Claim     Claim           `json:"claim,omitzero"` // written by package quota
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at,omitzero"`
	Revision  int64           `json:"-"`
	Seq       int64           `json:"-"`
}

// NodeGroupSpec is the wanted state of a group.
type NodeGroupSpec struct {
	Count            int               `json:"count"`
	Min              int               `json:"min"`
	Max              *int              `json:"max,omitempty"` // nil: no maximum
	Flavor           string            `json:"flavor"`
	Image            string            `json:"image"`
	DockerVolumeSize int               `json:"docker_volume_size,omitempty"` // GB
	Labels           map[string]string `json:"labels,omitempty"`
	NodeLabels       map[string]string `json:"node_labels,omitempty"`
	NodeTaints       []Taint           `json:"node_taints,omitempty"`
	Version          string            `json:"version,omitempty"` // of the COE; "": the cluster's
	// Batch is how many of the group's nodes may be down at once while they
	// change; 0: a tenth of them.
	Batch int `json:"batch,omitempty"`
	// Remove names the nodes to take first when the group shrinks: a machine's
	// index, name, ID, address or cloud ID. The engine clears it once obeyed.
	Remove  []string `json:"remove,omitempty"`
	Deleted bool     `json:"deleted,omitempty"`
}

// NodeGroupStatus is the engine's word on a group.
type NodeGroupStatus struct {
	State     State    `json:"state"`
	Reason    string   `json:"reason,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
	Version   string   `json:"version,omitempty"`
}

// Taint keeps pods off a node; Effect is NoSchedule, PreferNoSchedule or NoExecute.
type Taint struct {
	Key    string `json:"key"`
	Value  string `json:"value,omitempty"`
	Effect string `json:"effect"`
}

// IsMaster reports whether the group is the control plane.
func (g NodeGroup) IsMaster() bool { return g.Role == RoleMaster }
