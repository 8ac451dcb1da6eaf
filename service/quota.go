package service

import (
	"context"
	"slices"
	"strconv"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/quota"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Quota is a project's limit on a resource, and how much of it is taken.
type Quota struct {
	jeroboam.Quota
	InUse int
}

// limit is what a project may have of a resource; one without a record has the
// default.
func (s *Service) limit(tx store.Tx, project, resource string) (jeroboam.Quota, error) {
	q, err := store.Get[jeroboam.Quota](tx, quota.ID(project, resource))
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return jeroboam.Quota{Project: project, Resource: resource, HardLimit: s.Limits.Quotas.Of(resource)}, nil
	}
	return q, err
}

// inUse adds to quotas what is taken of them.
func inUse(tx store.Tx, quotas ...jeroboam.Quota) ([]Quota, error) {
	used := map[string]jeroboam.Usage{}
	out := make([]Quota, len(quotas))
	for i, q := range quotas {
		u, read := used[q.Project]
		if !read {
			var err error
			if u, err = quota.Used(tx, q.Project); err != nil {
				return nil, err
			}
			used[q.Project] = u
		}
		out[i] = Quota{q, u.Of(q.Resource)}
	}
	return out, nil
}

// claim gives new groups what each of their nodes takes and how many they want.
func claim(ctx context.Context, d Driver, project string, groups []jeroboam.NodeGroup) error {
	for i := range groups {
		g := &groups[i]
		f, err := findFlavor(ctx, d, project, g.Spec.Flavor)
		if err != nil {
			return err
		}
		g.Claim = jeroboam.Claim{Wanted: g.Spec.Count, Each: quota.Each(*g, f)}
	}
	return nil
}

// dropClaims frees what a cluster wanted and never got; what it has counts
// until it is gone.
func dropClaims(tx store.Tx, cluster string) error {
	groups, err := groupsOf(tx, cluster)
	if err != nil {
		return err
	}
	for _, g := range groups {
		if g.Claim.Wanted == 0 {
			continue
		}
		if err := quota.Drop(tx, &g); err != nil {
			return err
		}
		if err := store.Put(tx, &g); err != nil {
			return err
		}
	}
	return nil
}

var quotaFields = map[string]string{"project_id": "project", "resource": "resource", "hard_limit": "hard_limit",
	"created_at": "created_at", "updated_at": "updated_at"}

// Quotas lists quotas: those of all projects, or the caller's own. The page's
// marker is a row number.
func (s *Service) Quotas(ctx context.Context, caller jeroboam.Caller, all bool, p Page) ([]Quota, error) {
	if err := s.allow(caller, "quota:get_all", caller.ProjectID, caller.UserID); err != nil {
		return nil, err
	}
	marker := p.Marker
	p.Marker = ""
	q, err := p.query(quotaFields)
	if err != nil {
		return nil, err
	}
	if q.Project = caller.ProjectID; all {
		q.Project = ""
	} else if _, err := s.reach(caller, ""); err != nil {
		return nil, err
	}
	return view(ctx, s, func(tx store.Tx) ([]Quota, error) {
		if marker != "" {
			if q.Marker, err = quotaRow(tx, marker); err != nil {
				return nil, err
			}
		}
		quotas, err := store.List[jeroboam.Quota](tx, q)
		if err != nil {
			return nil, err
		}
		return inUse(tx, quotas...)
	})
}

func quotaRow(tx store.Tx, row string) (string, error) {
	seq, _ := strconv.ParseInt(row, 10, 64)
	after, err := store.List[jeroboam.Quota](tx, store.Query{After: seq - 1, Limit: 1})
	if err != nil {
		return "", err
	}
	if len(after) == 0 || after[0].Seq != seq {
		return "", jeroboam.Errorf(jeroboam.NotFound, "quota", "Quota %s could not be found.", row)
	}
	return after[0].ID, nil
}

