package monitor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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

// CheckMachines asks the clouds about the machines of every cluster at rest and
// what its API is called at, and wakes the engine for those that have lost one.
// It finds what happened while nobody was watching. It takes its time where
// there are many.
func (m *Monitor) CheckMachines(ctx context.Context) error {
	var problems []error
	for last := int64(0); ; {
		resting, next, err := m.resting(ctx, last)
		if err != nil {
			return errors.Join(append(problems, err)...)
		}
		for _, c := range resting {
			if err := m.checkMachines(ctx, c); err != nil {
				problems = append(problems, fmt.Errorf("cluster %s: %w", c.ID, err))
			}
		}
		if last = next; last == 0 || !sleep(ctx, time.Second) {
			return errors.Join(problems...)
		}
	}
}

// resting reads some clusters after a sequence number, keeps those whose
// machines should be there, and says how far it came; 0 at the end.
func (m *Monitor) resting(ctx context.Context, after int64) (page []jeroboam.Cluster, last int64, err error) {
	err = m.Store.View(ctx, func(tx store.Tx) (err error) {
		page, err = store.List[jeroboam.Cluster](tx, store.Query{After: after, Limit: perSecond})
		return err
	})
	if len(page) == perSecond {
		last = page[perSecond-1].Seq
	}
	return slices.DeleteFunc(page, func(c jeroboam.Cluster) bool {
		return !c.Status.State.Resting() || m.Clouds[c.Spec.Driver] == nil
	}), last, err
}

// sleep reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (m *Monitor) checkMachines(ctx context.Context, c jeroboam.Cluster) error {
	lost, err := m.hasLost(ctx, c)
	if err != nil || !lost {
		return err
	}
	return m.wake(ctx, c.ID)
}

func (m *Monitor) hasLost(ctx context.Context, c jeroboam.Cluster) (bool, error) {
	var made []jeroboam.Machine
	var ledger []jeroboam.Resource
	err := m.Store.View(ctx, func(tx store.Tx) (err error) {
		if made, err = store.List[jeroboam.Machine](tx, store.Query{Parent: c.ID}); err != nil {
			return err
		}
		ledger, err = store.List[jeroboam.Resource](tx, store.Query{Parent: c.ID})
		return err
	})
	if err != nil || len(made) == 0 {
		return false, err
	}
	in, scope := m.Clouds[c.Spec.Driver], cloud.Scope{Cluster: c.ID, Project: c.Project, Name: c.Name}
	there, err := in.Machines(ctx, scope)
	if err != nil {
		return false, err
	}
	for _, want := range made {
		lives := func(have cloud.Machine) bool {
			return have.ID == want.ID && have.State.Lives()
		}
		if !slices.ContainsFunc(there, lives) {
			return true, nil
		}
	}
	for _, line := range ledger {
		if line.State != jeroboam.ResourceMade {
			continue
		}
		if stands, err := cloud.Stands(ctx, in, scope, line); err != nil || !stands {
			return err == nil, err
		}
	}
	return false, nil
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
	known := map[string]bool{}
	err := m.Store.View(ctx, func(tx store.Tx) error {
		clusters, err := tx.List(store.Query{Kind: store.KindCluster, Keys: true})
		for _, c := range clusters {
			known[c.ID] = true
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(o Orphan) bool { return known[o.Scope.Cluster] }), nil
}

func (m *Monitor) warnOfOrphans(ctx context.Context) error {
	orphans, err := m.Orphans(ctx)
	for _, o := range orphans {
		m.Log.Warn("orphan", "cluster", o.Scope.Cluster, "project", o.Scope.Project, "driver", o.Driver,
			"error", "The cloud holds objects of a cluster that the service does not know.")
	}
	return err
}
