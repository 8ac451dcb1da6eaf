package plan_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/plan"
)

// world is a small model of what the engine, the cloud and the COE do with a
// plan. It breaks the rules of none of them, and checks the plan's at each step.
type world struct {
	*rapid.T
	desired plan.Desired
	actual  plan.Actual
	gone    map[string]bool // lost machines whose disk is lost as well
	made    int             // machines ever written down
	done    int             // steps
	swept   bool
	hidden  []jeroboam.Resource // what the cluster made for itself and nobody knows yet
	version int                 // of the configs
	batch   map[string]int      // the largest that a group ever had, by its ID
	clock   time.Time
}

func newWorld(t *rapid.T) *world {
	w := &world{T: t, gone: map[string]bool{}, batch: map[string]int{}, clock: time.Unix(1, 0)}
	w.desired.Authorities = []string{"kubernetes", "etcd"}
	w.desired.Cluster = jeroboam.Cluster{ID: "c", Project: "p", Name: rapid.StringMatching(`[a-zA-Z][a-zA-Z0-9_.-]{0,60}`).Draw(t, "name")}
	w.desired.Cluster.Spec.MasterLBEnabled = rapid.Bool().Draw(t, "balancer")
	w.desired.Cluster.Spec.Labels = map[string]string{plan.LabelAddress.Name: rapid.SampledFrom([]string{"", "virtual", "balancer"}).Draw(t, "address")}
	w.desired.Groups = []jeroboam.NodeGroup{
		{ID: "gm", Name: jeroboam.DefaultMaster, Role: jeroboam.RoleMaster, Default: true},
		{ID: "gw", Name: jeroboam.DefaultWorker, Role: jeroboam.RoleWorker, Default: true},
	}
	w.desired.Cluster.Spec.Version = "1"
	w.desired.Credential = rapid.Bool().Draw(t, "credential")
	w.desired.Groups[0].Spec.Count = rapid.SampledFrom([]int{1, 3, 5}).Draw(t, "masters")
	w.desired.Groups[1].Spec.Count = rapid.IntRange(0, 4).Draw(t, "workers")
	w.actual.Lost = map[string]bool{}
	w.desired.Cluster.Spec.Data = rapid.SampledFrom([]jeroboam.DataWish{"", jeroboam.KeepData, jeroboam.RemoveData}).Draw(t, "data")
	for _, kind := range rapid.SliceOfDistinct(rapid.SampledFrom(begotten), rapid.ID[string]).Draw(t, "made by the cluster") {
		w.hidden = append(w.hidden, jeroboam.Resource{Kind: kind, Name: kind, State: jeroboam.ResourceMade})
	}
	return w
}

var begotten = []string{jeroboam.KindPort, jeroboam.KindSecurityGroup, jeroboam.KindLoadBalancer, jeroboam.KindVolume, jeroboam.KindSnapshot, jeroboam.KindFloatingAddress}

// plan asks for what is left and checks the answer's own rules.
func (w *world) plan() []plan.Step {
	w.actual.Digests, w.actual.Disrupted = w.digests(), map[string]bool{}
	for _, m := range w.actual.Machines {
		w.actual.Disrupted[m.ID] = !m.IsMaster() && m.Status.Version != "" && m.Status.Version != w.versionOf(m)
	}
	steps := plan.Next(w.desired, w.actual)
	seen := map[string]bool{}
	for _, s := range steps {
		if seen[s.Name] {
			w.Fatalf("the step %q is planned twice", s.Name)
		}
		seen[s.Name] = true
	}
	if len(steps) > 0 && len(plan.Ready(steps)) == 0 {
		w.Fatalf("nothing may start of %v", names(steps))
	}
	return steps
}

func names(steps []plan.Step) []string {
	var out []string
	for _, s := range steps {
		out = append(out, fmt.Sprintf("%s%v", s.Name, s.Needs))
	}
	return out
}

// digests is what the engine would want each machine to run: nothing before
// the first control plane is known.
func (w *world) digests() map[string]string {
	known, running := 0, false
	for _, m := range w.actual.Machines {
		if m.IsMaster() && m.Status.Address != "" && !m.Status.Deleting {
			known++
		}
		running = running || m.IsMaster() && (!m.Status.ReadyAt.IsZero() || m.Status.Target != "")
	}
	out := map[string]string{}
	if !running && known < w.desired.Groups[0].Spec.Count {
		return out
	}
	for _, m := range w.actual.Machines {
		if m.Status.Address != "" {
			out[m.ID] = w.config(m)
		}
	}
	return out
}

