package jeroboam

import (
	"slices"
	"time"
)

// Kinds of cloud object.
const (
	KindNetwork    = "network"
	KindBalancer   = "balancer"
	KindAddress    = "address" // that control-plane nodes hand on to each other
	KindMachine    = "machine"
	KindCredential = "credential" // of the cluster, for what runs on its nodes
)

// Kinds of what a cluster makes for itself in its cloud, by programs that run on
// its nodes: see cloud.Dependents.
const (
	KindLoadBalancer    = "load-balancer" // of a Service
	KindFloatingAddress = "floating-address"
	KindSecurityGroup   = "security-group"
	KindPort            = "port"
	KindVolume          = "volume" // of a claim
	KindSnapshot        = "snapshot"
	KindShare           = "share"
	KindShareSnapshot   = "share-snapshot"
)

// KindsMadeByCluster lists them, in the order in which their objects go.
func KindsMadeByCluster() []string {
	return []string{KindLoadBalancer, KindFloatingAddress, KindSecurityGroup, KindPort,
		KindSnapshot, KindVolume, KindShareSnapshot, KindShare}
}

// MadeByCluster reports whether objects of the kind are made by clusters
// themselves.
func MadeByCluster(kind string) bool { return slices.Contains(KindsMadeByCluster(), kind) }

// GoesAfter is the kind of which a cluster may have no object left when one of
// kind goes: clouds refuse to delete what another object uses. "" is none.
func GoesAfter(kind string) string {
	switch kind {
	case KindSecurityGroup, KindPort:
		return KindLoadBalancer
	case KindVolume:
		return KindSnapshot
	case KindShare:
		return KindShareSnapshot
	}
	return ""
}

// HoldsData reports whether such an object holds what cannot be made again. The
// others only serve.
func HoldsData(kind string) bool {
	switch kind {
	case KindVolume, KindSnapshot, KindShare, KindShareSnapshot:
		return true
	}
	return false
}

// ResourceState is how sure the ledger is of an object.
type ResourceState string

const (
	ResourceIntended ResourceState = "intended" // written before the cloud was asked
	ResourceMade     ResourceState = "made"     // the cloud confirmed it
	ResourceKept     ResourceState = "kept"     // it holds data and stays when its cluster goes
)

// Resource is a line of the ledger: one cloud object of one cluster. Nothing
// is created that has no line, and the line goes only after the object has.
type Resource struct {
	ID        string        `json:"id"` // see ResourceID
	Cluster   string        `json:"cluster"`
	Project   string        `json:"project"`
	Kind      string        `json:"kind"`
	Name      string        `json:"name"`
	CloudID   string        `json:"cloud_id,omitempty"`
	State     ResourceState `json:"state"`
	SizeGB    int           `json:"size_gb,omitempty"` // of what a cluster made for itself
	Of        string        `json:"of,omitempty"`      // what that is for: "namespace/name" of a Service or a claim
	CreatedAt time.Time     `json:"created_at"`
	// Attributes is what was last asked of the object and what the cloud
	// answered, in the words of the engine, e.g. "cidr", "address", "backends".
	Attributes map[string]string `json:"attributes,omitempty"`
	Revision   int64             `json:"-"`
	Seq        int64             `json:"-"`
}

// ResourceID is the ID of the line of a cluster's object.
func ResourceID(cluster, kind, name string) string { return cluster + "/" + kind + "/" + name }
