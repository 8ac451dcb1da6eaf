package service

import (
	"strconv"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// group finds a node group of a visible cluster by UUID, name or row number.
func group(tx store.Tx, c jeroboam.Cluster, ident string) (jeroboam.NodeGroup, error) {
	groups, err := groupsOf(tx, c.ID)
	if err != nil {
		return jeroboam.NodeGroup{}, err
	}
	for _, g := range groups {
		if strings.EqualFold(g.ID, ident) || g.Name == ident || strconv.FormatInt(g.Seq, 10) == ident {
			return g, nil
		}
	}
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.Name
	}
	return jeroboam.NodeGroup{}, jeroboam.Errorf(jeroboam.NotFound, "nodegroup", "Nodegroup %s could not be found.", ident).
		WithRemedy("The cluster has: %s.", strings.Join(names, ", "))
}

func groupsOf(tx store.Tx, cluster string) ([]jeroboam.NodeGroup, error) {
	return store.List[jeroboam.NodeGroup](tx, store.Query{Parent: cluster})
}

// groupsOfAll reads the groups of many clusters, by cluster.
func (s *Service) groupsOfAll(tx store.Tx, clusters []jeroboam.Cluster) (map[string][]jeroboam.NodeGroup, error) {
	if len(clusters) == 0 {
		return nil, nil
	}
	parents := make([]string, len(clusters))
	for i, c := range clusters {
		parents[i] = c.ID
	}
	all, err := s.groups.List(tx, store.Query{Parents: parents})
	groups := make(map[string][]jeroboam.NodeGroup, len(clusters))
	for _, g := range all {
		groups[g.Cluster] = append(groups[g.Cluster], g)
	}
	return groups, err
}