// config is all that a machine's config says: which version to run, whom to
// trust, who signs and, of the control plane, which credential to use.
func (w *world) config(m jeroboam.Machine) string {
	credential := ""
	for _, r := range w.actual.Ledger {
		if r.Kind == jeroboam.KindCredential && r.State == jeroboam.ResourceMade && m.IsMaster() {
			credential = r.Name
		}
	}
	return fmt.Sprintf("%d|%s|%s|%s", w.version, w.versionOf(m), credential, w.authorities())
}

func (w *world) versionOf(m jeroboam.Machine) string {
	for _, g := range w.desired.Groups {
		if g.ID == m.Group {
			return plan.Version(w.desired.Cluster, w.desired.Groups, g)
		}
	}
	return w.desired.Cluster.Spec.Version
}

// do does one step, as far as luck lets it come.
func (w *world) do(s plan.Step) {
	w.done++
	w.clock = w.clock.Add(time.Second)
	m := w.find(s.Machine.Name)
	switch s.Action {
	case plan.MakeAuthorities:
		for _, name := range w.desired.Authorities {
			w.actual.Authorities = append(w.actual.Authorities, jeroboam.Authority{Name: name, PEM: " " + name + "0"})
		}
	case plan.MakeNetwork:
		w.line(jeroboam.KindNetwork, "n").State = jeroboam.ResourceMade
	case plan.MakeBalancer:
		w.line(jeroboam.KindBalancer, "b").State, w.actual.FrontLost = jeroboam.ResourceMade, false
	case plan.MakeAddress:
		w.line(jeroboam.KindAddress, "a").State, w.actual.FrontLost = jeroboam.ResourceMade, false
	case plan.SetBackends:
		w.line(jeroboam.KindBalancer, "b").Attributes = map[string]string{plan.BackendsAttribute: strings.Join(s.Backends, ",")}
	case plan.MakeMachine:
		w.makeMachine(s.Machine)
	case plan.AwaitJoin:
		m.Status.JoinedAt = w.clock
	case plan.AwaitConfig:
		w.requireTurn(*m)
		m.Status.AppliedConfig = w.config(*m)
		w.requireNotAhead()
		w.requireTrust()
	case plan.Update:
		worked := w.working(*m)
		m.Status.Target, m.Status.ReadyAt = s.Digest, time.Time{}
		if worked {
			w.requireQuorum(s)
		}
		w.requireNotTooManyDown(s, worked)
		if w.actual.Disrupted[m.ID] && !m.Status.Drained {
			w.Fatalf("%q disrupts what runs on %s", s.Name, m.Name)
		}
	case plan.AwaitReady:
		m.Status.ReadyAt, m.Status.Version = w.clock, strings.Split(m.Status.AppliedConfig, "|")[1]
	default:
		w.undo(s, m)
	}
}

func (w *world) undo(s plan.Step, m *jeroboam.Machine) {
	switch s.Action {
	case plan.Select:
		for i := range w.actual.Machines {
			if slices.Contains(s.Targets, w.actual.Machines[i].ID) {
				w.actual.Machines[i].Status.Deleting = true
			}
		}
		w.group(s.Group).Spec.Remove = nil
	case plan.Drain:
		worked := w.working(*m)
		m.Status.Cordoned = m.Status.Cordoned || s.Cordon
		m.Status.Drained = !m.Status.Cordoned || rapid.Bool().Draw(w.T, "drained")
		w.requireNotTooManyDown(s, worked)
	case plan.Remove:
		m.Status.Removed = true
		w.requireQuorum(s)
	case plan.DeleteObject:
		w.delete(s)
	case plan.ForgetGroup:
		w.desired.Groups = slices.DeleteFunc(w.desired.Groups, func(g jeroboam.NodeGroup) bool { return g.ID == s.Group })
	case plan.Keep:
		w.line(s.Object.Kind, s.Object.Name).State = jeroboam.ResourceKept
	case plan.Sweep:
		w.swept = !w.uncover()
	default:
		w.change(s, m)
	}
}

// makeMachine writes the machine down and makes it, unless the service dies
// between the two.
func (w *world) makeMachine(want jeroboam.Machine) {
	m := w.find(want.Name)
	if want.IsMaster() {
		w.requireAddress()
	}
	if m == nil {
		w.made++
		want.ID = fmt.Sprintf("m%d", w.made)
		w.requireNewName(want)
		w.actual.Machines = append(w.actual.Machines, want)
		w.line(jeroboam.KindMachine, want.Name)
		m = w.find(want.Name)
	}
	if rapid.IntRange(0, 5).Draw(w.T, "cut off") == 0 {
		return
	}
	if w.gone[m.ID] {
		m.Status = jeroboam.MachineStatus{Deleting: m.Status.Deleting, Cordoned: m.Status.Cordoned}
		delete(w.gone, m.ID)
	}
	m.Status.CloudID, m.Status.Address = "cloud-"+m.ID, "10.0.0."+m.ID
	delete(w.actual.Lost, m.ID)
	w.line(jeroboam.KindMachine, m.Name).State = jeroboam.ResourceMade
}

