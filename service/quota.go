package service

import (
	"context"
	"strconv"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// limit is what a project may have of clusters, and the record that says so.
func (s *Service) limit(tx store.Tx, project string) (jeroboam.Quota, error) {
	q, err := store.Get[jeroboam.Quota](tx, quotaID(project, jeroboam.QuotaCluster))
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return jeroboam.Quota{Project: project, Resource: jeroboam.QuotaCluster, HardLimit: s.Limits.Clusters}, nil
	}
	return q, err
}

func quotaID(project, resource string) string { return project + "/" + resource }

// checkQuota asks for room for one more cluster.
func (s *Service) checkQuota(tx store.Tx, project string) error {
	q, err := s.limit(tx, project)
	if err != nil {
		return err
	}
	n, err := store.Count[jeroboam.Cluster](tx, store.Query{Project: project})
	if err != nil || n < q.HardLimit {
		return err
	}
	return jeroboam.Errorf(jeroboam.QuotaExceeded, "quota", "Resource limit exceeded: You have reached the maximum clusters per project, %d. "+
		"You may delete a cluster to make room for a new one.", q.HardLimit).
		WithRemedy("Delete a cluster, or ask the operator for a higher quota.")
}

var quotaFields = map[string]string{"project_id": "project", "resource": "resource", "hard_limit": "hard_limit",
	"created_at": "created_at", "updated_at": "updated_at"}

// Quotas lists quotas: those of all projects, or the caller's own. The page's
// marker is a row number.
func (s *Service) Quotas(ctx context.Context, caller jeroboam.Caller, all bool, p Page) ([]jeroboam.Quota, error) {
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
	return view(ctx, s, func(tx store.Tx) ([]jeroboam.Quota, error) {
		if marker != "" {
			if q.Marker, err = quotaRow(tx, marker); err != nil {
				return nil, err
			}
		}
		return store.List[jeroboam.Quota](tx, q)
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

// Quota shows a project's limit; one without a record has the default.
func (s *Service) Quota(ctx context.Context, caller jeroboam.Caller, project string) (jeroboam.Quota, error) {
	if err := s.foreign(caller, project, "quota:get"); err != nil {
		return jeroboam.Quota{}, err
	}
	return view(ctx, s, func(tx store.Tx) (jeroboam.Quota, error) { return s.limit(tx, project) })
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
func (s *Service) CreateQuota(ctx context.Context, caller jeroboam.Caller, q jeroboam.Quota) (jeroboam.Quota, error) {
	if err := s.allow(caller, "quota:create", q.Project, ""); err != nil {
		return q, err
	}
	if q.Project == "" {
		return q, jeroboam.Errorf(jeroboam.Invalid, "project_id", "Must provide a valid project ID.")
	}
	q.ID, q.CreatedAt = quotaID(q.Project, q.Resource), s.now()
	return update(ctx, s, func(tx store.Tx) (jeroboam.Quota, error) {
		if _, err := store.Get[jeroboam.Quota](tx, q.ID); jeroboam.KindOf(err) != jeroboam.NotFound {
			if err != nil {
				return q, err
			}
			return q, jeroboam.Errorf(jeroboam.Conflict, "exists", "Quota for project %s already exists for resource %s.", q.Project, q.Resource)
		}
		kept := q
		return kept, store.Put(tx, &kept)
	})
}

// UpdateQuota changes a project's limit.
func (s *Service) UpdateQuota(ctx context.Context, caller jeroboam.Caller, project, resource string, limit int) (jeroboam.Quota, error) {
	if err := s.allow(caller, "quota:update", project, ""); err != nil {
		return jeroboam.Quota{}, err
	}
	return update(ctx, s, func(tx store.Tx) (jeroboam.Quota, error) {
		q, err := quota(tx, project, resource)
		if err != nil {
			return q, err
		}
		q.HardLimit, q.UpdatedAt = limit, s.now()
		return q, store.Put(tx, &q)
	})
}

// DeleteQuota gives a project the default limit again.
func (s *Service) DeleteQuota(ctx context.Context, caller jeroboam.Caller, project, resource string) error {
	if err := s.allow(caller, "quota:delete", project, ""); err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		q, err := quota(tx, project, resource)
		if err != nil {
			return err
		}
		return store.Delete(tx, q)
	})
}

func quota(tx store.Tx, project, resource string) (jeroboam.Quota, error) {
	q, err := store.Get[jeroboam.Quota](tx, quotaID(project, resource))
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return q, jeroboam.Errorf(jeroboam.NotFound, "quota", "Quota could not be found: project_id %s resource %s.", project, resource)
	}
	return q, err
}
