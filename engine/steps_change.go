package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// update gives a machine at work its turn to take another config. It counts as
// down until the COE says again that its node is ready.
func (t task) update(ctx context.Context) error {
	err := t.commit(ctx, func(tx store.Tx) error {
		_, err := store.Edit(tx, t.step.Machine.ID, func(m *jeroboam.Machine) {
			m.Status.Target, m.Status.ReadyAt = t.step.Digest, time.Time{}
		})
		return err
	})
	if err == nil {
		t.run.configs.Announce(t.step.Machine.ID)
	}
	return err
}

// cordoned writes down that a node will take no new work, before anything is
// done about it: whoever comes later knows that it has to be undone.
func (t task) cordoned(ctx context.Context) error {
	if !t.step.Cordon || t.step.Machine.Status.Cordoned {
		return nil
	}
	return store.Retry(ctx, t.run.Store, func(tx store.Tx) error {
		return t.mark(tx, func(m *jeroboam.Machine) { m.Status.Cordoned = true })
	})
}

// uncordon lets a node that has changed take work again.
func (t task) uncordon(ctx context.Context) error {
	upgrader, err := t.upgrader()
	if err != nil {
		return err
	}
	access, err := t.run.accessTo(ctx, t.driver, t.snap)
	if err != nil {
		return err
	}
	if err := upgrader.Uncordon(ctx, access, t.step.Machine.Name); err != nil {
		return fmt.Errorf("uncordon %s: %w", t.step.Machine.Name, err)
	}
	return t.commit(ctx, func(tx store.Tx) error {
		return t.mark(tx, func(m *jeroboam.Machine) { m.Status.Cordoned, m.Status.Drained = false, false })
	})
}

func (t task) upgrader() (coe.Upgrader, error) {
	upgrader, ok := t.driver.COE.(coe.Upgrader)
	if !ok {
		return nil, jeroboam.Errorf(jeroboam.Internal, "upgrade", "The engine of the cluster cannot change its version in place.")
	}
	return upgrader, nil
}

// setVersion writes down what all machines of a group have come to.
func (t task) setVersion(ctx context.Context) error {
	return t.commit(ctx, func(tx store.Tx) error {
		_, err := store.Edit(tx, t.step.Group, func(g *jeroboam.NodeGroup) {
			g.Status.Version, g.UpdatedAt = t.step.Version, t.run.Now().UTC()
		})
		return err
	})
}
