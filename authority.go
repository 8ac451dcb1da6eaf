package jeroboam

import "time"

// Names of a cluster's certificate authorities.
const (
	AuthorityMain       = "kubernetes" // the cluster's own CA: what clients and nodes trust
	AuthorityEtcd       = "etcd"
	AuthorityFrontProxy = "front-proxy"
)

// Authority is a certificate authority of a cluster. Its key rests in the
// vault under the authority's ID.
type Authority struct {
	ID        string    `json:"id"` // cluster ID + "/" + name
	Cluster   string    `json:"cluster"`
	Project   string    `json:"project"`
	Name      string    `json:"name"`
	PEM       string    `json:"pem"` // the certificate
	NotAfter  time.Time `json:"not_after"`
	CreatedAt time.Time `json:"created_at"`
	Revision  int64     `json:"-"`
	Seq       int64     `json:"-"`
}
