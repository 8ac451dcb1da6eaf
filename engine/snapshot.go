package engine

import (
	"cmp"
	"context"
	"slices"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// snapshot is a cluster and all that belongs to it, read at one moment and
// never changed afterwards.
type snapshot struct {
	cluster     jeroboam.Cluster
	groups      []jeroboam.NodeGroup
	machines    []jeroboam.Machine
	ledger      []jeroboam.Resource
	authorities []jeroboam.Authority
	operations  []jeroboam.Operation // not ended, oldest first
	newest      jeroboam.Operation   // ended or not; zero if there never was one
}

// recentOperations is how far back operations are looked at: all but the
// newest few have ended long ago.
const recentOperations = 20

// load reads a cluster; jeroboam.NotFound when it is no more.
func (e *Engine) load(ctx context.Context, id string) (*snapshot, error) {
	s := &snapshot{}
	err := e.Store.View(ctx, func(tx store.Tx) error { return s.read(tx, id) })
	return s, err
}

func (s *snapshot) read(tx store.Tx, id string) (err error) {
	of := store.Query{Parent: id}
	if s.cluster, err = store.Get[jeroboam.Cluster](tx, id); err != nil {
		return err
	}
	if s.groups, err = store.List[jeroboam.NodeGroup](tx, of); err != nil {
		return err
	}
	if s.machines, err = store.List[jeroboam.Machine](tx, of); err != nil {
		return err
	}
	if s.ledger, err = store.List[jeroboam.Resource](tx, of); err != nil {
		return err
	}
	if s.authorities, err = store.List[jeroboam.Authority](tx, of); err != nil {
		return err
	}
	recent, err := store.List[jeroboam.Operation](tx, store.Query{Parent: id, Desc: true, Limit: recentOperations})
	if len(recent) > 0 {
		s.newest = recent[0]
	}
	s.operations = slices.DeleteFunc(recent, func(o jeroboam.Operation) bool { return o.State.Ended() })
	slices.Reverse(s.operations)
	return err
}

// line finds the ledger's one line of a kind that the cloud has confirmed.
func (s *snapshot) line(kind string) (jeroboam.Resource, bool) {
	i := slices.IndexFunc(s.ledger, func(r jeroboam.Resource) bool {
		return r.Kind == kind && r.State == jeroboam.ResourceMade
	})
	if i < 0 {
		return jeroboam.Resource{}, false
	}
	return s.ledger[i], true
}

// masters are the control-plane machines that stay, by index.
func (s *snapshot) masters() []jeroboam.Machine {
	var out []jeroboam.Machine
	for _, m := range s.machines {
		if m.IsMaster() && !m.Status.Deleting {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b jeroboam.Machine) int { return a.Index - b.Index })
	return out
}

// group is a node group by its ID; the zero one if it is gone.
func (s *snapshot) group(id string) jeroboam.NodeGroup {
	for _, g := range s.groups {
		if g.ID == id {
			return g
		}
	}
	return jeroboam.NodeGroup{}
}

// running reports whether the control plane has ever been whole enough to
// answer: from then on it grows and shrinks by one.
func (s *snapshot) running() bool {
	return slices.ContainsFunc(s.machines, func(m jeroboam.Machine) bool {
		return m.IsMaster() && (!m.Status.ReadyAt.IsZero() || m.Status.Target != "")
	})
}

// wantedMasters is the size of control plane that is asked for.
func (s *snapshot) wantedMasters() int {
	n := 0
	for _, g := range s.groups {
		if g.IsMaster() {
			n += max(g.Spec.Count, 1)
		}
	}
	return n
}

// apiHost is the address by which the cluster's API is reached, "" while it is
// not known.
func (s *snapshot) apiHost() string {
	if front, ok := s.front(); ok {
		return cmp.Or(front.Attributes[attributePublic], front.Attributes[attributeAddress])
	}
	if plan.AddressOf(s.cluster, s.groups) != plan.OnNode {
		return ""
	}
	for _, m := range s.masters() {
		return m.Status.Reached()
	}
	return ""
}

// apiInside is the address of the API for nodes, "" if that is apiHost: what the
// floating address of a balancer or a virtual address leads to.
func (s *snapshot) apiInside() string {
	if front, ok := s.front(); ok && front.Attributes[attributePublic] != "" {
		return front.Attributes[attributeAddress]
	}
	return ""
}

// front is what stands before the control-plane nodes.
func (s *snapshot) front() (jeroboam.Resource, bool) {
	if line, ok := s.line(jeroboam.KindBalancer); ok {
		return line, true
	}
	return s.line(jeroboam.KindAddress)
}

func (s *snapshot) authority(name string) (jeroboam.Authority, bool) {
	i := slices.IndexFunc(s.authorities, func(a jeroboam.Authority) bool { return a.Name == name })
	if i < 0 {
		return jeroboam.Authority{}, false
	}
	return s.authorities[i], true
}

// version is what a machine's node runs, as far as is known: what the node said
// when it was last ready, or else what its group has come to.
func (s *snapshot) version(m jeroboam.Machine) string {
	if m.Status.Version != "" {
		return m.Status.Version
	}
	return s.group(m.Group).Status.Version
}
