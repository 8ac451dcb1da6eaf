package quota

import (
	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Want sets how many nodes a group wants and reserves the difference. The
// caller puts g.
func Want(tx store.Tx, defaults Limits, g *jeroboam.NodeGroup, nodes int) error {
	before := g.Claim.Total()
	g.Claim.Wanted = nodes
	return Reserve(tx, defaults, g.Project, g.Claim.Total().Minus(before))
}

// Drop says that none of a group's nodes is wanted any more: those that there
// are count until they are gone. The caller puts g.
func Drop(tx store.Tx, g *jeroboam.NodeGroup) error {
	before := g.Claim.Total()
	g.Claim.Wanted = 0
	return add(tx, g.Project, g.Claim.Total().Minus(before))
}

// DropCluster does so for every group of a cluster that goes, and puts them.
func DropCluster(tx store.Tx, cluster string) error {
	groups, err := store.List[jeroboam.NodeGroup](tx, store.Query{Parent: cluster})
	if err != nil {
		return err
	}
	for _, g := range groups {
		if g.Claim.Wanted == 0 {
			continue
		}
		if err := Drop(tx, &g); err != nil {
			return err
		}
		if err := store.Put(tx, &g); err != nil {
			return err
		}
	}
	return nil
}

// Machines says that a group has more records of machines, or fewer.
func Machines(tx store.Tx, group string, more int) error {
	g, err := store.Get[jeroboam.NodeGroup](tx, group)
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return nil // its claim went with it
	}
	if err != nil {
		return err
	}
	before := g.Claim.Total()
	g.Claim.Machines += more
	if err := store.Put(tx, &g); err != nil {
		return err
	}
	return add(tx, g.Project, g.Claim.Total().Minus(before))
}

// ForgetGroup gives back all that a group takes, whose record goes.
func ForgetGroup(tx store.Tx, group string) error {
	g, err := store.Get[jeroboam.NodeGroup](tx, group)
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	return add(tx, g.Project, g.Claim.Total().Times(-1))
}

// ForgetCluster gives back all that a cluster takes, whose records go.
func ForgetCluster(tx store.Tx, cluster string) error {
	c, err := store.Get[jeroboam.Cluster](tx, cluster)
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	groups, err := store.List[jeroboam.NodeGroup](tx, store.Query{Parent: cluster})
	total := jeroboam.Amounts{Clusters: 1}
	for _, g := range groups {
		total = total.Plus(g.Claim.Total())
	}
	if err != nil {
		return err
	}
	return add(tx, c.Project, total.Times(-1))
}
