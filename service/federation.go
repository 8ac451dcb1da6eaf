package service

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

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

var federationFields = map[string]string{"uuid": "id", "name": "name", "hostcluster_id": "host", "status": "state",
	"project_id": "project", "created_at": "created_at", "updated_at": "updated_at"}

// Federations lists the federations of the caller's project.
func (s *Service) Federations(ctx context.Context, caller jeroboam.Caller, p Page) ([]Federation, error) {
	if err := s.allow(caller, p.rule("federation"), caller.ProjectID, caller.UserID); err != nil {
		return nil, err
	}
	project, err := s.reach(caller, "")
	if err != nil {
		return nil, err
	}
	q, err := p.query(federationFields)
	if err != nil {
		return nil, err
	}
	q.Project = project
	return view(ctx, s, func(tx store.Tx) ([]Federation, error) {
		if q.Marker != "" {
			if _, err := s.visibleFederation(tx, caller, q.Marker); err != nil {
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

// Federation shows one federation.
func (s *Service) Federation(ctx context.Context, caller jeroboam.Caller, ident string) (Federation, error) {
	return view(ctx, s, func(tx store.Tx) (Federation, error) {
		f, err := s.federation(tx, caller, ident, "federation:get")
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

// federation finds one of the caller's project, with which it may do what the
// rule is about.
func (s *Service) federation(tx store.Tx, caller jeroboam.Caller, ident, rule string) (jeroboam.Federation, error) {
	f, err := s.visibleFederation(tx, caller, ident)
	if err != nil {
		return f, err
	}
	return f, s.allow(caller, rule, f.Project, f.User)
}

// withMembers adds the clusters, each read once.
func withMembers(tx store.Tx, federations []jeroboam.Federation) ([]Federation, error) {
	read := map[string]jeroboam.Cluster{}
	full := make([]Federation, 0, len(federations))
	for _, f := range federations {
		clusters := make([]jeroboam.Cluster, 0, len(f.Members))
		for _, id := range f.Members {
			c, known := read[id]
			if !known {
				var err error
				if c, err = store.Get[jeroboam.Cluster](tx, id); err != nil {
					return nil, err
				}
				read[id] = c
			}
			clusters = append(clusters, c)
		}
		full = append(full, Federation{f, clusters})
	}
	return full, nil
}

// FederationRequest is a wish for a federation. Clusters are named by UUID or
// name.
type FederationRequest struct {
	Name       string // "": a random one
	Host       string // "": none
	Members    []string
	Properties map[string]string
}

// CreateFederation groups clusters of the caller's project. There is nothing to
// make, so it is complete at once.
func (s *Service) CreateFederation(ctx context.Context, caller jeroboam.Caller, r FederationRequest) (jeroboam.Federation, error) {
	if err := s.allow(caller, "federation:create", caller.ProjectID, caller.UserID); err != nil {
		return jeroboam.Federation{}, err
	}
	if _, err := s.reach(caller, ""); err != nil {
		return jeroboam.Federation{}, err
	}
	if r.Name == "" {
		r.Name = randomName("federation")
	}
	if err := jeroboam.ValidateFederationName(r.Name); err != nil {
		return jeroboam.Federation{}, err
	}
	id := s.NewID()
	return update(ctx, s, func(tx store.Tx) (jeroboam.Federation, error) {
		f := jeroboam.Federation{ID: id, Project: caller.ProjectID, User: caller.UserID, Name: r.Name,
			Properties: r.Properties, State: jeroboam.CreateComplete, CreatedAt: s.now()}
		var err error
		if f.Host, err = s.host(tx, caller, r.Host); err != nil {
			return f, err
		}
		for _, ident := range r.Members {
			if err := s.join(tx, caller, &f, ident); err != nil {
				return f, err
			}
		}
		return f, store.Put(tx, &f)
	})
}

// FederationChange is what may change of a federation; nil is "as it was".
type FederationChange struct {
	Name       *string
	Host       *string // of "": none any more
	Properties map[string]string
	Join       []string // clusters by UUID or name
	Leave      []string // likewise
}

func (ch FederationChange) empty() bool {
	return ch.Name == nil && ch.Host == nil && ch.Properties == nil && len(ch.Join) == 0 && len(ch.Leave) == 0
}

// UpdateFederation changes what a federation is called, who belongs to it and
// what is noted of it, as edit says of the present one. edit may be asked again.
func (s *Service) UpdateFederation(ctx context.Context, caller jeroboam.Caller, ident string,
	edit func(jeroboam.Federation) (FederationChange, error)) (jeroboam.Federation, error) {
	return update(ctx, s, func(tx store.Tx) (jeroboam.Federation, error) {
		f, err := s.federation(tx, caller, ident, "federation:update")
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
			if f.Host, err = s.host(tx, caller, *ch.Host); err != nil {
				return f, err
			}
		}
		if ch.Properties != nil {
			f.Properties = maps.Clone(ch.Properties)
		}
		return f, s.regroup(tx, caller, &f, ch)
	})
}

// regroup lets clusters join and leave, and writes the federation.
func (s *Service) regroup(tx store.Tx, caller jeroboam.Caller, f *jeroboam.Federation, ch FederationChange) error {
	for _, ident := range ch.Join {
		if err := s.join(tx, caller, f, ident); err != nil {
			return err
		}
	}
	for _, ident := range ch.Leave {
		c, err := s.visible(tx, caller, ident, "")
		if err != nil {
			return err
		}
		if !slices.Contains(f.Members, c.ID) {
			return jeroboam.Errorf(jeroboam.NotFound, "member", "Cluster %s is not a member of the federation %s.", ident, f.Name)
		}
		if err := s.leave(tx, f, c, "The cluster left the federation "+f.Name+"."); err != nil {
			return err
		}
	}
	f.State, f.UpdatedAt = jeroboam.UpdateComplete, s.now()
	return store.Put(tx, f)
}

// host is the UUID of the cluster that a federation is steered from.
func (s *Service) host(tx store.Tx, caller jeroboam.Caller, ident string) (string, error) {
	if ident == "" {
		return "", nil
	}
	c, err := s.partner(tx, caller, ident)
	return c.ID, err
}

// partner is a cluster that may be in a federation: of the caller's project,
// one that the caller may see, and not about to go.
func (s *Service) partner(tx store.Tx, caller jeroboam.Caller, ident string) (jeroboam.Cluster, error) {
	c, err := s.visible(tx, caller, ident, "")
	if err != nil {
		return c, err
	}
	if err := s.allow(caller, "cluster:get", c.Project, c.User); err != nil {
		return c, err
	}
	if c.Spec.Deleted {
		return c, refuseState(c.Status.State, "Joining a federation")
	}
	return c, nil
}

func (s *Service) join(tx store.Tx, caller jeroboam.Caller, f *jeroboam.Federation, ident string) error {
	c, err := s.partner(tx, caller, ident)
	if err != nil {
		return err
	}
	if slices.Contains(f.Members, c.ID) {
		return jeroboam.Errorf(jeroboam.Conflict, "member", "A cluster with UUID %s is already a member of the federation %s.", c.ID, f.Name)
	}
	f.Members = append(slices.Clone(f.Members), c.ID)
	return s.tellMember(tx, c, "joined", "The cluster joined the federation "+f.Name+".")
}

// leave takes a cluster out of the members.
func (s *Service) leave(tx store.Tx, f *jeroboam.Federation, c jeroboam.Cluster, why string) error {
	f.Members = slices.DeleteFunc(slices.Clone(f.Members), func(id string) bool { return id == c.ID })
	return s.tellMember(tx, c, "left", why)
}

// eventFederation is the type of the events of a cluster that are about its
// federations.
const eventFederation = "federation"

func (s *Service) tellMember(tx store.Tx, c jeroboam.Cluster, state, message string) error {
	event := jeroboam.Event{ID: s.NewID(), Cluster: c.ID, Project: c.Project, Type: eventFederation, State: state,
		Message: message, At: s.now()}
	return store.Put(tx, &event)
}

// leaveAll takes a cluster that is about to go out of every federation, so that
// none ever names one that is not there.
func (s *Service) leaveAll(tx store.Tx, c jeroboam.Cluster) error {
	all, err := store.List[jeroboam.Federation](tx, store.Query{Project: c.Project})
	if err != nil {
		return err
	}
	for _, f := range all {
		if f.Host != c.ID && !slices.Contains(f.Members, c.ID) {
			continue
		}
		if f.Host == c.ID {
			f.Host = ""
		}
		if err := s.leave(tx, &f, c, "The cluster left the federation "+f.Name+" because it is being deleted."); err != nil {
			return err
		}
		f.State, f.UpdatedAt = jeroboam.UpdateComplete, s.now()
		if err := store.Put(tx, &f); err != nil {
			return err
		}
	}
	return nil
}

// DeleteFederation forgets a federation; its clusters stay as they are.
func (s *Service) DeleteFederation(ctx context.Context, caller jeroboam.Caller, ident string) error {
	return s.Store.Update(ctx, func(tx store.Tx) error {
		f, err := s.federation(tx, caller, ident, "federation:delete")
		if err != nil {
			return err
		}
		return store.Delete(tx, f)
	})
}

// visibleFederation is the only way to a federation: by UUID or name, in the
// caller's project. Another's is NotFound, to administrators as well.
func (s *Service) visibleFederation(tx store.Tx, caller jeroboam.Caller, ident string) (jeroboam.Federation, error) {
	project, err := s.reach(caller, "")
	if err != nil {
		return jeroboam.Federation{}, err
	}
	missing := jeroboam.Errorf(jeroboam.NotFound, "federation", "Federation %s could not be found.", ident)
	if jeroboam.IsUUID(ident) {
		f, err := store.Get[jeroboam.Federation](tx, strings.ToLower(ident))
		if jeroboam.KindOf(err) == jeroboam.NotFound || err == nil && f.Project != project {
			return f, missing
		}
		return f, err
	}
	found, err := store.List[jeroboam.Federation](tx, store.Query{Project: project, Name: ident, Limit: 2})
	return only(found, err, missing, "Multiple federations exist with same name. Please use the federation uuid instead.")
}
