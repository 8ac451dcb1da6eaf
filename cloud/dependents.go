package cloud

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam"
)

// Dependents is implemented by a cloud in which clusters make objects for
// themselves, by programs that run on their nodes: balancers of Services,
// volumes of claims. Nobody wrote those down, and they do not bear the tag that
// List goes by. They are found by the cluster's ID, which those programs are
// told as the cluster's name.
//
// Cloud.Delete deletes one by its Kind and CloudID, after the machines and after
// what jeroboam.GoesAfter names.
type Dependents interface {
	// Dependents lists them. What others use as well is not among them, and of
	// ports there are only those on a network that was made for the cluster
	// which nothing is attached to.
	Dependents(ctx context.Context, scope Scope) ([]Dependent, error)
}

// Dependent is one of them.
type Dependent struct {
	Object        // Kind is jeroboam.KindLoadBalancer, KindVolume, …; Name is unique among those of its kind
	SizeGB int    // of what holds data
	Of     string // "namespace/name" of the Service or claim that it is for; "": not known
}

// Line is how the ledger of the cluster writes it down.
func (d Dependent) Line(cluster jeroboam.Cluster) jeroboam.Resource {
	return jeroboam.Resource{ID: jeroboam.ResourceID(cluster.ID, d.Kind, d.Name), Cluster: cluster.ID, Project: cluster.Project,
		Kind: d.Kind, Name: d.Name, CloudID: d.CloudID, State: jeroboam.ResourceMade, SizeGB: d.SizeGB, Of: d.Of}
}
