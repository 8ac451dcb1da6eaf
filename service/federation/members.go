package federation

import (
	"slices"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/service/access"
	"github.com/jeroboam-cloud/jeroboam/service/internal/refusal"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// withMembers adds the clusters, all read at once.
func withMembers(tx store.Tx, federations []jeroboam.Federation) ([]Federation, error) {
	clusters, err := membersOf(tx, federations)
	if err != nil {
		return nil, err
	}
	full := make([]Federation, len(federations))
	for i, f := range federations {
		full[i] = Federation{f, make([]jeroboam.Cluster, len(f.Members))}
		for at, id := range f.Members {
			c, there := clusters[id]
			if !there {
				return nil, store.Absent(store.KindCluster, id)
			}
			full[i].Clusters[at] = c
		}
	}
	return full, nil
}

func membersOf(tx store.Tx, federations []jeroboam.Federation) (map[string]jeroboam.Cluster, error) {
	clusters := map[string]jeroboam.Cluster{}
	var ids []string
	for _, f := range federations {
		ids = append(ids, f.Members...)
	}
	if len(ids) == 0 {
		return clusters, nil
	}
	slices.Sort(ids)
	found, err := store.List[jeroboam.Cluster](tx, store.Query{IDs: slices.Compact(ids)})
	for _, c := range found {
		clusters[c.ID] = c
	}
	return clusters, err
}

// regroup lets clusters join and leave, and writes the federation.
func (v Verbs) regroup(tx store.Tx, caller jeroboam.Caller, f *jeroboam.Federation, ch Change) error {
	for _, ident := range ch.Join {
		if err := v.join(tx, caller, f, ident); err != nil {
			return err
		}
	}
	for _, ident := range ch.Leave {
		c, err := v.Gate.Cluster(tx, caller, ident, access.Rule{})
		if err != nil {
			return err
		}
		if !slices.Contains(f.Members, c.ID) {
			return jeroboam.Errorf(jeroboam.NotFound, "member", "Cluster %s is not a member of the federation %s.", ident, f.Name).
				WithRemedy("Show the federation: it lists its members.")
		}
		if err := v.leave(tx, f, c, "The cluster left the federation "+f.Name+"."); err != nil {
			return err
		}
	}
	f.State, f.UpdatedAt = jeroboam.UpdateComplete, v.Now()
	return store.Put(tx, f)
}

// host is the UUID of the cluster that a federation is steered from.
func (v Verbs) host(tx store.Tx, caller jeroboam.Caller, ident string) (string, error) {
	if ident == "" {
		return "", nil
	}
	c, err := v.partner(tx, caller, ident)
	return c.ID, err
}

// partner is a cluster that may be in a federation: of the caller's project,
// one that the caller may see, and not about to go.
func (v Verbs) partner(tx store.Tx, caller jeroboam.Caller, ident string) (jeroboam.Cluster, error) {
	c, err := v.Gate.Cluster(tx, caller, ident, access.Own("cluster:get"))
	if err != nil {
		return c, err
	}
	if c.Spec.Deleted {
		return c, refusal.State(c.Status.State, "Joining a federation")
	}
	return c, nil
}

func (v Verbs) join(tx store.Tx, caller jeroboam.Caller, f *jeroboam.Federation, ident string) error {
	c, err := v.partner(tx, caller, ident)
	if err != nil {
		return err
	}
	if slices.Contains(f.Members, c.ID) {
		return jeroboam.Errorf(jeroboam.Conflict, "member", "A cluster with UUID %s is already a member of the federation %s.", c.ID, f.Name)
	}
	f.Members = append(slices.Clone(f.Members), c.ID)
	return v.tell(tx, c, "joined", "The cluster joined the federation "+f.Name+".")
}

// leave takes a cluster out of the members.
func (v Verbs) leave(tx store.Tx, f *jeroboam.Federation, c jeroboam.Cluster, why string) error {
	f.Members = slices.DeleteFunc(slices.Clone(f.Members), func(id string) bool { return id == c.ID })
	return v.tell(tx, c, "left", why)
}

// tell leaves an event with a cluster that is about one of its federations.
func (v Verbs) tell(tx store.Tx, c jeroboam.Cluster, state, message string) error {
	event := jeroboam.Event{ID: v.NewID(), Cluster: c.ID, Project: c.Project, Type: "federation", State: state,
		Message: message, At: v.Now()}
	return store.Put(tx, &event)
}

// LeaveAll takes a cluster that is about to go out of every federation, so that
// none ever names one that is not there.
func (v Verbs) LeaveAll(tx store.Tx, c jeroboam.Cluster) error {
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
		if err := v.leave(tx, &f, c, "The cluster left the federation "+f.Name+" because it is being deleted."); err != nil {
			return err
		}
		f.State, f.UpdatedAt = jeroboam.UpdateComplete, v.Now()
		if err := store.Put(tx, &f); err != nil {
			return err
		}
	}
	return nil
}
