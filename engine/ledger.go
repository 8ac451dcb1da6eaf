package engine

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Words of the ledger's Attributes; plan.BackendsAttribute and those of
// cloud.Network are others.
const (
	attributeID      = "id" // of a machine: MachineSpec.ID
	attributeAddress = "address"
	attributePublic  = "public" // address by which it is reached from outside, if that is another
)

// intend writes down that an object is about to be made. A line that is there
// already stays as it is: the object may exist.
func (e *Engine) intend(tx store.Tx, c jeroboam.Cluster, kind, name string, attributes map[string]string) error {
	_, err := store.Get[jeroboam.Resource](tx, jeroboam.ResourceID(c.ID, kind, name))
	if jeroboam.KindOf(err) != jeroboam.NotFound {
		return err
	}
	line := jeroboam.Resource{ID: jeroboam.ResourceID(c.ID, kind, name), Cluster: c.ID, Project: c.Project, Kind: kind, Name: name,
		State: jeroboam.ResourceIntended, Attributes: attributes, CreatedAt: e.Now().UTC()}
	return store.Put(tx, &line)
}

// intended is intend in a transaction of its own, before the cloud is called.
func (t task) intended(ctx context.Context, kind, name string) error {
	return t.run.update(ctx, func(tx store.Tx) error {
		return t.run.intend(tx, t.snap.cluster, kind, name, nil)
	})
}

// made writes down that the cloud has confirmed an object.
func (e *Engine) made(tx store.Tx, c jeroboam.Cluster, kind, name, cloudID string, attributes map[string]string) error {
	_, err := store.Edit(tx, jeroboam.ResourceID(c.ID, kind, name), func(r *jeroboam.Resource) {
		r.State, r.CloudID = jeroboam.ResourceMade, cloudID
		if r.Attributes == nil {
			r.Attributes = map[string]string{}
		}
		for k, v := range attributes {
			r.Attributes[k] = v
		}
	})
	return err
}

// erase removes the line of an object that is gone.
func (e *Engine) erase(tx store.Tx, cluster, kind, name string) error {
	err := tx.Delete(store.KindResource, jeroboam.ResourceID(cluster, kind, name), 0)
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return nil
	}
	return err
}

// network reads the cluster's network from the ledger.
func (s *snapshot) network() (cloud.Network, error) {
	r, ok := s.line(jeroboam.KindNetwork)
	if !ok {
		return cloud.Network{}, jeroboam.Errorf(jeroboam.Internal, "ledger", "The cluster's network is not in the ledger.")
	}
	return cloud.NetworkFrom(r), nil
}
