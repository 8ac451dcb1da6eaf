package autoscale

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/autoscale/internal/protocol"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/service"
)

// cluster is a cluster as its autoscaler may know it.
type cluster struct {
	service.Cluster
	driver Driver
	groups []group
}

// group is a node group that may be resized. The autoscaler knows it by its
// name, which no other group of the cluster has.
type group struct {
	jeroboam.NodeGroup
	least, most int
}

// cluster reads the asker's cluster.
func (s *server) cluster(ctx context.Context) (cluster, error) {
	who := askerOf(ctx)
	found, err := s.Service.Cluster(ctx, who.caller, who.cluster)
	if err != nil {
		return cluster{}, err
	}
	d, ok := s.Drivers[found.Spec.Driver]
	if !ok {
		return cluster{}, jeroboam.Errorf(jeroboam.Unsupported, "driver", "Clusters of the driver %s are not autoscaled.", found.Spec.Driver)
	}
	c := cluster{Cluster: found, driver: d}
	for _, g := range found.Groups {
		if least, most, ok := d.Scaler.Bounds(found.Cluster, g); ok {
			c.groups = append(c.groups, group{g, least, most})
		}
	}
	return c, nil
}

// group finds a group of the asker's cluster.
func (s *server) group(ctx context.Context, name string) (cluster, group, error) {
	c, err := s.cluster(ctx)
	if err != nil {
		return c, group{}, err
	}
	at := slices.IndexFunc(c.groups, func(g group) bool { return g.Name == name })
	if at < 0 {
		return c, group{}, jeroboam.Errorf(jeroboam.NotFound, "nodegroup", "The cluster has no node group %q that is autoscaled.", name)
	}
	return c, c.groups[at], nil
}

func (g group) message() *protocol.NodeGroup {
	return &protocol.NodeGroup{Id: g.Name, MinSize: int32(g.least), MaxSize: int32(g.most),
		Debug: fmt.Sprintf("%s (%d of %d to %d)", g.Name, g.Spec.Count, g.least, g.most)}
}

// NodeGroups lists the groups that may be resized.
func (s *server) NodeGroups(ctx context.Context, _ *protocol.NodeGroupsRequest) (*protocol.NodeGroupsResponse, error) {
	c, err := s.cluster(ctx)
	if err != nil {
		return nil, err
	}
	answer := &protocol.NodeGroupsResponse{}
	for _, g := range c.groups {
		answer.NodeGroups = append(answer.NodeGroups, g.message())
	}
	return answer, nil
}

// NodeGroupTargetSize is the size that is wanted of a group.
func (s *server) NodeGroupTargetSize(ctx context.Context, r *protocol.NodeGroupTargetSizeRequest) (*protocol.NodeGroupTargetSizeResponse, error) {
	_, g, err := s.group(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	return &protocol.NodeGroupTargetSizeResponse{TargetSize: int32(g.Spec.Count)}, nil
}

// NodeGroupTemplateNodeInfo is a node that the group would get.
func (s *server) NodeGroupTemplateNodeInfo(ctx context.Context, r *protocol.NodeGroupTemplateNodeInfoRequest) (*protocol.NodeGroupTemplateNodeInfoResponse, error) {
	c, g, err := s.group(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	flavor, err := c.driver.Flavors.FindFlavor(ctx, c.Project, g.Spec.Flavor)
	if err != nil {
		return nil, fmt.Errorf("flavor of %s: %w", g.Name, err)
	}
	text, err := encode("template-of-"+g.Name, c.driver.Scaler.Blank(g.NodeGroup, flavor))
	return &protocol.NodeGroupTemplateNodeInfoResponse{NodeBytes: text}, err
}

// encode writes a node as Kubernetes does. It is ready: the autoscaler would
// not put pods on another.
func encode(name string, b coe.Blank) ([]byte, error) {
	labels := map[string]string{"kubernetes.io/hostname": name}
	for key, value := range b.Labels {
		labels[key] = value
	}
	var taints []*protocol.Taint
	for _, t := range b.Taints {
		taints = append(taints, &protocol.Taint{Key: t.Key, Value: t.Value, Effect: t.Effect})
	}
	return proto.Marshal(&protocol.Node{
		Metadata: &protocol.ObjectMeta{Name: name, Labels: labels},
		Spec:     &protocol.NodeSpec{Taints: taints},
		Status: &protocol.NodeStatus{Capacity: quantities(b.Capacity), Allocatable: quantities(b.Allocatable),
			Conditions: []*protocol.NodeCondition{{Type: "Ready", Status: "True"}}},
	})
}

func quantities(of map[string]string) map[string]*protocol.Quantity {
	all := map[string]*protocol.Quantity{}
	for name, amount := range of {
		all[name] = &protocol.Quantity{String_: amount}
	}
	return all
}
