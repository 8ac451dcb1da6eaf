package monitor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// watchMachines wakes the engine for each cluster of which the cloud says that
// a machine has stopped.
func (m *Monitor) watchMachines(ctx context.Context, w cloud.Watcher) error {
	for cluster := range w.Watch(ctx) {
		if err := m.wake(ctx, cluster); err != nil && ctx.Err() == nil {
			m.Log.Warn("wake", "cluster", cluster, "error", err.Error())
		}
	}
	return nil
}

func (m *Monitor) wake(ctx context.Context, cluster string) error {
	err := m.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := store.Get[jeroboam.Cluster](tx, cluster); err != nil {
			return err
		}
		return tx.Wake(cluster)
	})
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return nil
	}
	return err
}

// CheckMachines asks the clouds about the machines of every cluster at rest,
// and wakes the engine for those that have lost one. It finds what happened
// while nobody was watching.
func (m *Monitor) CheckMachines(ctx context.Context) error {
	clusters, err := m.clusters(ctx)
	if err != nil {
		return err
	}
	var problems []error
	for _, c := range clusters {
		if !c.Status.State.Resting() || m.Clouds[c.Spec.Driver] == nil {
			continue
		}
		lost, err := m.hasLost(ctx, c)
		if err == nil && lost {
			err = m.wake(ctx, c.ID)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("cluster %s: %w", c.ID, err))
		}
	}
	return errors.Join(problems...)
}

func (m *Monitor) hasLost(ctx context.Context, c jeroboam.Cluster) (bool, error) {
	var made []jeroboam.Machine
	err := m.Store.View(ctx, func(tx store.Tx) (err error) {
		made, err = store.List[jeroboam.Machine](tx, store.Query{Parent: c.ID})
		return err
	})
	if err != nil || len(made) == 0 {
		return false, err
	}
	there, err := m.Clouds[c.Spec.Driver].Machines(ctx, cloud.Scope{Cluster: c.ID, Project: c.Project, Name: c.Name})
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(made, func(want jeroboam.Machine) bool {
		return !slices.ContainsFunc(there, func(have cloud.Machine) bool {
			return have.ID == want.ID && (have.State == cloud.Active || have.State == cloud.Building)
		})
	}), nil
}

// Orphan is something a cloud holds for a cluster that the service does not know.
type Orphan struct {
	Driver string
	Scope  cloud.Scope
}

// Orphans lists what clouds hold for nobody. A cluster that was made between
// the two looks is no orphan: the clouds are asked first.
func (m *Monitor) Orphans(ctx context.Context) ([]Orphan, error) {
	var found []Orphan
	for driver, c := range m.Clouds {
		s, ok := c.(cloud.Sweeper)
		if !ok {
			continue
		}
		scopes, err := s.Clusters(ctx)
		if err != nil {
			return nil, fmt.Errorf("clusters of %s: %w", driver, err)
		}
		for _, scope := range scopes {
			found = append(found, Orphan{Driver: driver, Scope: scope})
		}
	}
	clusters, err := m.clusters(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(o Orphan) bool {
		return slices.ContainsFunc(clusters, func(c jeroboam.Cluster) bool { return c.ID == o.Scope.Cluster })
	}), nil
}

func (m *Monitor) warnOfOrphans(ctx context.Context) error {
	orphans, err := m.Orphans(ctx)
	for _, o := range orphans {
		m.Log.Warn("orphan", "cluster", o.Scope.Cluster, "project", o.Scope.Project, "driver", o.Driver,
			"error", "The cloud holds objects of a cluster that the service does not know.")
	}
	return err
}
