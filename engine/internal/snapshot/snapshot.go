// Package snapshot reads a cluster and all that belongs to it at one moment,
// and answers what follows from that alone. It writes nothing and decides
// nothing.
package snapshot

import (
	"context"
	"slices"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Snapshot is a cluster as it was at one moment. It never changes.
type Snapshot struct {
	Cluster     jeroboam.Cluster
	Groups      []jeroboam.NodeGroup
	Machines    []jeroboam.Machine
	Ledger      []jeroboam.Resource
	Authorities []jeroboam.Authority
	Operations  []jeroboam.Operation // not ended, oldest first
	Newest      jeroboam.Operation   // ended or not; zero if there never was one
}

// recentOperations is how far back operations are looked at: all but the
// newest few have ended long ago.
const recentOperations = 20

// Load reads a cluster; jeroboam.NotFound when it is no more.
func Load(ctx context.Context, db store.Backend, cluster string) (*Snapshot, error) {
	return store.View(ctx, db, func(tx store.Tx) (*Snapshot, error) {
		s := &Snapshot{}
		return s, s.read(tx, cluster)
	})
}

func (s *Snapshot) read(tx store.Tx, id string) (err error) {
	if s.Cluster, err = store.Get[jeroboam.Cluster](tx, id); err != nil {
		return err
	}
	if err := s.readObjects(tx); err != nil {
		return err
	}
	if s.Authorities, err = store.List[jeroboam.Authority](tx, store.Query{Parent: id}); err != nil {
		return err
	}
	recent, err := store.List[jeroboam.Operation](tx, store.Query{Parent: id, Desc: true, Limit: recentOperations})
	if len(recent) > 0 {
		s.Newest = recent[0]
	}
	s.Operations = slices.DeleteFunc(recent, func(o jeroboam.Operation) bool { return o.State.Ended() })
	slices.Reverse(s.Operations)
	return err
}

// readObjects reads what there is of the cluster.
func (s *Snapshot) readObjects(tx store.Tx) (err error) {
	of := store.Query{Parent: s.Cluster.ID}
	if s.Groups, err = store.List[jeroboam.NodeGroup](tx, of); err != nil {
		return err
	}
	if s.Machines, err = store.List[jeroboam.Machine](tx, of); err != nil {
		return err
	}
	s.Ledger, err = store.List[jeroboam.Resource](tx, of)
	return err
}

// Line finds the ledger's one line of a kind that the cloud has confirmed.
func (s *Snapshot) Line(kind string) (jeroboam.Resource, bool) {
	i := slices.IndexFunc(s.Ledger, func(r jeroboam.Resource) bool {
		return r.Kind == kind && r.State == jeroboam.ResourceMade
	})
	if i < 0 {
		return jeroboam.Resource{}, false
	}
	return s.Ledger[i], true
}

// Network reads the cluster's network from the ledger.
func (s *Snapshot) Network() (cloud.Network, error) {
	r, ok := s.Line(jeroboam.KindNetwork)
	if !ok {
		return cloud.Network{}, jeroboam.Errorf(jeroboam.Internal, "ledger", "The cluster's network is not in the ledger.")
	}
	return cloud.NetworkFrom(r), nil
}

// Credential finds the ledger's line of the newest credential, which is the
// last that was intended: the wanted one, once it is made.
func (s *Snapshot) Credential() (jeroboam.Resource, bool) {
	made := slices.DeleteFunc(slices.Clone(s.Ledger), func(r jeroboam.Resource) bool {
		return r.Kind != jeroboam.KindCredential || r.State != jeroboam.ResourceMade
	})
	if len(made) == 0 {
		return jeroboam.Resource{}, false
	}
	return slices.MaxFunc(made, func(a, b jeroboam.Resource) int { return int(a.Seq - b.Seq) }), true
}

// Authority finds an authority by its name.
func (s *Snapshot) Authority(name string) (jeroboam.Authority, bool) {
	i := slices.IndexFunc(s.Authorities, func(a jeroboam.Authority) bool { return a.Name == name })
	if i < 0 {
		return jeroboam.Authority{}, false
	}
	return s.Authorities[i], true
}

// Group is a node group by its ID; the zero one if it is gone.
func (s *Snapshot) Group(id string) jeroboam.NodeGroup {
	for _, g := range s.Groups {
		if g.ID == id {
			return g
		}
	}
	return jeroboam.NodeGroup{}
}

// Version is what a machine's node runs, as far as is known: what the node said
// when it was last ready, or else what its group has come to.
func (s *Snapshot) Version(m jeroboam.Machine) string {
	if m.Status.Version != "" {
		return m.Status.Version
	}
	return s.Group(m.Group).Status.Version
}
