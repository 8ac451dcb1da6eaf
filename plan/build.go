package plan

import (
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// builder gathers the steps of a cluster that is to live.
type builder struct {
	Desired
	Actual
	steps     []Step
	names     names
	prefix    map[string]string
	masters   []string // "machine" steps of control-plane machines that may run at once
	addresses []string // of the control-plane machines that stay
	chain     []string // what the next change of the control plane must wait for
	ahead     []string // what a version of workers must wait for
}

func newBuilder(d Desired, a Actual) *builder {
	return &builder{Desired: d, Actual: a, names: newNames(a.Machines), prefix: prefixes(d.Cluster.Name, d.Groups)}
}

// foundation is what a cluster has once.
func (b *builder) foundation() {
	if slices.ContainsFunc(b.Desired.Authorities, b.lacksAuthority) {
		b.add(Step{Name: string(MakeAuthorities), Action: MakeAuthorities})
	}
	if b.Desired.Credential && !b.hasCredential() {
		b.add(Step{Name: string(MakeCredential), Action: MakeCredential})
	}
	if _, ok := b.made(jeroboam.KindNetwork); !ok {
		b.add(Step{Name: string(MakeNetwork), Action: MakeNetwork})
	}
	address := AddressOf(b.Cluster, b.Groups)
	if _, ok := b.made(jeroboam.KindBalancer); ok && b.FrontLost || !ok && address == OnBalancer {
		b.add(Step{Name: string(MakeBalancer), Action: MakeBalancer, Needs: []string{string(MakeNetwork)}})
	}
	if _, ok := b.made(jeroboam.KindAddress); ok && b.FrontLost || !ok && address == OnVirtual {
		b.add(Step{Name: string(MakeAddress), Action: MakeAddress, Needs: []string{string(MakeNetwork)}})
	}
}

func (b *builder) lacksAuthority(name string) bool {
	return !slices.ContainsFunc(b.Actual.Authorities, func(a jeroboam.Authority) bool { return a.Name == name })
}

// made finds the cluster's one object of a kind, if the cloud confirmed it.
func (b *builder) made(kind string) (jeroboam.Resource, bool) {
	i := slices.IndexFunc(b.Ledger, func(r jeroboam.Resource) bool {
		return r.Kind == kind && r.State == jeroboam.ResourceMade
	})
	if i < 0 {
		return jeroboam.Resource{}, false
	}
	return b.Ledger[i], true
}

// groups plans the control plane first: what it has pending, others wait for.
func (b *builder) groups() {
	known := make(map[string]bool, len(b.Groups))
	for _, master := range []bool{true, false} {
		for _, g := range b.Groups {
			known[g.ID] = true
			if g.IsMaster() == master {
				b.group(g)
			}
		}
	}
	for _, m := range b.Machines {
		if !known[m.Group] {
			b.leave(m, nil)
		}
	}
}

func (b *builder) group(g jeroboam.NodeGroup) {
	want := wanted(g)
	first := len(b.steps)
	live, leaving := b.members(g.ID)
	victims := Victims(live, want, g.Spec.Remove, b.Lost)
	var selected []string
	if len(victims) > 0 || len(g.Spec.Remove) > 0 {
		s := Step{Name: string(Select) + " " + g.Name, Action: Select, Group: g.ID, Targets: ids(victims)}
		b.add(s)
		selected = []string{s.Name}
	}
	stay := slices.DeleteFunc(live, func(m jeroboam.Machine) bool {
		return slices.ContainsFunc(victims, func(v jeroboam.Machine) bool { return v.ID == m.ID })
	})
	fresh := b.fresh(g, want-len(stay))
	leaving = append(leaving, victims...)
	if g.IsMaster() {
		b.controlPlane(stay, leaving, fresh, selected)
	} else {
		b.workers(g, stay, leaving, fresh, selected)
	}
	b.version(g, b.steps[first:])
	if g.Spec.Deleted && !g.IsMaster() {
		b.forget(g, leaving, selected)
	}
}

// wanted is the size to reach; a control plane never goes before its cluster.
func wanted(g jeroboam.NodeGroup) int {
	switch {
	case g.IsMaster():
		return max(g.Spec.Count, 1)
	case g.Spec.Deleted:
		return 0
	}
	return g.Spec.Count
}

func (b *builder) members(group string) (live, leaving []jeroboam.Machine) {
	for _, m := range b.Machines {
		switch {
		case m.Group != group:
		case m.Status.Deleting:
			leaving = append(leaving, m)
		default:
			live = append(live, m)
		}
	}
	byIndex := func(a, b jeroboam.Machine) int { return a.Index - b.Index }
	slices.SortFunc(live, byIndex)
	slices.SortFunc(leaving, byIndex)
	return live, leaving
}

// fresh names n machines that are not yet written down.
func (b *builder) fresh(g jeroboam.NodeGroup, n int) []jeroboam.Machine {
	used := make(map[int]bool)
	for _, m := range b.Machines {
		if m.Group == g.ID {
			used[m.Index] = true
		}
	}
	var out []jeroboam.Machine
	for index := 0; len(out) < n; index++ {
		var name string
		name, index = b.names.next(b.prefix[g.ID], index, used)
		role := jeroboam.RoleWorker
		if g.IsMaster() {
			role = jeroboam.RoleMaster
		}
		out = append(out, jeroboam.Machine{Cluster: b.Cluster.ID, Project: b.Cluster.Project, Group: g.ID, Role: role,
			Index: index, Name: name, Flavor: g.Spec.Flavor, Image: g.Spec.Image})
	}
	return out
}

// workers may all come and go side by side, as long as no more than one of the
// wanted number is down: who leaves in excess of that waits for who comes.
func (b *builder) workers(g jeroboam.NodeGroup, stay, leaving, fresh []jeroboam.Machine, selected []string) {
	var pending []string   // last steps of those who come
	spare := 1 - wanted(g) // how many may go at once
	var outdated []jeroboam.Machine
	for _, m := range append(slices.Clone(stay), fresh...) {
		switch {
		case m.Status.Cordoned: // it has its turn already
			pending = append(pending, named(Uncordon, m))
		case up(m, b.Lost):
			spare++
		case b.Lost[m.ID] && !b.outdated(m): // it is ready as soon as it runs again
			pending = append(pending, named(MakeMachine, m))
		default:
			pending = append(pending, named(AwaitReady, m))
		}
		if b.outdated(m) && up(m, b.Lost) && !m.Status.Cordoned {
			outdated = append(outdated, m)
		} else {
			b.raise(m, nil) // one that is down may take its config at once
		}
	}
	b.update(g, outdated, pending)
	for _, m := range leaving {
		if works(m, b.Lost) {
			spare++
		}
	}
	for _, m := range leaving {
		needs := slices.Clone(selected)
		if works(m, b.Lost) {
			if spare--; spare < 0 && len(pending) > 0 {
				needs, pending = append(needs, pending[0]), pending[1:]
			}
		}
		b.leave(m, needs)
	}
}

// update lets workers take a new config, after the control plane, so many of
// them at a time: the next one when one before it works again. pending are the
// last steps of those that are down as it is.
func (b *builder) update(g jeroboam.NodeGroup, outdated []jeroboam.Machine, pending []string) {
	atOnce := batch(g)
	queue := slices.Clone(pending)
	for _, m := range outdated {
		needs := slices.Clone(b.chain)
		if i := len(queue) - atOnce; i >= 0 {
			needs = append(needs, queue[i])
		}
		last := AwaitReady
		if b.Disrupted[m.ID] {
			last = Uncordon
		}
		queue = append(queue, named(last, m))
		b.raise(m, needs)
	}
}

// batch is how many nodes of a group may be down for a change.
func batch(g jeroboam.NodeGroup) int {
	if g.Spec.Batch > 0 {
		return g.Spec.Batch
	}
	return max(wanted(g)/10, 1)
}

// outdated reports whether a node at work should have another config.
func (b *builder) outdated(m jeroboam.Machine) bool {
	digest := b.Digests[m.ID]
	return !m.Status.ReadyAt.IsZero() && digest != "" && m.Status.AppliedConfig != digest
}

// hasWorked reports whether a node was ever ready, though it may be taking a new
// config just now.
func hasWorked(m jeroboam.Machine) bool { return !m.Status.ReadyAt.IsZero() || m.Status.Target != "" }

// works reports whether a leaving machine still carries work.
func works(m jeroboam.Machine, lost map[string]bool) bool { return up(m, lost) && !m.Status.Drained }

// controlPlane comes up all at once the first time. After that it changes by
// one machine at a time, those who come before those who go, each change
// waiting until all who stay are whole: so the quorum of its store is never at
// stake, and there is always somebody to take the data over. A new config is
// taken by turns, too.
func (b *builder) controlPlane(stay, leaving, fresh []jeroboam.Machine, selected []string) {
	running := slices.ContainsFunc(b.Machines, func(m jeroboam.Machine) bool {
		return m.IsMaster() && hasWorked(m)
	})
	first := len(b.steps)
	var outdated []jeroboam.Machine
	for _, m := range stay {
		if b.outdated(m) && up(m, b.Lost) {
			outdated = append(outdated, m)
		} else {
			b.raise(m, nil) // one that is down may take its config at once
		}
		b.masters = append(b.masters, named(MakeMachine, m))
		if m.Status.Address != "" {
			b.addresses = append(b.addresses, m.Status.Address)
		}
	}
	if !running {
		for _, m := range fresh {
			b.raise(m, nil)
			b.masters = append(b.masters, named(MakeMachine, m))
		}
		fresh = nil
	}
	for _, s := range b.steps[first:] {
		b.chain = append(b.chain, s.Name)
	}
	for _, m := range fresh {
		b.raise(m, append(slices.Clone(b.chain), selected...))
		b.chain = []string{named(AwaitReady, m)}
	}
	for _, m := range leaving {
		b.leave(m, append(slices.Clone(b.chain), selected...))
		b.chain = []string{named(DeleteObject, m)}
	}
	for _, m := range outdated {
		b.raise(m, b.chain)
		b.chain = []string{named(AwaitReady, m)}
	}
}

// raise plans what a machine that stays still lacks.
func (b *builder) raise(m jeroboam.Machine, needs []string) {
	if m.Status.CloudID == "" || b.Lost[m.ID] {
		footing := []string{string(MakeNetwork)}
		if m.IsMaster() {
			footing = append(footing, string(MakeAddress)) // the cloud lets it have that from its birth
		}
		b.step(MakeMachine, m, append(footing, needs...)...)
	}
	if m.Status.JoinedAt.IsZero() {
		b.step(AwaitJoin, m, named(MakeMachine, m))
	}
	if b.outdated(m) {
		b.change(m, append([]string{named(MakeMachine, m)}, needs...))
	}
	if digest := b.Digests[m.ID]; digest == "" || m.Status.AppliedConfig != digest {
		needs := []string{named(AwaitJoin, m), named(Update, m), string(MakeAuthorities), string(MakeCredential), string(MakeBalancer), string(MakeAddress)}
		b.step(AwaitConfig, m, append(needs, b.masters...)...)
	}
	if m.Status.ReadyAt.IsZero() || b.outdated(m) {
		b.step(AwaitReady, m, named(AwaitConfig, m))
	}
	if m.Status.Cordoned || (b.outdated(m) && b.Disrupted[m.ID]) {
		b.step(Uncordon, m, named(MakeMachine, m), named(AwaitReady, m))
	}
}

// change gives a machine at work its turn, emptied first if it has to be.
func (b *builder) change(m jeroboam.Machine, needs []string) {
	if b.Disrupted[m.ID] && !m.Status.Drained {
		b.add(Step{Name: named(Drain, m), Action: Drain, Machine: m, Group: m.Group, Cordon: true, Needs: needs})
	}
	b.add(Step{Name: named(Update, m), Action: Update, Machine: m, Group: m.Group, Digest: b.Digests[m.ID],
		Needs: append([]string{named(Drain, m)}, needs...)})
}

// leave plans the way out of a machine: drained, forgotten by the COE, deleted.
// One that carries no work has nothing to drain; one that a running control
// plane never heard of has nothing to forget.
func (b *builder) leave(m jeroboam.Machine, needs []string) {
	if hasWorked(m) && !b.Lost[m.ID] && !m.Status.Drained {
		b.step(Drain, m, needs...)
	}
	needs = append(slices.Clone(needs), named(Drain, m))
	if !m.Status.Removed && !m.Status.JoinedAt.IsZero() && b.answers(m) {
		b.step(Remove, m, needs...)
	}
	needs = append(slices.Clone(needs), named(Remove, m))
	if m.IsMaster() {
		needs = append(needs, string(SetBackends))
	}
	line := jeroboam.Resource{ID: jeroboam.ResourceID(b.Cluster.ID, jeroboam.KindMachine, m.Name), Cluster: b.Cluster.ID,
		Project: b.Cluster.Project, Kind: jeroboam.KindMachine, Name: m.Name, CloudID: m.Status.CloudID}
	b.add(Step{Name: named(DeleteObject, m), Action: DeleteObject, Machine: m, Object: line, Needs: needs})
}

// answers reports whether a control plane without m could be asked something.
func (b *builder) answers(m jeroboam.Machine) bool {
	return slices.ContainsFunc(b.Machines, func(o jeroboam.Machine) bool {
		return o.IsMaster() && o.ID != m.ID && hasWorked(o)
	})
}

func (b *builder) forget(g jeroboam.NodeGroup, leaving []jeroboam.Machine, selected []string) {
	needs := slices.Clone(selected)
	for _, m := range leaving {
		needs = append(needs, named(DeleteObject, m))
	}
	b.add(Step{Name: string(ForgetGroup) + " " + g.Name, Action: ForgetGroup, Group: g.ID, Needs: needs})
}

// backends leads the balancer to the control-plane machines that stay.
func (b *builder) backends() {
	line, ok := b.made(jeroboam.KindBalancer)
	slices.Sort(b.addresses)
	pending := slices.ContainsFunc(b.steps, func(s Step) bool {
		return s.Action == MakeBalancer || (s.Action == MakeMachine && slices.Contains(b.masters, s.Name))
	})
	current := ok && line.Attributes[BackendsAttribute] == strings.Join(b.addresses, ",")
	if (!ok && AddressOf(b.Cluster, b.Groups) != OnBalancer) || (current && !pending) {
		return
	}
	needs := append([]string{string(MakeBalancer)}, b.masters...)
	b.add(Step{Name: string(SetBackends), Action: SetBackends, Needs: needs, Backends: b.addresses})
}

// BackendsAttribute is where the ledger's balancer line keeps the addresses it
// leads to, sorted and joined by commas.
const BackendsAttribute = "backends"

func (b *builder) step(a Action, m jeroboam.Machine, needs ...string) {
	b.add(Step{Name: named(a, m), Action: a, Machine: m, Group: m.Group, Needs: needs})
}

func (b *builder) add(s Step) { b.steps = append(b.steps, s) }

func named(a Action, m jeroboam.Machine) string { return string(a) + " " + m.Name }

func ids(machines []jeroboam.Machine) []string {
	var out []string
	for _, m := range machines {
		out = append(out, m.ID)
	}
	return out
}
