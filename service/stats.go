package service

import (
	"context"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Stats counts clusters, and their nodes of every role.
type Stats struct{ Clusters, Nodes int }

// Stats counts what a project has. "" is the caller's own project, or for an
// administrator the whole cloud.
func (s *Service) Stats(ctx context.Context, caller jeroboam.Caller, project string) (Stats, error) {
	if err := s.gate.Allow(caller, "stats:get_all", caller.ProjectID, caller.UserID); err != nil {
		return Stats{}, err
	}
	own, err := s.gate.Reach(caller, "cluster:get_all_all_projects")
	if err != nil {
		return Stats{}, err
	}
	if project == "" {
		project = own
	}
	if own != "" && project != own {
		return Stats{}, jeroboam.Errorf(jeroboam.Forbidden, "project", "Not authorized.").
			WithRemedy("Ask about your own project, or ask an administrator.")
	}
	return store.View(ctx, s.Store, func(tx store.Tx) (Stats, error) {
		n, err := store.Count[jeroboam.Cluster](tx, store.Query{Project: project})
		if err != nil {
			return Stats{}, err
		}
		groups, err := store.List[jeroboam.NodeGroup](tx, store.Query{Project: project})
		total := Stats{Clusters: n}
		for _, g := range groups {
			total.Nodes += g.Spec.Count
		}
		return total, err
	})
}

// Instance is one process of the service. The one that answers is up.
type Instance struct {
	Host    string
	Started time.Time
	Seen    time.Time
	Reports int // a process counts as reporting once in ten seconds
}

// Instances lists the processes of the service.
func (s *Service) Instances(caller jeroboam.Caller) ([]Instance, error) {
	if err := s.gate.Allow(caller, "magnum-service:get_all", caller.ProjectID, caller.UserID); err != nil {
		return nil, err
	}
	now := s.now()
	return []Instance{{Host: s.Host, Started: s.started, Seen: now, Reports: 1 + int(now.Sub(s.started)/(10*time.Second))}}, nil
}
