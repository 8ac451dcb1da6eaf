package jeroboam

import (
	"strconv"
	"time"
)

// Names of a cluster's certificate authorities.
const (
	AuthorityMain       = "kubernetes" // the cluster's own CA: what clients and nodes trust
	AuthorityEtcd       = "etcd"
	AuthorityFrontProxy = "front-proxy"
)

// AuthorityGateway is no cluster's: the gateway's own, which signs who may call
// it besides agents.
const AuthorityGateway = "gateway"

// Authority is a certificate authority of a cluster. Its key rests in the
// vault under KeyName.
//
// A rotation takes three stages, each of which has reached every machine before
// the next begins: first Next is trusted beside the one that signs; then Next
// signs, and the one before is still trusted as Former; then Former is gone.
type Authority struct {
	ID         string    `json:"id"` // see AuthorityID
	Cluster    string    `json:"cluster"`
	Project    string    `json:"project"`
	Name       string    `json:"name"`
	Generation int       `json:"generation,omitempty"` // of the one that signs; 0: the first
	PEM        string    `json:"pem"`                  // certificate of the one that signs
	Next       string    `json:"next,omitempty"`       // PEM of the next generation, trusted already
	Former     string    `json:"former,omitempty"`     // PEM of the generation before, trusted still
	NotAfter   time.Time `json:"not_after"`
	CreatedAt  time.Time `json:"created_at"`
	Revision   int64     `json:"-"`
	Seq        int64     `json:"-"`
}

// AuthorityID is the ID of a cluster's authority.
func AuthorityID(cluster, name string) string { return cluster + "/" + name }

// Trust is what to trust for now, PEM: the one that signs first, and during a
// rotation the one that comes or goes.
func (a Authority) Trust() string { return a.PEM + a.Next + a.Former }

// KeyName is where the vault keeps the key of a generation.
func (a Authority) KeyName(generation int) string {
	if generation == 0 {
		return a.Name
	}
	return a.Name + "-" + strconv.Itoa(generation)
}
