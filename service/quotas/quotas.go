// Package quotas is what operators and projects do with quotas: give a project
// limits of its own, take them back, see what is taken of them. Keeping to them
// is the work of package quota.
package quotas

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/quota"
	"github.com/jeroboam-cloud/jeroboam/service/access"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Verbs are what callers do with quotas.
type Verbs struct {
	Store    store.Backend
	Gate     access.Gate
	Defaults quota.Limits     // of a project without quotas of its own
	Now      func() time.Time // as it is stored: UTC, whole microseconds
}

// Quota is a project's limit on a resource, and how much of it is taken.
type Quota struct {
	jeroboam.Quota
	InUse int
}

// limit is what a project may have of a resource; one without a record has the
// default.
func (v Verbs) limit(tx store.Tx, project, resource string) (jeroboam.Quota, error) {
	q, err := store.Get[jeroboam.Quota](tx, quota.ID(project, resource))
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return jeroboam.Quota{Project: project, Resource: resource, HardLimit: v.Defaults.Of(resource)}, nil
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

var fields = map[string]string{"project_id": "project", "resource": "resource", "hard_limit": "hard_limit",
	"created_at": "created_at", "updated_at": "updated_at"}

// List lists quotas: those of all projects, or the caller's own. The page's
// marker is a row number.
func (v Verbs) List(ctx context.Context, caller jeroboam.Caller, all bool, p access.Page) ([]Quota, error) {
	if err := v.Gate.Allow(caller, "quota:get_all", caller.ProjectID, caller.UserID); err != nil {
		return nil, err
	}
	marker := p.Marker
	p.Marker = ""
	q, err := p.Query(fields)
	if err != nil {
		return nil, err
	}
	if q.Project = caller.ProjectID; all {
		q.Project = ""
	} else if _, err := v.Gate.Reach(caller, ""); err != nil {
		return nil, err
	}
	return store.View(ctx, v.Store, func(tx store.Tx) ([]Quota, error) {
		if marker != "" {
			if q.Marker, err = idOf(tx, marker); err != nil {
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

// idOf finds the quota of a row.
func idOf(tx store.Tx, row string) (string, error) {
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

// Get shows a project's limit on a resource. As in Magnum, a word that is no
// resource means clusters.
func (v Verbs) Get(ctx context.Context, caller jeroboam.Caller, project, resource string) (Quota, error) {
	if err := v.foreign(caller, project, "quota:get"); err != nil {
		return Quota{}, err
	}
	if !slices.Contains(jeroboam.QuotaResources(), resource) {
		resource = jeroboam.QuotaCluster
	}
	return v.shown(ctx, func(tx store.Tx) (jeroboam.Quota, error) { return v.limit(tx, project, resource) }, v.Store.View)
}

// shown is the quota that f reads or writes, with what is in use of it.
func (v Verbs) shown(ctx context.Context, f func(store.Tx) (jeroboam.Quota, error),
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
func (v Verbs) foreign(caller jeroboam.Caller, project, rule string) error {
	if err := v.Gate.Allow(caller, rule, caller.ProjectID, caller.UserID); err != nil {
		return err
	}
	if project == caller.ProjectID || v.Gate.Allow(caller, "quota:get_all", project, "") == nil {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Forbidden, "project", "Not authorized.").
		WithRemedy("Ask about your own project, or ask an administrator.")
}

// Create gives a project a limit of its own.
func (v Verbs) Create(ctx context.Context, caller jeroboam.Caller, q jeroboam.Quota) (Quota, error) {
	if err := v.Gate.Allow(caller, "quota:create", q.Project, ""); err != nil {
		return Quota{}, err
	}
	if q.Project == "" {
		return Quota{}, jeroboam.Errorf(jeroboam.Invalid, "project_id", "Must provide a valid project ID.")
	}
	q.ID, q.CreatedAt = quota.ID(q.Project, q.Resource), v.Now()
	return v.shown(ctx, func(tx store.Tx) (jeroboam.Quota, error) {
		if _, err := store.Get[jeroboam.Quota](tx, q.ID); jeroboam.KindOf(err) != jeroboam.NotFound {
			if err != nil {
				return q, err
			}
			return q, jeroboam.Errorf(jeroboam.Conflict, "exists", "Quota for project %s already exists for resource %s.", q.Project, q.Resource).
				WithRemedy("Change that one, or delete it first.")
		}
		kept := q
		err := store.Put(tx, &kept)
		return kept, err
	}, v.Store.Update)
}

// Update changes a project's limit.
func (v Verbs) Update(ctx context.Context, caller jeroboam.Caller, project, resource string, limit int) (Quota, error) {
	if err := v.Gate.Allow(caller, "quota:update", project, ""); err != nil {
		return Quota{}, err
	}
	return v.shown(ctx, func(tx store.Tx) (jeroboam.Quota, error) {
		q, err := stored(tx, project, resource)
		if err != nil {
			return q, err
		}
		q.HardLimit, q.UpdatedAt = limit, v.Now()
		err = store.Put(tx, &q)
		return q, err
	}, v.Store.Update)
}

// Delete gives a project the default limit again.
func (v Verbs) Delete(ctx context.Context, caller jeroboam.Caller, project, resource string) error {
	if err := v.Gate.Allow(caller, "quota:delete", project, ""); err != nil {
		return err
	}
	return v.Store.Update(ctx, func(tx store.Tx) error {
		q, err := stored(tx, project, resource)
		if err != nil {
			return err
		}
		return store.Delete(tx, q)
	})
}

func stored(tx store.Tx, project, resource string) (jeroboam.Quota, error) {
	q, err := store.Get[jeroboam.Quota](tx, quota.ID(project, resource))
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return q, jeroboam.Errorf(jeroboam.NotFound, "quota", "Quota could not be found: project_id %s resource %s.", project, resource).
			WithRemedy("The project has the default limit: create a quota for another.")
	}
	return q, err
}