func (w *world) delete(s plan.Step) {
	r := s.Object
	left := slices.DeleteFunc(slices.Clone(w.actual.Ledger), func(l jeroboam.Resource) bool {
		return l.State == jeroboam.ResourceKept || l.Kind == jeroboam.KindNetwork
	})
	if r.Kind == jeroboam.KindNetwork && len(left) > 0 {
		w.Fatalf("the network is deleted under %+v", left)
	}
	if r.Kind == jeroboam.KindNetwork && w.uncover() {
		return
	}
	w.requireParting(r)
	if m := w.find(s.Machine.Name); m != nil {
		w.requireNotInUse(s, *m)
		delete(w.actual.Lost, m.ID)
	}
	w.actual.Machines = slices.DeleteFunc(w.actual.Machines, func(m jeroboam.Machine) bool { return m.Name == s.Machine.Name })
	w.actual.Ledger = slices.DeleteFunc(w.actual.Ledger, func(l jeroboam.Resource) bool { return l.Kind == r.Kind && l.Name == r.Name })
}

// uncover brings to light what the cluster has made for itself.
func (w *world) uncover() bool {
	found := len(w.hidden) > 0
	w.actual.Ledger, w.hidden = append(w.actual.Ledger, w.hidden...), nil
	return found
}

// requireParting: no data goes that was not given up, nothing before what hangs
// on it, and nothing that a machine would make again.
func (w *world) requireParting(r jeroboam.Resource) {
	if jeroboam.HoldsData(r.Kind) && w.desired.Cluster.Spec.Data != jeroboam.RemoveData {
		w.Fatalf("the %s is deleted though nobody gave it up", r.Kind)
	}
	if jeroboam.MadeByCluster(r.Kind) && len(w.actual.Machines) > 0 {
		w.Fatalf("the %s is deleted while there are machines", r.Kind)
	}
	first := map[string]string{jeroboam.KindVolume: jeroboam.KindSnapshot, jeroboam.KindPort: jeroboam.KindLoadBalancer, jeroboam.KindSecurityGroup: jeroboam.KindLoadBalancer}[r.Kind]
	for _, l := range w.actual.Ledger {
		if l.Kind == first || r.Kind == jeroboam.KindNetwork && jeroboam.MadeByCluster(l.Kind) && !jeroboam.HoldsData(l.Kind) {
			w.Fatalf("the %s is deleted before the %s", r.Kind, l.Kind)
		}
	}
}

