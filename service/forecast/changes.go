package forecast

import (
	"slices"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/service/drivers"
)

// digests stand for the configs that machines should run: what they run, or
// something else if the operation changes what they run. Of a change in stages
// that is the stage at hand.
func digests(desired plan.Desired, actual plan.Actual, op jeroboam.Operation) map[string]string {
	all := make(map[string]string, len(actual.Machines))
	for _, m := range actual.Machines {
		all[m.ID] = m.Status.AppliedConfig
		if changes(desired, actual, op, m) {
			all[m.ID] = op.ID
		}
	}
	return all
}

func changes(desired plan.Desired, actual plan.Actual, op jeroboam.Operation, m jeroboam.Machine) bool {
	switch op.Verb {
	case jeroboam.VerbUpgrade:
		want := wantedVersion(desired, m)
		return want != "" && m.Status.Version != want
	case jeroboam.VerbRotate:
		rotates := slices.ContainsFunc(actual.Authorities, func(a jeroboam.Authority) bool {
			return a.Generation != desired.Cluster.Spec.Generation(a.Name) || a.Former != ""
		})
		return rotates || m.IsMaster() // only they have the credential
	}
	return false
}

// wantedVersion is the version that a machine is to come to if its group is on
// its way, else "".
func wantedVersion(desired plan.Desired, m jeroboam.Machine) string {
	for _, g := range desired.Groups {
		if want := plan.WantedVersion(desired.Cluster, g); g.ID == m.Group && g.Status.Version != want {
			return want
		}
	}
	return ""
}

// disrupted finds the workers that would have to be emptied.
func disrupted(d drivers.Driver, desired plan.Desired, actual plan.Actual) map[string]bool {
	out := map[string]bool{}
	upgrader, ok := d.Engine.(coe.Upgrader)
	if !ok {
		return out
	}
	for _, m := range actual.Machines {
		if want := wantedVersion(desired, m); want != "" && !m.IsMaster() && m.Status.Version != "" {
			out[m.ID] = upgrader.Disrupts(m.Status.Version, want)
		}
	}
	return out
}