// Quota shows a project's limit on a resource. As in Magnum, a word that is no
// resource means clusters.
func (s *Service) Quota(ctx context.Context, caller jeroboam.Caller, project, resource string) (Quota, error) {
	if err := s.foreign(caller, project, "quota:get"); err != nil {
		return Quota{}, err
	}
	if !slices.Contains(jeroboam.QuotaResources(), resource) {
		resource = jeroboam.QuotaCluster
	}
	return s.shown(ctx, func(tx store.Tx) (jeroboam.Quota, error) { return s.limit(tx, project, resource) }, s.Store.View)
}

// shown is the quota that f reads or writes, with what is in use of it.
func (s *Service) shown(ctx context.Context, f func(store.Tx) (jeroboam.Quota, error),
	in func(context.Context, func(store.Tx) error) error) (Quota, error) {
	var out Quota
	err := in(ctx, func(tx store.Tx) error {
		q, err := f(tx)
		if err != nil {
			return err
		}
		all, err := inUse(tx, q)
		if err != nil {
			return err
		}
		out = all[0]
		return nil
	})
	return out, err
}

// foreign lets a caller ask about its own project, and an administrator about any.
func (s *Service) foreign(caller jeroboam.Caller, project, rule string) error {
	if err := s.allow(caller, rule, caller.ProjectID, caller.UserID); err != nil {
		return err
	}
	if project == caller.ProjectID || s.allow(caller, "quota:get_all", project, "") == nil {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Forbidden, "project", "Not authorized.")
}

// CreateQuota gives a project a limit of its own.
func (s *Service) CreateQuota(ctx context.Context, caller jeroboam.Caller, q jeroboam.Quota) (Quota, error) {
	if err := s.allow(caller, "quota:create", q.Project, ""); err != nil {
		return Quota{}, err
	}
	if q.Project == "" {
		return Quota{}, jeroboam.Errorf(jeroboam.Invalid, "project_id", "Must provide a valid project ID.")
	}
	q.ID, q.CreatedAt = quota.ID(q.Project, q.Resource), s.now()
	return s.shown(ctx, func(tx store.Tx) (jeroboam.Quota, error) {
		if _, err := store.Get[jeroboam.Quota](tx, q.ID); jeroboam.KindOf(err) != jeroboam.NotFound {
			if err != nil {
				return q, err
			}
			return q, jeroboam.Errorf(jeroboam.Conflict, "exists", "Quota for project %s already exists for resource %s.", q.Project, q.Resource)
		}
		kept := q
		err := store.Put(tx, &kept)
		return kept, err
	}, s.Store.Update)
}

// UpdateQuota changes a project's limit.
func (s *Service) UpdateQuota(ctx context.Context, caller jeroboam.Caller, project, resource string, limit int) (Quota, error) {
	if err := s.allow(caller, "quota:update", project, ""); err != nil {
		return Quota{}, err
	}
	return s.shown(ctx, func(tx store.Tx) (jeroboam.Quota, error) {
		q, err := storedQuota(tx, project, resource)
		if err != nil {
			return q, err
		}
		q.HardLimit, q.UpdatedAt = limit, s.now()
		err = store.Put(tx, &q)
		return q, err
	}, s.Store.Update)
}

// DeleteQuota gives a project the default limit again.
func (s *Service) DeleteQuota(ctx context.Context, caller jeroboam.Caller, project, resource string) error {
	if err := s.allow(caller, "quota:delete", project, ""); err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		q, err := storedQuota(tx, project, resource)
		if err != nil {
			return err
		}
		return store.Delete(tx, q)
	})
}

func storedQuota(tx store.Tx, project, resource string) (jeroboam.Quota, error) {
	q, err := store.Get[jeroboam.Quota](tx, quota.ID(project, resource))
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return q, jeroboam.Errorf(jeroboam.NotFound, "quota", "Quota could not be found: project_id %s resource %s.", project, resource)
	}
	return q, err
}
