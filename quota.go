package jeroboam

import "time"

// QuotaCluster is the one resource Magnum limits.
const QuotaCluster = "Cluster"

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
