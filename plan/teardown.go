package plan

import "github.com/jeroboam-cloud/jeroboam"

// teardown deletes a whole cluster: from the ledger alone, so it works when the
// cluster's API, its template and its groups are gone. Nothing is drained: all
// of it goes. The network waits until nothing is on it; the sweep looks under
// the cluster's tag for what the ledger does not know.
func teardown(c jeroboam.Cluster, actual Actual) []Step {
	machines := make(map[string]jeroboam.Machine, len(actual.Machines))
	for _, m := range actual.Machines {
		machines[m.Name] = m
	}
	var steps []Step
	var attached, all []string
	for _, r := range actual.Ledger {
		if r.Kind == jeroboam.KindNetwork {
			continue
		}
		s := deletion(r, machines[r.Name])
		steps, attached = append(steps, s), append(attached, s.Name)
	}
	all = append(all, attached...)
	for _, r := range actual.Ledger {
		if r.Kind != jeroboam.KindNetwork {
			continue
		}
		s := deletion(r, jeroboam.Machine{})
		s.Needs = attached
		steps, all = append(steps, s), append(all, s.Name)
	}
	return append(steps, Step{Name: string(Sweep), Action: Sweep, Needs: all})
}

func deletion(r jeroboam.Resource, m jeroboam.Machine) Step {
	name := r.Name
	if r.Kind != jeroboam.KindMachine {
		name = r.Kind + " " + r.Name
	}
	return Step{Name: string(DeleteObject) + " " + name, Action: DeleteObject, Object: r, Machine: m}
}
