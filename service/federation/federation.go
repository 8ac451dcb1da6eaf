// Package federation groups clusters of one project: who belongs together, from
// where they are steered and how they do as a whole. A federation makes nothing
// on any cloud, so its verbs are complete at once. It refuses clusters that its
// caller may not see, and those that are about to go.
package federation

import (
	"context"
	"maps"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/service/access"
	"github.com/jeroboam-cloud/jeroboam/service/internal/names"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Verbs are what callers do with federations.
type Verbs struct {
	Store store.Backend
	Gate  access.Gate
	Now   func() time.Time // as it is stored: UTC, whole microseconds
	NewID func() string
}

// Federation is a federation with its member clusters, in the order of Members.
type Federation struct {
	jeroboam.Federation
	Clusters []jeroboam.Cluster
}

// Health is that of the members together.
func (f Federation) Health() jeroboam.Health {
	parts := make([]jeroboam.Health, len(f.Clusters))
	for i, c := range f.Clusters {
		parts[i] = c.Observed.Health
	}
	return jeroboam.WorstHealth(parts)
}

var listing = access.Listing{Resource: "federation", Fields: map[string]string{"uuid": "id", "name": "name", "hostcluster_id": "host", "status": "state",
	"project_id": "project", "created_at": "created_at", "updated_at": "updated_at"}}

// List lists the federations of the caller's project.
func (v Verbs) List(ctx context.Context, caller jeroboam.Caller, p access.Page) ([]Federation, error) {
	q, err := v.Gate.List(caller, listing, p)
	if err != nil {
		return nil, err
	}
	return store.View(ctx, v.Store, func(tx store.Tx) ([]Federation, error) {
		if q.Marker != "" {
			if _, err := v.Gate.Federation(tx, caller, q.Marker, listing.Marker(p)); err != nil {
				return nil, err
			}
		}
		found, err := store.List[jeroboam.Federation](tx, q)
		if err != nil {
			return nil, err
		}
		return withMembers(tx, found)
	})
}

// Get shows one federation.
func (v Verbs) Get(ctx context.Context, caller jeroboam.Caller, ident string) (Federation, error) {
	return store.View(ctx, v.Store, func(tx store.Tx) (Federation, error) {
		f, err := v.Gate.Federation(tx, caller, ident, access.Own("federation:get"))
		if err != nil {
			return Federation{}, err
		}
		full, err := withMembers(tx, []jeroboam.Federation{f})
		if err != nil {
			return Federation{}, err
		}
		return full[0], nil
	})
}

// Request is a wish for a federation. Clusters are named by UUID or name.
type Request struct {
	Name       string // "": a random one
	Host       string // "": none
	Members    []string
	Properties map[string]string
}

// Create groups clusters of the caller's project. There is nothing to make,
// so it is complete at once.
func (v Verbs) Create(ctx context.Context, caller jeroboam.Caller, r Request) (jeroboam.Federation, error) {
	if err := v.Gate.Allow(caller, "federation:create", caller.ProjectID, caller.UserID); err != nil {
		return jeroboam.Federation{}, err
	}
	if _, err := v.Gate.Reach(caller, ""); err != nil {
		return jeroboam.Federation{}, err
	}
	if r.Name == "" {
		r.Name = names.Random("federation")
	}
	if err := jeroboam.ValidateFederationName(r.Name); err != nil {
		return jeroboam.Federation{}, err
	}
	id := v.NewID()
	return store.Update(ctx, v.Store, func(tx store.Tx) (jeroboam.Federation, error) {
		f := jeroboam.Federation{ID: id, Project: caller.ProjectID, User: caller.UserID, Name: r.Name,
			Properties: r.Properties, State: jeroboam.CreateComplete, CreatedAt: v.Now()}
		var err error
		if f.Host, err = v.host(tx, caller, r.Host); err != nil {
			return f, err
		}
		for _, ident := range r.Members {
			if err := v.join(tx, caller, &f, ident); err != nil {
				return f, err
			}
		}
		return f, store.Put(tx, &f)
	})
}

// Change is what may change of a federation; nil is "as it was".
type Change struct {
	Name       *string
	Host       *string // of "": none any more
	Properties map[string]string
	Join       []string // clusters by UUID or name
	Leave      []string // likewise
}

func (ch Change) empty() bool {
	return ch.Name == nil && ch.Host == nil && ch.Properties == nil && len(ch.Join) == 0 && len(ch.Leave) == 0
}

// Update changes what a federation is called, who belongs to it and what is
// noted of it, as edit says of the present one. edit may be asked again.
func (v Verbs) Update(ctx context.Context, caller jeroboam.Caller, ident string,
	edit func(jeroboam.Federation) (Change, error)) (jeroboam.Federation, error) {
	return store.Update(ctx, v.Store, func(tx store.Tx) (jeroboam.Federation, error) {
		f, err := v.Gate.Federation(tx, caller, ident, access.Own("federation:update"))
		if err != nil {
			return f, err
		}
		ch, err := edit(f)
		if err != nil || ch.empty() {
			return f, err
		}
		if ch.Name != nil {
			if err := jeroboam.ValidateFederationName(*ch.Name); err != nil {
				return f, err
			}
			f.Name = *ch.Name
		}
		if ch.Host != nil {
			if f.Host, err = v.host(tx, caller, *ch.Host); err != nil {
				return f, err
			}
		}
		if ch.Properties != nil {
			f.Properties = maps.Clone(ch.Properties)
		}
		return f, v.regroup(tx, caller, &f, ch)
	})
}

// Delete forgets a federation; its clusters stay as they are.
func (v Verbs) Delete(ctx context.Context, caller jeroboam.Caller, ident string) error {
	return v.Store.Update(ctx, func(tx store.Tx) error {
		f, err := v.Gate.Federation(tx, caller, ident, access.Own("federation:delete"))
		if err != nil {
			return err
		}
		return store.Delete(tx, f)
	})
}
