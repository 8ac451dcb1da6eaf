package snapshot

import (
	"cmp"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Masters are the control-plane machines that stay, by index.
func (s *Snapshot) Masters() []jeroboam.Machine {
	var out []jeroboam.Machine
	for _, m := range s.Machines {
		if m.IsMaster() && !m.Status.Deleting {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b jeroboam.Machine) int { return a.Index - b.Index })
	return out
}

// WantedMasters is the size of control plane that is asked for.
func (s *Snapshot) WantedMasters() int {
	n := 0
	for _, g := range s.Groups {
		if g.IsMaster() {
			n += max(g.Spec.Count, 1)
		}
	}
	return n
}

// Running reports whether the control plane has ever been whole enough to
// answer: from then on it grows and shrinks by one.
func (s *Snapshot) Running() bool {
	return slices.ContainsFunc(s.Machines, func(m jeroboam.Machine) bool {
		return m.IsMaster() && (!m.Status.ReadyAt.IsZero() || m.Status.Target != "")
	})
}

// APIHost is the address by which the cluster's API is reached, "" while it is
// not known.
func (s *Snapshot) APIHost() string {
	if front, ok := s.Front(); ok {
		return cmp.Or(front.Attributes[cloud.AttributePublic], front.Attributes[cloud.AttributeAddress])
	}
	if plan.AddressOf(s.Cluster, s.Groups) != plan.OnNode {
		return ""
	}
	for _, m := range s.Masters() {
		return m.Status.Reached()
	}
	return ""
}

// APIHost is Snapshot.APIHost for who needs nothing else, by now.
func APIHost(tx store.Tx, c jeroboam.Cluster) (string, error) {
	s := &Snapshot{Cluster: c}
	if err := s.readObjects(tx); err != nil {
		return "", err
	}
	return s.APIHost(), nil
}

// APIInside is the address of the API for nodes, "" if that is APIHost: what the
// floating address of a balancer or a virtual address leads to.
func (s *Snapshot) APIInside() string {
	if front, ok := s.Front(); ok && front.Attributes[cloud.AttributePublic] != "" {
		return front.Attributes[cloud.AttributeAddress]
	}
	return ""
}

// VirtualAddress is what the control-plane nodes hand on, "" if they do not.
func (s *Snapshot) VirtualAddress() string {
	line, _ := s.Line(jeroboam.KindAddress)
	return line.Attributes[cloud.AttributeAddress]
}

// Front is what stands before the control-plane nodes.
func (s *Snapshot) Front() (jeroboam.Resource, bool) {
	if line, ok := s.Line(jeroboam.KindBalancer); ok {
		return line, true
	}
	return s.Line(jeroboam.KindAddress)
}

// Backends are what the balancer leads to, as far as the ledger knows.
func (s *Snapshot) Backends() []string {
	line, _ := s.Line(jeroboam.KindBalancer)
	return strings.FieldsFunc(line.Attributes[plan.BackendsAttribute], func(r rune) bool { return r == ',' })
}
