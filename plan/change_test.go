package plan_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"pgregory.net/rapid"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/plan"
)

// order is what a person may ask of a cluster that rests: another version, other
// authorities, another credential; and how many nodes may be down, at any time.
func (w *world) order() {
	g := &w.desired.Groups[rapid.IntRange(1, len(w.desired.Groups)-1).Draw(w.T, "group")]
	g.Spec.Batch = rapid.IntRange(0, 3).Draw(w.T, "batch")
	w.batch[g.ID] = max(w.batch[g.ID], g.Spec.Batch)
	if w.desired.Cluster.Spec.Deleted || rapid.IntRange(0, 2).Draw(w.T, "rests") > 0 {
		return
	}
	w.settle()
	spec := &w.desired.Cluster.Spec
	switch rapid.IntRange(0, 3).Draw(w.T, "order") {
	case 0:
		w.upgrade()
	case 1:
		spec.Rotation++
	case 2:
		spec.Rotations = map[string]int{"etcd": spec.Rotations["etcd"] + 1}
	case 3:
		spec.Credential++
	}
}

// upgrade is what service does: the default groups go ahead, others stay until
// they are asked to follow.
func (w *world) upgrade() {
	spec := &w.desired.Cluster.Spec
	before := spec.Version
	n, err := strconv.Atoi(before)
	if err != nil {
		w.Fatal(err)
	}
	spec.Version = strconv.Itoa(n + 1)
	for i := range w.desired.Groups {
		g := &w.desired.Groups[i]
		if g.Status.Version == "" { // a cluster that is whole
			g.Status.Version = before
		}
		if !g.Default && rapid.Bool().Draw(w.T, "stays") {
			g.Spec.Version = before
		} else {
			g.Spec.Version = ""
		}
	}
}

// change does a step of an upgrade or a rotation.
func (w *world) change(s plan.Step, m *jeroboam.Machine) {
	switch s.Action {
	case plan.Uncordon:
		if m.Status.ReadyAt.IsZero() {
			w.Fatalf("%q before it is ready", s.Name)
		}
		m.Status.Cordoned, m.Status.Drained = false, false
	case plan.SetVersion:
		w.group(s.Group).Status.Version = s.Version
		w.requireAllRun(s)
	case plan.MakeCredential:
		w.line(jeroboam.KindCredential, plan.CredentialName(w.desired.Cluster)).State = jeroboam.ResourceMade
	case plan.Trust, plan.Reissue, plan.Retire:
		for _, name := range s.Targets {
			stage(s.Action, w.authority(name))
		}
	default:
		w.Fatalf("nobody knows how to do %q", s.Name)
	}
}

func stage(do plan.Action, a *jeroboam.Authority) {
	switch do {
	case plan.Trust:
		a.Next = fmt.Sprintf(" %s%d", a.Name, a.Generation+1)
	case plan.Reissue:
		a.PEM, a.Next, a.Former = a.Next, "", a.PEM
		a.Generation++
	case plan.Retire:
		a.Former = ""
	}
}

func (w *world) authority(name string) *jeroboam.Authority {
	i := slices.IndexFunc(w.actual.Authorities, func(a jeroboam.Authority) bool { return a.Name == name })
	return &w.actual.Authorities[i]
}

// authorities tells who signs, and after a slash whom to trust.
func (w *world) authorities() string {
	signs, trusts := "", ""
	for _, a := range w.actual.Authorities {
		signs += fmt.Sprintf(" %s%d", a.Name, a.Generation)
		trusts += a.Trust()
	}
	return signs + "/" + trusts + " "
}

// requireTrust: whoever runs a config trusts the authorities that signed for
// any other.
func (w *world) requireTrust() {
	for _, one := range w.actual.Machines {
		for _, other := range w.actual.Machines {
			if one.Status.AppliedConfig == "" || other.Status.AppliedConfig == "" || one.Status.Deleting || other.Status.Deleting {
				continue
			}
			_, trusts, _ := strings.Cut(one.Status.AppliedConfig, "/")
			signs, _, _ := strings.Cut(strings.Split(other.Status.AppliedConfig, "|")[3], "/")
			for _, authority := range strings.Fields(signs) {
				if !strings.Contains(trusts, " "+authority+" ") {
					w.Fatalf("%s trusts%s and not %s of %s", one.Name, trusts, authority, other.Name)
				}
			}
		}
	}
}

// requireNotAhead: no worker runs a later version than a control-plane node.
func (w *world) requireNotAhead() {
	if w.desired.Cluster.Spec.Deleted {
		return
	}
	for _, m := range w.actual.Machines {
		for _, worker := range w.actual.Machines {
			if !m.IsMaster() || worker.IsMaster() || m.Status.AppliedConfig == "" || worker.Status.AppliedConfig == "" || m.Status.Deleting || worker.Status.Deleting {
				continue
			}
			if runs(worker) > runs(m) {
				w.Fatalf("%s runs %d, %s %d", worker.Name, runs(worker), m.Name, runs(m))
			}
		}
	}
}

func runs(m jeroboam.Machine) int {
	n, _ := strconv.Atoi(strings.Split(m.Status.AppliedConfig, "|")[1])
	return n
}

// requireAllRun: a version is written down when nobody runs another.
func (w *world) requireAllRun(s plan.Step) {
	for _, m := range w.actual.Machines {
		if m.Group == s.Group && !m.Status.Deleting && (m.Status.Version != s.Version || m.Status.ReadyAt.IsZero()) {
			w.Fatalf("%q, but %s runs %q", s.Name, m.Name, m.Status.Version)
		}
	}
}

// requireChanged: what was ordered has come about and nothing of before is left.
func (w *world) requireChanged() {
	for _, a := range w.actual.Authorities {
		if want := w.desired.Cluster.Spec.Generation(a.Name); a.Generation != want || a.Next != "" || a.Former != "" {
			w.Fatalf("authority %s should be of generation %d: %+v", a.Name, want, a)
		}
	}
	for _, g := range w.desired.Groups {
		if want := plan.WantedVersion(w.desired.Cluster, g); g.Status.Version != "" && g.Status.Version != want {
			w.Fatalf("group %s should run %s: %+v", g.Name, want, g.Status)
		}
	}
	for _, r := range w.actual.Ledger {
		if r.Kind == jeroboam.KindCredential && r.Name != plan.CredentialName(w.desired.Cluster) {
			w.Fatalf("the former credential %s is left", r.Name)
		}
	}
}
