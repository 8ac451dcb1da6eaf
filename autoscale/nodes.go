package autoscale

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/autoscale/internal/protocol"
)

// Classes of errors, as the autoscaler numbers them.
const (
	classNoRoom = 1
	classOther  = 99
)

// NodeGroupNodes lists the machines of a group, how far they are and what keeps
// those that are made from coming up.
func (s *server) NodeGroupNodes(ctx context.Context, r *protocol.NodeGroupNodesRequest) (*protocol.NodeGroupNodesResponse, error) {
	c, g, err := s.group(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	machines, err := s.machines(ctx)
	if err != nil {
		return nil, err
	}
	causes, err := s.troubles(ctx, c)
	if err != nil {
		return nil, err
	}
	answer := &protocol.NodeGroupNodesResponse{}
	for _, m := range g.own(machines) {
		answer.Instances = append(answer.Instances,
			&protocol.Instance{Id: c.driver.Scaler.ProviderID(c.Cluster.Cluster, m), Status: statusIn(g, m, causes)})
	}
	return answer, nil
}

// machines are those of the asker's cluster, by name.
func (s *server) machines(ctx context.Context) ([]jeroboam.Machine, error) {
	who := askerOf(ctx)
	return s.Service.Machines(ctx, who.caller, who.cluster)
}

// own are the group's of its cluster's machines.
func (g group) own(machines []jeroboam.Machine) []jeroboam.Machine {
	return slices.DeleteFunc(slices.Clone(machines), func(m jeroboam.Machine) bool { return m.Group != g.ID })
}

func statusIn(g group, m jeroboam.Machine, causes map[string]*jeroboam.Cause) *protocol.InstanceStatus {
	switch {
	case leaves(g, m):
		return &protocol.InstanceStatus{InstanceState: protocol.InstanceStatus_instanceDeleting}
	case !m.Status.ReadyAt.IsZero():
		return &protocol.InstanceStatus{InstanceState: protocol.InstanceStatus_instanceRunning}
	}
	status := &protocol.InstanceStatus{InstanceState: protocol.InstanceStatus_instanceCreating}
	if cause := causes[m.Name]; cause != nil {
		status.ErrorInfo = &protocol.InstanceErrorInfo{ErrorCode: cause.Reason, ErrorMessage: cause.Text(), InstanceErrorClass: classOther}
		if cause.Kind == jeroboam.QuotaExceeded {
			status.ErrorInfo.InstanceErrorClass = classNoRoom
		}
	}
	return status
}

// leaves reports whether a machine goes, or will as soon as the engine looks.
func leaves(g group, m jeroboam.Machine) bool {
	return m.Status.Deleting || slices.Contains(g.Spec.Remove, m.ID)
}

// troubles are what no time will cure of the cluster's newest operation, by the
// names of the machines that it speaks of: who waits for them waits in vain.
func (s *server) troubles(ctx context.Context, c cluster) (map[string]*jeroboam.Cause, error) {
	causes := map[string]*jeroboam.Cause{}
	if c.Status.State.Resting() || c.Status.Operation == "" {
		return causes, nil
	}
	op, err := s.Service.Operation(ctx, askerOf(ctx).caller, c.Status.Operation)
	if err != nil || (op.State != jeroboam.OperationBlocked && op.State != jeroboam.OperationFailed) {
		return causes, err
	}
	for _, step := range op.Steps {
		if step.State != jeroboam.StepBlocked && step.State != jeroboam.StepFailed {
			continue
		}
		cause := step.Cause
		if cause == nil && step.State == jeroboam.StepFailed {
			cause = op.Cause
		}
		if _, machine, found := strings.Cut(step.Name, " "); found && cause != nil {
			causes[machine] = cause
		}
	}
	return causes, nil
}

// NodeGroupForNode is the group of a node, without a name if the node is not
// the autoscaler's to resize.
func (s *server) NodeGroupForNode(ctx context.Context, r *protocol.NodeGroupForNodeRequest) (*protocol.NodeGroupForNodeResponse, error) {
	known, err := s.roll(ctx, r.Node)
	if err != nil {
		return nil, err
	}
	g, ok := known.of(r.Node)
	if !ok {
		return &protocol.NodeGroupForNodeResponse{NodeGroup: &protocol.NodeGroup{}}, nil
	}
	return &protocol.NodeGroupForNodeResponse{NodeGroup: g}, nil
}

// roll tells the group of each machine of a cluster, by its provider ID and its
// name; a group without an ID for those that are not resized.
type roll struct {
	made   time.Time
	groups map[string]*protocol.NodeGroup
}

func (r *roll) of(n *protocol.ExternalGrpcNode) (*protocol.NodeGroup, bool) {
	if g, ok := r.groups[n.GetProviderID()]; ok {
		return g, true
	}
	g, ok := r.groups[n.GetName()]
	return g, ok
}

// How long a roll is used: an autoscaler that asks for every node in turn has
// the machines read once a round. One that does not know the node is made anew
// unless it is new.
const (
	rollFresh = 10 * time.Second
	rollNew   = time.Second
)

// roll is the asker's cluster's, as it is remembered or made anew.
func (s *server) roll(ctx context.Context, n *protocol.ExternalGrpcNode) (*roll, error) {
	who := askerOf(ctx)
	if known := s.rolls.find(who.cluster); known != nil {
		age := s.Now().Sub(known.made)
		if _, ok := known.of(n); age < rollNew || (ok && age < rollFresh) {
			return known, nil
		}
	}
	made := &roll{made: s.Now(), groups: map[string]*protocol.NodeGroup{}}
	c, err := s.cluster(ctx)
	if err != nil {
		return nil, err
	}
	machines, err := s.machines(ctx)
	if err != nil {
		return nil, err
	}
	groups := map[string]*protocol.NodeGroup{}
	for _, g := range c.groups {
		groups[g.ID] = g.message()
	}
	for _, m := range machines {
		of := groups[m.Group]
		if of == nil {
			of = &protocol.NodeGroup{}
		}
		made.groups[c.driver.Scaler.ProviderID(c.Cluster.Cluster, m)], made.groups[m.Name] = of, of
	}
	s.rolls.put(who.cluster, made)
	return made, nil
}

// rolls keeps the rolls of clusters that have just been asked for.
type rolls struct {
	now func() time.Time

	mu    sync.Mutex
	known map[string]*roll // by cluster
}

func (r *rolls) find(cluster string) *roll {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known[cluster]
}

func (r *rolls) put(cluster string, made *roll) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = map[string]*roll{}
	}
	for id, old := range r.known { // autoscalers that ask no more
		if r.now().Sub(old.made) > rollFresh {
			delete(r.known, id)
		}
	}
	r.known[cluster] = made
}

func (r *rolls) forget(cluster string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, cluster)
}
