package jeroboam

import "time"

// The resources that a project's quotas limit. Magnum knows clusters alone.
const (
	QuotaCluster = "Cluster"
	QuotaNode    = "Node"   // of every role
	QuotaCore    = "Core"   // the flavors' vCPUs
	QuotaMemory  = "Memory" // MiB, of the flavors
	QuotaVolume  = "Volume" // GiB of disks: the flavors' root disks, or boot volumes instead, and further volumes
)

// Unlimited is the hard limit that is none; any negative number is.
const Unlimited = -1

// QuotaResources lists the resources in the order in which they are shown.
func QuotaResources() []string {
	return []string{QuotaCluster, QuotaNode, QuotaCore, QuotaMemory, QuotaVolume}
}

// Quota is a project's hard limit on one resource.
type Quota struct {
	ID        string    `json:"id"` // project + "/" + resource
	Project   string    `json:"project"`
	Resource  string    `json:"resource"`
	HardLimit int       `json:"hard_limit"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	Revision  int64     `json:"-"`
	Seq       int64     `json:"-"`
}

// Amounts is how much of each resource, in the units of the quotas.
type Amounts struct {
	Clusters int `json:"clusters,omitempty"`
	Nodes    int `json:"nodes,omitempty"`
	Cores    int `json:"cores,omitempty"`
	Memory   int `json:"memory,omitempty"` // MiB
	Volume   int `json:"volume,omitempty"` // GiB
}

// Of is the amount of one resource.
func (a Amounts) Of(resource string) int {
	return map[string]int{QuotaCluster: a.Clusters, QuotaNode: a.Nodes, QuotaCore: a.Cores,
		QuotaMemory: a.Memory, QuotaVolume: a.Volume}[resource]
}

// Plus adds.
func (a Amounts) Plus(b Amounts) Amounts {
	return Amounts{a.Clusters + b.Clusters, a.Nodes + b.Nodes, a.Cores + b.Cores, a.Memory + b.Memory, a.Volume + b.Volume}
}

// Minus subtracts.
func (a Amounts) Minus(b Amounts) Amounts { return a.Plus(b.Times(-1)) }

// Times multiplies.
func (a Amounts) Times(n int) Amounts {
	return Amounts{n * a.Clusters, n * a.Nodes, n * a.Cores, n * a.Memory, n * a.Volume}
}

// Claim is what a node group takes of its project's quotas: Each for every node
// that is wanted or that still exists. Package quota writes it, and keeps the
// project's Usage in step.
type Claim struct {
	Wanted   int     `json:"wanted"`   // nodes; 0 once the group or the cluster is to go
	Machines int     `json:"machines"` // records of machines there are
	Each     Amounts `json:"each"`     // of one node, fixed when the group was made
}

// Total is what the group takes: nodes that leave count until they are gone.
func (c Claim) Total() Amounts { return c.Each.Times(max(c.Wanted, c.Machines)) }

// Usage is what a project takes of its quotas: its clusters, until their records
// go, and the claims of their groups.
type Usage struct {
	ID string `json:"id"` // the project's
	Amounts
	Revision int64 `json:"-"`
	Seq      int64 `json:"-"`
}
