package service

import (
	"context"
	"strings"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// maxEvents is the most events that one look returns.
const maxEvents = 500

// Events lists what happened to a cluster after the event of that number, the
// oldest first, at most limit (0 and more than 500 mean 500).
func (s *Service) Events(ctx context.Context, caller jeroboam.Caller, ident string, after int64, limit int) ([]jeroboam.Event, error) {
	if limit <= 0 || limit > maxEvents {
		limit = maxEvents
	}
	return store.View(ctx, s.Store, func(tx store.Tx) ([]jeroboam.Event, error) {
		trail, err := s.trail(tx, caller, ident)
		if err != nil {
			return nil, err
		}
		return store.List[jeroboam.Event](tx, store.Query{Parent: trail.cluster, After: after, Limit: limit})
	})
}

// trail is a cluster as far as its events go: they may outlive it.
type trail struct {
	cluster  string
	template string
	gone     bool
}

// trail finds the cluster, or the events that a cluster which is gone left to
// its project.
func (s *Service) trail(tx store.Tx, caller jeroboam.Caller, ident string) (trail, error) {
	c, err := s.gate.Cluster(tx, caller, ident, readCluster)
	if err == nil {
		return trail{cluster: c.ID, template: c.Spec.Template}, nil
	}
	if jeroboam.KindOf(err) != jeroboam.NotFound || !jeroboam.IsUUID(ident) {
		return trail{}, err
	}
	missing := err
	left, err := store.List[jeroboam.Event](tx, store.Query{Parent: strings.ToLower(ident), Limit: 1})
	if err != nil {
		return trail{}, err
	}
	project, err := s.gate.Reach(caller, readCluster.Wide)
	if err != nil {
		return trail{}, err
	}
	if len(left) == 0 || project != "" && left[0].Project != project {
		return trail{}, missing
	}
	return trail{cluster: left[0].Cluster, gone: true}, s.gate.Allow(caller, readCluster.Name, left[0].Project, "")
}

// Follow gives each event of a cluster after the one of that number to tell,
// as it comes, and an empty list at every beat. It returns nil once the cluster
// is gone, and tell's error or ctx's else.
func (s *Service) Follow(ctx context.Context, caller jeroboam.Caller, ident string, after int64, beat time.Duration,
	tell func([]jeroboam.Event) error) error {
	followed, err := store.View(ctx, s.Store, func(tx store.Tx) (trail, error) { return s.trail(tx, caller, ident) })
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// A cluster's parent is its template: the signal of its end comes that way.
	events := s.Store.Watch(ctx, store.KindEvent, followed.cluster)
	ends := s.Store.Watch(ctx, store.KindCluster, followed.template)
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for {
		gone, last, err := s.catchUp(ctx, followed.cluster, after, tell)
		if err != nil || gone {
			return err
		}
		after = last
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-events:
		case <-ends:
		case <-ticker.C:
			if err := tell(nil); err != nil {
				return err
			}
		}
	}
}

// catchUp tells all events after the number, and whether the cluster is gone.
// The cluster is looked for before its events, so that none is missed.
func (s *Service) catchUp(ctx context.Context, cluster string, after int64, tell func([]jeroboam.Event) error) (bool, int64, error) {
	gone, err := store.View(ctx, s.Store, func(tx store.Tx) (bool, error) {
		_, err := store.Get[jeroboam.Cluster](tx, cluster)
		if jeroboam.KindOf(err) == jeroboam.NotFound {
			return true, nil
		}
		return false, err
	})
	if err != nil {
		return false, after, err
	}
	for {
		events, err := store.View(ctx, s.Store, func(tx store.Tx) ([]jeroboam.Event, error) {
			return store.List[jeroboam.Event](tx, store.Query{Parent: cluster, After: after, Limit: maxEvents})
		})
		if err != nil || len(events) == 0 {
			return gone, after, err
		}
		if err := tell(events); err != nil {
			return gone, after, err
		}
		after = events[len(events)-1].Seq
	}
}
