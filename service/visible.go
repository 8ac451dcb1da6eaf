package service

import (
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// reach is whose objects a caller meets: those of the returned project, or
// everybody's ("") when the rule wide, which may be "", lets it.
func (s *Service) reach(caller jeroboam.Caller, wide string) (string, error) {
	if wide != "" && s.allow(caller, wide, "", "") == nil {
		return "", nil
	}
	if caller.ProjectID == "" {
		return "", jeroboam.Errorf(jeroboam.Forbidden, "scope", "The token is not scoped to a project.").
			WithRemedy("Ask the identity service for a token of a project.")
	}
	return caller.ProjectID, nil
}

// visible is the only way to a cluster: by UUID or name, in the caller's
// project or, when the rule wide lets it, in any. Another's is NotFound.
func (s *Service) visible(tx store.Tx, caller jeroboam.Caller, ident, wide string) (jeroboam.Cluster, error) {
	project, err := s.reach(caller, wide)
	if err != nil {
		return jeroboam.Cluster{}, err
	}
	missing := jeroboam.Errorf(jeroboam.NotFound, "cluster", "Cluster %s could not be found.", ident)
	if jeroboam.IsUUID(ident) {
		c, err := store.Get[jeroboam.Cluster](tx, strings.ToLower(ident))
		if jeroboam.KindOf(err) == jeroboam.NotFound || err == nil && project != "" && c.Project != project {
			return c, missing
		}
		return c, err
	}
	found, err := store.List[jeroboam.Cluster](tx, store.Query{Project: project, Name: ident, Limit: 2})
	return only(found, err, missing, "Multiple clusters exist with same name. Please use the cluster uuid instead.")
}

// visibleTemplate is the only way to a template: the caller's own, one that is
// public and not hidden, or any when the rule wide lets it.
func (s *Service) visibleTemplate(tx store.Tx, caller jeroboam.Caller, ident, wide string) (jeroboam.Template, error) {
	project, err := s.reach(caller, wide)
	if err != nil {
		return jeroboam.Template{}, err
	}
	missing := jeroboam.Errorf(jeroboam.NotFound, "template", "ClusterTemplate %s could not be found.", ident)
	if jeroboam.IsUUID(ident) {
		t, err := store.Get[jeroboam.Template](tx, strings.ToLower(ident))
		foreign := project != "" && t.Project != project && (!t.Public || t.Hidden)
		if jeroboam.KindOf(err) == jeroboam.NotFound || err == nil && foreign {
			return t, missing
		}
		return t, err
	}
	found, err := store.List[jeroboam.Template](tx, store.Query{Project: project, Public: project != "", Name: ident, Limit: 2})
	return only(found, err, missing,
		"Multiple ClusterTemplates exist with same name. Please use the ClusterTemplate uuid instead.")
}

// group finds a node group of a visible cluster by UUID, name or row number.
func group(tx store.Tx, c jeroboam.Cluster, ident string) (jeroboam.NodeGroup, error) {
	groups, err := groupsOf(tx, c.ID)
	if err != nil {
		return jeroboam.NodeGroup{}, err
	}
	for _, g := range groups {
		if strings.EqualFold(g.ID, ident) || g.Name == ident || rowNumber(g.Seq) == ident {
			return g, nil
		}
	}
	return jeroboam.NodeGroup{}, jeroboam.Errorf(jeroboam.NotFound, "nodegroup", "Nodegroup %s could not be found.", ident)
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

func only[T any](found []T, err error, missing *jeroboam.Error, ambiguous string) (T, error) {
	var zero T
	switch {
	case err != nil:
		return zero, err
	case len(found) == 0:
		return zero, missing
	case len(found) > 1:
		return zero, jeroboam.Errorf(jeroboam.Conflict, "ambiguous", "%s", ambiguous)
	}
	return found[0], nil
}
