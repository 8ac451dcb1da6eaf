package autoscale

import (
	"context"
	"hash/maphash"
	"slices"
	"strings"
	"sync"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/autoscale/internal/protocol"
	"github.com/jeroboam-cloud/jeroboam/service"
)

// wish makes what is wanted of a group, which is one of a cluster of these
// machines. A wish for the size that the group has is none.
type wish func(cluster, group, []jeroboam.Machine) (service.Resize, error)

// turns lets the calls of one autoscaler, which deletes nodes side by side, ask
// for one size after another: each is made of the one before.
type turns struct {
	seed  maphash.Seed
	locks [64]sync.Mutex
}

func newTurns() *turns { return &turns{seed: maphash.MakeSeed()} }

func (t *turns) of(cluster string) *sync.Mutex {
	return &t.locks[maphash.String(t.seed, cluster)%uint64(len(t.locks))]
}

// resize writes a wish down. It is refused if somebody else, a user or another
// server's, was quicker: the autoscaler looks again in its next round.
func (s *server) resize(ctx context.Context, name string, w wish) error {
	turn := s.turns.of(askerOf(ctx).cluster)
	turn.Lock()
	defer turn.Unlock()
	c, g, err := s.group(ctx, name)
	if err != nil {
		return err
	}
	machines, err := s.machines(ctx)
	if err != nil {
		return err
	}
	if err := s.yield(ctx, c); err != nil {
		return err
	}
	want, err := w(c, g, machines)
	if err != nil || want.Count == g.Spec.Count {
		return err
	}
	want.Group, want.From = g.ID, &g.Spec.Count
	who := askerOf(ctx)
	if _, err := s.Service.ResizeCluster(ctx, who.caller, c.ID, want); err != nil {
		return err
	}
	s.Logger.InfoContext(ctx, "resized by its autoscaler", "request", who.caller.RequestID, "cluster", c.ID, "group", g.Name, "from", g.Spec.Count, "to", want.Count)
	return nil
}

// yield keeps out of the way of what users have under way, such as an upgrade:
// a resize would take the operation over, and nodes that change look like nodes
// that are missing.
func (s *server) yield(ctx context.Context, c cluster) error {
	if !c.Status.State.InProgress() || c.Status.Operation == "" {
		return nil
	}
	op, err := s.Service.Operation(ctx, askerOf(ctx).caller, c.Status.Operation)
	if err != nil || op.State.Ended() || op.Verb == jeroboam.VerbResize || op.Verb == jeroboam.VerbRepair {
		return err
	}
	return jeroboam.Errorf(jeroboam.Conflict, "under-way", "The %s of the cluster is under way.", op.Verb).
		WithRemedy("The autoscaler asks again when it has ended.")
}

// NodeGroupIncreaseSize asks for more nodes.
func (s *server) NodeGroupIncreaseSize(ctx context.Context, r *protocol.NodeGroupIncreaseSizeRequest) (*protocol.NodeGroupIncreaseSizeResponse, error) {
	err := s.resize(ctx, r.Id, func(_ cluster, g group, _ []jeroboam.Machine) (service.Resize, error) {
		want := g.Spec.Count + int(r.Delta)
		if r.Delta <= 0 || want > g.most {
			return service.Resize{}, outOfBounds(g, want)
		}
		return service.Resize{Count: want}, nil
	})
	return &protocol.NodeGroupIncreaseSizeResponse{}, err
}

func outOfBounds(g group, want int) error {
	return jeroboam.Errorf(jeroboam.Invalid, "node_count", "Node group %s has %d nodes and is autoscaled from %d to %d: not to %d.",
		g.Name, g.Spec.Count, g.least, g.most, want)
}

// NodeGroupDeleteNodes has those nodes go. Who is gone or about to go is not
// counted again.
func (s *server) NodeGroupDeleteNodes(ctx context.Context, r *protocol.NodeGroupDeleteNodesRequest) (*protocol.NodeGroupDeleteNodesResponse, error) {
	err := s.resize(ctx, r.Id, func(c cluster, g group, machines []jeroboam.Machine) (service.Resize, error) {
		victims, err := c.victims(g, machines, r.Nodes)
		if want := g.Spec.Count - len(victims); err == nil && len(victims) > 0 && want < g.least {
			err = outOfBounds(g, want)
		}
		return service.Resize{Count: g.Spec.Count - len(victims), Remove: victims}, err
	})
	return &protocol.NodeGroupDeleteNodesResponse{}, err
}

// victims are the IDs of the machines of these nodes that would stay.
func (c cluster) victims(g group, machines []jeroboam.Machine, nodes []*protocol.ExternalGrpcNode) ([]string, error) {
	var victims []string
	for _, n := range nodes {
		at := slices.IndexFunc(machines, func(m jeroboam.Machine) bool { return c.carries(m, n) })
		switch {
		case at < 0: // gone
		case machines[at].Group != g.ID:
			return nil, jeroboam.Errorf(jeroboam.Invalid, "node", "Node %s is not in node group %s.", n.GetName(), g.Name)
		case !leaves(g, machines[at]) && !slices.Contains(victims, machines[at].ID):
			victims = append(victims, machines[at].ID)
		}
	}
	return victims, nil
}

// carries reports whether the node is on the machine. One that was never seen
// may be called by what the machine was called before it had a server.
func (c cluster) carries(m jeroboam.Machine, n *protocol.ExternalGrpcNode) bool {
	id := n.GetProviderID()
	if id == "" {
		return n.GetName() == m.Name
	}
	return strings.EqualFold(id, c.driver.Scaler.ProviderID(c.Cluster.Cluster, m)) || strings.HasSuffix(strings.ToLower(id), "/"+m.ID)
}

// NodeGroupDecreaseTargetSize takes back a wish for nodes that have not come
// up. Which of them go is named, so that no other does.
func (s *server) NodeGroupDecreaseTargetSize(ctx context.Context, r *protocol.NodeGroupDecreaseTargetSizeRequest) (*protocol.NodeGroupDecreaseTargetSizeResponse, error) {
	err := s.resize(ctx, r.Id, func(_ cluster, g group, machines []jeroboam.Machine) (service.Resize, error) {
		stay := slices.DeleteFunc(g.own(machines), func(m jeroboam.Machine) bool { return leaves(g, m) })
		absent := slices.DeleteFunc(slices.Clone(stay), func(m jeroboam.Machine) bool { return !m.Status.ReadyAt.IsZero() })
		want := g.Spec.Count + int(r.Delta)
		switch {
		case r.Delta >= 0 || want < g.least:
			return service.Resize{}, outOfBounds(g, want)
		case want < len(stay)-len(absent):
			return service.Resize{}, jeroboam.Errorf(jeroboam.Conflict, "node_count", "Node group %s has %d nodes that have come up; they go by name only.",
				g.Name, len(stay)-len(absent))
		}
		slices.SortFunc(absent, func(a, b jeroboam.Machine) int { return b.Index - a.Index })
		var remove []string
		for _, m := range absent[:max(len(stay)-want, 0)] {
			remove = append(remove, m.ID)
		}
		return service.Resize{Count: want, Remove: remove}, nil
	})
	return &protocol.NodeGroupDecreaseTargetSizeResponse{}, err
}
