package service

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/service/access"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// preflightResize asks for what a group lacks to its wanted size. What is wrong
// with the wish itself is told by the transaction that follows.
func (s *Service) preflightResize(ctx context.Context, caller jeroboam.Caller, rule access.Rule, ident string, r Resize) error {
	var c jeroboam.Cluster
	g, err := store.View(ctx, s.Store, func(tx store.Tx) (g jeroboam.NodeGroup, err error) {
		if c, err = s.gate.Cluster(tx, caller, ident, rule); err != nil {
			return g, err
		}
		return group(tx, c, r.Group)
	})
	if err != nil {
		return nil
	}
	return s.preflightGroup(ctx, c, g, r.Count-g.Spec.Count)
}

// preflightGroup asks for more nodes of a group, on the network that the cluster
// has.
func (s *Service) preflightGroup(ctx context.Context, c jeroboam.Cluster, g jeroboam.NodeGroup, more int) error {
	d, unknown := s.drivers.Of(c)
	if unknown != nil || more <= 0 {
		return nil
	}
	network, err := store.View(ctx, s.Store, func(tx store.Tx) (cloud.Network, error) { return networkOf(tx, c) })
	if err != nil {
		return err
	}
	return d.PreflightGrowth(ctx, c, g, more, network)
}

// networkOf is the cluster's network by the ledger; none if it is not made yet.
func networkOf(tx store.Tx, c jeroboam.Cluster) (cloud.Network, error) {
	lines, err := store.List[jeroboam.Resource](tx, store.Query{Parent: c.ID, Name: c.Name})
	for _, line := range lines {
		if line.Kind == jeroboam.KindNetwork && line.State == jeroboam.ResourceMade {
			return cloud.NetworkFrom(line), nil
		}
	}
	return cloud.Network{}, err
}
