package quota

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// counted is the ID of the record that says that all there is has been counted.
// No project has it.
const counted = "*"

// Size finds the size of a machine of a cluster.
type Size func(ctx context.Context, c jeroboam.Cluster, flavor string) (jeroboam.Flavor, error)

// Count brings a database up to date whose records were made before anybody
// counted, or were brought from elsewhere. It does so once: afterwards it costs
// one look. A flavor that is not known any more counts as nothing but a node
// and its volumes; missing is told of it.
func Count(ctx context.Context, db store.Backend, size Size, missing func(c jeroboam.Cluster, flavor string, err error)) error {
	var all census
	done := false
	err := db.View(ctx, func(tx store.Tx) (err error) {
		if _, err = store.Get[jeroboam.Usage](tx, counted); err == nil {
			done = true
			return nil
		}
		all, err = take(tx)
		return err
	})
	if err != nil || done {
		return err
	}
	sizes := map[sort]jeroboam.Flavor{}
	for _, g := range all.groups {
		c := all.clusters[g.Cluster]
		s := sort{c.Spec.Driver, c.Project, g.Spec.Flavor}
		if _, known := sizes[s]; known || g.Claim.Each.Nodes > 0 {
			continue
		}
		f, err := size(ctx, c, s.flavor)
		if err != nil {
			missing(c, s.flavor, err)
		}
		sizes[s] = f
	}
	return db.Update(ctx, func(tx store.Tx) error {
		return Recount(tx, func(c jeroboam.Cluster, flavor string) jeroboam.Flavor {
			return sizes[sort{c.Spec.Driver, c.Project, flavor}]
		})
	})
}

// sort is what machines of one size have in common.
type sort struct{ driver, project, flavor string }

// census is all that takes of quotas.
type census struct {
	clusters map[string]jeroboam.Cluster
	groups   []jeroboam.NodeGroup
	machines map[string]int // by group
}

func take(tx store.Tx) (census, error) {
	all := census{clusters: map[string]jeroboam.Cluster{}, machines: map[string]int{}}
	clusters, err := store.List[jeroboam.Cluster](tx, store.Query{})
	if err != nil {
		return all, err
	}
	for _, c := range clusters {
		all.clusters[c.ID] = c
	}
	if all.groups, err = store.List[jeroboam.NodeGroup](tx, store.Query{}); err != nil {
		return all, err
	}
	machines, err := store.List[jeroboam.Machine](tx, store.Query{})
	for _, m := range machines {
		all.machines[m.Group]++
	}
	return all, err
}

// Recount writes every claim and every usage as the records say. What each node
// takes stays where it is known.
func Recount(tx store.Tx, size func(c jeroboam.Cluster, flavor string) jeroboam.Flavor) error {
	all, err := take(tx)
	if err != nil {
		return err
	}
	totals := map[string]jeroboam.Amounts{counted: {}}
	for _, c := range all.clusters {
		totals[c.Project] = totals[c.Project].Plus(jeroboam.Amounts{Clusters: 1})
	}
	for _, g := range all.groups {
		c := all.clusters[g.Cluster]
		claim := jeroboam.Claim{Wanted: wanted(c, g), Machines: all.machines[g.ID], Each: g.Claim.Each}
		if claim.Each.Nodes == 0 {
			claim.Each = Each(g, size(c, g.Spec.Flavor))
		}
		totals[g.Project] = totals[g.Project].Plus(claim.Total())
		if claim == g.Claim {
			continue
		}
		g.Claim = claim
		if err := store.Put(tx, &g); err != nil {
			return err
		}
	}
	return replace(tx, totals)
}

func wanted(c jeroboam.Cluster, g jeroboam.NodeGroup) int {
	if c.Spec.Deleted || g.Spec.Deleted {
		return 0
	}
	return g.Spec.Count
}

// replace writes the usage of all projects; who is not in totals takes nothing.
func replace(tx store.Tx, totals map[string]jeroboam.Amounts) error {
	old, err := store.List[jeroboam.Usage](tx, store.Query{})
	if err != nil {
		return err
	}
	for _, u := range old {
		if _, still := totals[u.ID]; !still {
			totals[u.ID] = jeroboam.Amounts{}
		}
	}
	for project, total := range totals {
		u, err := Used(tx, project)
		if err != nil {
			return err
		}
		u.Amounts = total
		if err := store.Put(tx, &u); err != nil {
			return err
		}
	}
	return nil
}
