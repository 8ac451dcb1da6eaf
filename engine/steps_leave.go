package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/agents"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/ledger"
	"github.com/jeroboam-cloud/jeroboam/quota"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Reasons by which a cloud and a COE say that something is under way.
const (
	reasonDraining = "draining"
	reasonDeleting = "deleting"
)

// selectMachines writes down which machines of a group go, so that the choice
// stays what it is while they change on their way out.
func (t task) selectMachines(ctx context.Context) error {
	return t.commit(ctx, func(tx store.Tx) error {
		for _, id := range t.step.Targets {
			_, err := store.Edit(tx, id, func(m *jeroboam.Machine) { m.Status.Deleting = true })
			if err != nil && jeroboam.KindOf(err) != jeroboam.NotFound {
				return err
			}
		}
		_, err := store.Change(tx, t.step.Group, func(g *jeroboam.NodeGroup) bool {
			had := len(g.Spec.Remove) > 0
			g.Spec.Remove = nil
			return had
		})
		return err
	})
}

func (t task) drain(ctx context.Context) error {
	if err := t.cordoned(ctx); err != nil {
		return err
	}
	access, err := t.run.accessTo(ctx, t.driver, t.snap)
	if err != nil {
		return err
	}
	name := t.step.Machine.Name
	err = t.driver.COE.Drain(ctx, access, name)
	if slow(err, reasonDraining) {
		return wait(jeroboam.CauseOf(err).Detail)
	}
	if err != nil {
		return fmt.Errorf("drain %s: %w", name, err)
	}
	return t.commit(ctx, func(tx store.Tx) error {
		return t.mark(tx, func(m *jeroboam.Machine) { m.Status.Drained = true })
	})
}

func (t task) remove(ctx context.Context) error {
	access, err := t.run.accessTo(ctx, t.driver, t.snap)
	if err != nil {
		return err
	}
	if err := t.driver.COE.Remove(ctx, access, t.step.Machine.Name); err != nil {
		return fmt.Errorf("remove %s: %w", t.step.Machine.Name, err)
	}
	return t.commit(ctx, func(tx store.Tx) error {
		return t.mark(tx, func(m *jeroboam.Machine) { m.Status.Removed = true })
	})
}

func (t task) mark(tx store.Tx, f func(*jeroboam.Machine)) error {
	_, err := store.Edit(tx, t.step.Machine.ID, f)
	return err
}

// deleteObject removes an object from the cloud and then, in one transaction,
// its line of the ledger and all that was kept of it.
func (t task) deleteObject(ctx context.Context) error {
	r, m := t.step.Object, t.step.Machine
	if r.Kind == jeroboam.KindNetwork {
		if err := t.clearNetwork(ctx); err != nil {
			return err
		}
	}
	object := cloud.Object{Kind: r.Kind, Name: r.Name, ID: m.ID, CloudID: r.CloudID}
	if object.ID == "" {
		object.ID = r.Attributes[ledger.AttributeID]
	}
	err := t.call(ctx, "delete "+object.Kind, func() error { return t.driver.Cloud.Delete(ctx, t.scope(), object) })
	if slow(err, reasonDeleting) {
		return wait("")
	}
	if err != nil {
		return err
	}
	if r.Kind == jeroboam.KindCredential {
		if err := t.run.credentials.Forget(ctx, t.run.id, r.Name); err != nil {
			return err
		}
	}
	return t.commit(ctx, func(tx store.Tx) error {
		if err := t.run.ledger.Erase(tx, t.run.id, r.Kind, r.Name); err != nil {
			return err
		}
		if m.ID == "" {
			return nil
		}
		if err := agents.Disinvite(tx, m); err != nil {
			return err
		}
		return forgetMachine(tx, m)
	})
}

// clearNetwork finds what the ledger does not know, because a network goes only
// when nothing is on it.
func (t task) clearNetwork(ctx context.Context) error {
	all, err := t.listTagged(ctx)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(o cloud.Object) bool { return o.Kind == jeroboam.KindNetwork })
	dependents, err := t.dependents(ctx)
	if err != nil {
		return err
	}
	return t.adopt(ctx, all, dependents)
}

func (t task) listTagged(ctx context.Context) ([]cloud.Object, error) {
	var all []cloud.Object
	err := t.call(ctx, "list", func() (err error) {
		all, err = t.driver.Cloud.List(ctx, t.scope())
		return err
	})
	return all, err
}

// drop deletes a record whatever its revision; absent is success.
func drop(tx store.Tx, kind, id string) error {
	err := tx.Delete(kind, id, 0)
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return nil
	}
	return err
}

// forgetMachine drops a machine's record and frees what it took of the quota.
func forgetMachine(tx store.Tx, m jeroboam.Machine) error {
	err := tx.Delete(store.KindMachine, m.ID, 0)
	switch jeroboam.KindOf(err) {
	case "":
		return quota.Machines(tx, m.Group, -1)
	case jeroboam.NotFound:
		return nil
	}
	return err
}

func (t task) forgetGroup(ctx context.Context) error {
	return t.commit(ctx, func(tx store.Tx) error {
		if err := quota.ForgetGroup(tx, t.step.Group); err != nil {
			return err
		}
		return drop(tx, store.KindNodeGroup, t.step.Group)
	})
}

// sweep ends a delete: it asks the cloud what is left of the cluster, has that
// deleted first, and then forgets the cluster and all its records.
// Operations, steps and events stay, for those who waited for the end.
func (t task) sweep(ctx context.Context) error {
	left, err := t.listTagged(ctx)
	if err != nil {
		return err
	}
	dependents, err := t.dependents(ctx)
	if err != nil {
		return err
	}
	if err := t.adopt(ctx, left, dependents); err != nil {
		return err
	}
	if err := t.run.Vault.Forget(ctx, t.run.id); err != nil {
		return fmt.Errorf("forget secrets: %w", err)
	}
	op := t.operation()
	if err := t.commit(ctx, func(tx store.Tx) error { return t.run.forgetCluster(tx, op) }); err != nil {
		return err
	}
	t.run.ended(op, jeroboam.OperationComplete, nil)
	return nil
}

// adopt writes objects that the ledger did not know into it, to be deleted or
// kept. It is done when there are none.
func (t task) adopt(ctx context.Context, objects []cloud.Object, dependents []jeroboam.Resource) error {
	if len(objects)+len(dependents) == 0 {
		return nil
	}
	err := store.Retry(ctx, t.run.Store, func(tx store.Tx) error {
		for _, o := range objects {
			attributes := map[string]string{ledger.AttributeID: o.ID}
			if err := t.run.ledger.Intend(tx, t.snap.Cluster, o.Kind, o.Name, attributes); err != nil {
				return err
			}
			if err := t.run.ledger.Made(tx, t.snap.Cluster, o.Kind, o.Name, o.CloudID, attributes); err != nil {
				return err
			}
		}
		return putNew(tx, dependents)
	})
	if err != nil {
		return err
	}
	return wait(fmt.Sprintf("%d objects were left in the cloud", len(objects)+len(dependents)))
}
