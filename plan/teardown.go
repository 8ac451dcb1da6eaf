package plan

import (
	"slices"

	"github.com/jeroboam-cloud/jeroboam"
)

// teardown deletes a whole cluster: from the ledger alone, so it works when the
// cluster's API, its template and its groups are gone. Nothing is drained: all
// of it goes. What the cluster made for itself goes when no machine is left that
// would make it again, and the network when nothing is on it; the sweep looks
// under the cluster's tag for what the ledger does not know.
func teardown(c jeroboam.Cluster, actual Actual) []Step {
	machines := make(map[string]jeroboam.Machine, len(actual.Machines))
	for _, m := range actual.Machines {
		machines[m.Name] = m
	}
	own, theirs, network := tiers(c, actual.Ledger)
	steps := make([]Step, 0, len(actual.Ledger)+1)
	done := map[string][]string{} // names of steps, by kind
	var all []string
	add := func(s Step, needs []string) {
		s.Needs = needs
		steps, all = append(steps, s), append(all, s.Name)
		done[s.Object.Kind] = append(done[s.Object.Kind], s.Name)
	}
	for _, r := range own {
		add(deletion(r, machines[r.Name]), nil)
	}
	first := slices.Clip(all)
	for _, r := range theirs {
		if s := parting(c, r); s.Action == Keep {
			add(s, nil)
		} else {
			add(s, append(first, done[jeroboam.GoesAfter(r.Kind)]...))
		}
	}
	others := slices.Clip(all)
	for _, r := range network {
		add(deletion(r, jeroboam.Machine{}), others)
	}
	return append(steps, Step{Name: string(Sweep), Action: Sweep, Needs: all})
}

// tiers parts the ledger into what was made for the cluster, what the cluster
// made for itself, and the network. What was kept is in none of them.
func tiers(c jeroboam.Cluster, ledger []jeroboam.Resource) (own, theirs, network []jeroboam.Resource) {
	for _, r := range ledger {
		switch {
		case r.Kind == jeroboam.KindNetwork:
			network = append(network, r)
		case !jeroboam.MadeByCluster(r.Kind):
			own = append(own, r)
		case r.State != jeroboam.ResourceKept || !stays(c, r):
			theirs = append(theirs, r)
		}
	}
	order := jeroboam.KindsMadeByCluster()
	slices.SortStableFunc(theirs, func(a, b jeroboam.Resource) int {
		return slices.Index(order, a.Kind) - slices.Index(order, b.Kind)
	})
	return own, theirs, network
}

// stays tells what outlives its cluster: data, unless the user gave it up.
func stays(c jeroboam.Cluster, r jeroboam.Resource) bool {
	return jeroboam.HoldsData(r.Kind) && c.Spec.Data != jeroboam.RemoveData
}

func parting(c jeroboam.Cluster, r jeroboam.Resource) Step {
	if stays(c, r) {
		return Step{Name: string(Keep) + " " + r.Kind + " " + r.Name, Action: Keep, Object: r}
	}
	return deletion(r, jeroboam.Machine{})
}

func deletion(r jeroboam.Resource, m jeroboam.Machine) Step {
	name := r.Name
	if r.Kind != jeroboam.KindMachine {
		name = r.Kind + " " + r.Name
	}
	return Step{Name: string(DeleteObject) + " " + name, Action: DeleteObject, Object: r, Machine: m}
}
