// Package ledger writes down what the cloud is asked for: each object as
// intended before the call, and as made once the cloud has confirmed it. All of
// it is for use inside the transaction of what it tells.
package ledger

import (
	"maps"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// AttributeID is a word of a machine's Attributes: cloud.MachineSpec.ID.
// plan.BackendsAttribute and those of cloud are others.
const AttributeID = "id"

// Ledger writes.
type Ledger struct {
	Now func() time.Time
}

// Intend writes down that an object is about to be made. A line that is there
// already stays as it is: the object may exist.
func (l Ledger) Intend(tx store.Tx, c jeroboam.Cluster, kind, name string, attributes map[string]string) error {
	_, err := store.Get[jeroboam.Resource](tx, jeroboam.ResourceID(c.ID, kind, name))
	if jeroboam.KindOf(err) != jeroboam.NotFound {
		return err
	}
	line := jeroboam.Resource{ID: jeroboam.ResourceID(c.ID, kind, name), Cluster: c.ID, Project: c.Project, Kind: kind, Name: name,
		State: jeroboam.ResourceIntended, Attributes: attributes, CreatedAt: l.Now().UTC()}
	return store.Put(tx, &line)
}

// Made writes down that the cloud has confirmed an object that was intended.
func (l Ledger) Made(tx store.Tx, c jeroboam.Cluster, kind, name, cloudID string, attributes map[string]string) error {
	_, err := store.Edit(tx, jeroboam.ResourceID(c.ID, kind, name), func(r *jeroboam.Resource) {
		r.State, r.CloudID = jeroboam.ResourceMade, cloudID
		if r.Attributes == nil {
			r.Attributes = map[string]string{}
		}
		maps.Copy(r.Attributes, attributes)
	})
	return err
}

// Erase removes the line of an object that is gone; absent is success.
func (l Ledger) Erase(tx store.Tx, cluster, kind, name string) error {
	err := tx.Delete(store.KindResource, jeroboam.ResourceID(cluster, kind, name), 0)
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return nil
	}
	return err
}