func (w *world) find(name string) *jeroboam.Machine {
	i := slices.IndexFunc(w.actual.Machines, func(m jeroboam.Machine) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return &w.actual.Machines[i]
}

func (w *world) group(id string) *jeroboam.NodeGroup {
	i := slices.IndexFunc(w.desired.Groups, func(g jeroboam.NodeGroup) bool { return g.ID == id })
	return &w.desired.Groups[i]
}

// line finds or intends a line of the ledger.
func (w *world) line(kind, name string) *jeroboam.Resource {
	i := slices.IndexFunc(w.actual.Ledger, func(r jeroboam.Resource) bool { return r.Kind == kind && r.Name == name })
	if i < 0 {
		w.actual.Ledger = append(w.actual.Ledger, jeroboam.Resource{Kind: kind, Name: name, State: jeroboam.ResourceIntended})
		i = len(w.actual.Ledger) - 1
	}
	return &w.actual.Ledger[i]
}

var rfc1123 = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// requireNewName: no name and no index of a group has two owners.
func (w *world) requireNewName(want jeroboam.Machine) {
	if !rfc1123.MatchString(want.Name) {
		w.Fatalf("%q is no host name", want.Name)
	}
	for _, m := range w.actual.Machines {
		if m.Name == want.Name || (m.Group == want.Group && m.Index == want.Index) {
			w.Fatalf("%s (%s/%d) is taken by %s", want.Name, want.Group, want.Index, m.ID)
		}
	}
}

func (w *world) working(m jeroboam.Machine) bool {
	return !m.Status.ReadyAt.IsZero() && !w.actual.Lost[m.ID] && !m.Status.Drained && !m.Status.Cordoned
}

// requireNotTooManyDown: a group shrinks and is replaced with at most one node
// less than wanted, and changes with at most a batch less, unless other nodes
// are down of their own.
func (w *world) requireNotTooManyDown(s plan.Step, worked bool) {
	g := w.group(s.Group)
	if !worked || g.IsMaster() || g.Spec.Deleted {
		return
	}
	up, broken := 0, 0
	for _, m := range w.actual.Machines {
		switch {
		case m.Group != g.ID:
		case w.working(m):
			up++
		case w.actual.Lost[m.ID] && !m.Status.ReadyAt.IsZero() && !m.Status.Deleting:
			broken++
		}
	}
	if up < g.Spec.Count-max(g.Spec.Batch, w.batch[g.ID], 1)-broken {
		w.Fatalf("after %q only %d of %d nodes are up", s.Name, up, g.Spec.Count)
	}
}

// requireAddress: a control-plane machine is born with the right to the address
// that it may have to take.
func (w *world) requireAddress() {
	wanted := plan.AddressOf(w.desired.Cluster, w.desired.Groups) == plan.OnVirtual
	if wanted && w.line(jeroboam.KindAddress, "a").State != jeroboam.ResourceMade {
		w.Fatalf("a control-plane machine is made before the address of the API")
	}
}

// requireFront: what the API is reached at is there, and never both. A balancer
// stays when the control plane shrinks to one.
func (w *world) requireFront() {
	have := map[string]bool{}
	for _, r := range w.actual.Ledger {
		have[r.Kind] = true
	}
	want := plan.AddressOf(w.desired.Cluster, w.desired.Groups)
	if have[jeroboam.KindAddress] != (want == plan.OnVirtual) || (want == plan.OnBalancer && !have[jeroboam.KindBalancer]) ||
		(have[jeroboam.KindAddress] && have[jeroboam.KindBalancer]) || w.actual.FrontLost {
		w.Fatalf("wanted is %s, there is %v", want, have)
	}
}

// front reports whether something stands before the control plane.
func (w *world) front() bool {
	return slices.ContainsFunc(w.actual.Ledger, func(r jeroboam.Resource) bool {
		return (r.Kind == jeroboam.KindBalancer || r.Kind == jeroboam.KindAddress) && r.State == jeroboam.ResourceMade
	})
}

// requireNotInUse: a machine is not deleted under a working node.
func (w *world) requireNotInUse(s plan.Step, m jeroboam.Machine) {
	if w.desired.Cluster.Spec.Deleted {
		return
	}
	if w.working(m) {
		w.Fatalf("%q deletes a node that works", s.Name)
	}
	w.requireQuorum(s)
}

// requireQuorum: after a change of ours more than half of the members of the
// control plane's store are up, unless they were not before.
func (w *world) requireQuorum(s plan.Step) {
	if !s.Machine.IsMaster() {
		return // nothing of ours
	}
	members, up, lost := 0, 0, 0
	for _, m := range w.actual.Machines {
		if !m.IsMaster() || m.Status.AppliedConfig == "" || m.Status.Removed {
			continue
		}
		members++
		if w.actual.Lost[m.ID] {
			lost++
		} else if m.Name == s.Machine.Name {
			continue // it is the one that goes down
		} else if m.Status.Target == "" || !m.Status.ReadyAt.IsZero() || m.Status.Deleting {
			up++ // one that goes comes back from its update unasked
		}
	}
	if running := members > 1 && lost == 0; running && up <= members/2 {
		w.Fatalf("%q leaves %d of %d members of the store", s.Name, up, members)
	}
}

// requireTurn: a node at work takes no config that it was not told to take.
func (w *world) requireTurn(m jeroboam.Machine) {
	if !m.Status.ReadyAt.IsZero() && m.Status.Target != w.config(m) {
		w.Fatalf("%s takes a config before its turn", m.Name)
	}
}

// requireWhole: what is there is what is wanted, and nothing is left to do.
func (w *world) requireWhole() {
	w.requireFront()
	have, want := map[string]int{}, map[string]int{}
	for _, m := range w.actual.Machines {
		have[m.Group]++
		if m.Status.ReadyAt.IsZero() || m.Status.Deleting || w.actual.Lost[m.ID] || m.Status.AppliedConfig != w.config(m) || m.Status.Cordoned || m.Status.Drained {
			w.Fatalf("%s is not whole: %+v", m.Name, m.Status)
		}
	}
	for _, g := range w.desired.Groups {
		if g.Spec.Count > 0 {
			want[g.ID] = g.Spec.Count
		}
		if len(g.Spec.Remove) > 0 || g.Spec.Deleted {
			w.Fatalf("group %s still wants %+v", g.Name, g.Spec)
		}
	}
	if !maps.Equal(have, want) {
		w.Fatalf("there are %v machines, wanted are %v", have, want)
	}
}
