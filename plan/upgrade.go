package plan

import "github.com/jeroboam-cloud/jeroboam"

// WantedVersion is the version of the COE that a group is to come to.
func WantedVersion(c jeroboam.Cluster, g jeroboam.NodeGroup) string {
	if g.Spec.Version != "" {
		return g.Spec.Version
	}
	return c.Spec.Version
}

// Version is the version that the machines of a group should run now. Workers
// follow the control plane: they stay what they are until all of it is written
// down to have come to its version, and a group made meanwhile is like it was.
func Version(c jeroboam.Cluster, groups []jeroboam.NodeGroup, g jeroboam.NodeGroup) string {
	want := WantedVersion(c, g)
	if g.IsMaster() || g.Status.Version == want {
		return want
	}
	for _, m := range groups {
		if !m.IsMaster() || !moves(c, m) {
			continue
		}
		if g.Status.Version != "" {
			return g.Status.Version
		}
		return m.Status.Version
	}
	return want
}

// moves reports whether a group is on its way from one version to another. One
// that never was whole has none to come from.
func moves(c jeroboam.Cluster, g jeroboam.NodeGroup) bool {
	return g.Status.Version != "" && g.Status.Version != WantedVersion(c, g)
}

// version plans to write down what a group has come to, when nothing of it is
// left to do. Workers have nothing to do while they wait for the control plane.
func (b *builder) version(g jeroboam.NodeGroup, group []Step) {
	if !moves(b.Cluster, g) || g.Spec.Deleted {
		return
	}
	s := Step{Name: string(SetVersion) + " " + g.Name, Action: SetVersion, Group: g.ID, Version: WantedVersion(b.Cluster, g),
		Needs: stepNames(group)}
	if g.IsMaster() {
		b.ahead = append(b.ahead, s.Name)
	} else {
		s.Needs = append(s.Needs, b.ahead...)
	}
	b.add(s)
}

func stepNames(steps []Step) []string {
	var out []string
	for _, s := range steps {
		out = append(out, s.Name)
	}
	return out
}
