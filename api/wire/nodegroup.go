package wire

import (
	"encoding/json"
	"strconv"

	"github.com/jeroboam-cloud/jeroboam"
)

// NodeGroupBrief is a node group in a list, with its true bounds.
type NodeGroupBrief struct {
	UUID         string         `json:"uuid"`
	Name         string         `json:"name"`
	FlavorID     *string        `json:"flavor_id"`
	ImageID      *string        `json:"image_id"`
	NodeCount    int            `json:"node_count"`
	Role         string         `json:"role"`
	MinNodeCount int            `json:"min_node_count"`
	MaxNodeCount *int           `json:"max_node_count"` // null: no maximum
	IsDefault    bool           `json:"is_default"`
	StackID      string         `json:"stack_id"`
	Status       jeroboam.State `json:"status"`
	MergeLabels  bool           `json:"merge_labels"`
}

// NodeGroup is a node group in full.
type NodeGroup struct {
	NodeGroupBrief
	ID               int64             `json:"id"`
	ClusterID        string            `json:"cluster_id"`
	ProjectID        string            `json:"project_id"`
	DockerVolumeSize *int              `json:"docker_volume_size"`
	Labels           map[string]string `json:"labels"`
	Links            []Link            `json:"links"`
	NodeAddresses    []string          `json:"node_addresses"`
	StatusReason     *string           `json:"status_reason"`
	Version          *string           `json:"version"`
	LabelsOverridden map[string]string `json:"labels_overridden"`
	LabelsAdded      map[string]string `json:"labels_added"`
	LabelsSkipped    map[string]string `json:"labels_skipped"`
	NodeLabels       map[string]string `json:"node_labels"`
	NodeTaints       []jeroboam.Taint  `json:"node_taints"`
	CreatedAt        Time              `json:"created_at"`
	UpdatedAt        Time              `json:"updated_at"`
}

// NodeGroups is a page of node groups.
type NodeGroups struct {
	Items []NodeGroupBrief `json:"nodegroups"`
	Next  string           `json:"next,omitempty"`
}

// NodeGroupBriefOf shows a node group as an item of a list. The default groups
// share the cluster's tag, every other has its own.
func (s Site) NodeGroupBriefOf(g jeroboam.NodeGroup) NodeGroupBrief {
	stack := g.ID
	if g.Default {
		stack = g.Cluster
	}
	return NodeGroupBrief{
		UUID: g.ID, Name: g.Name, FlavorID: orNull(g.Spec.Flavor), ImageID: orNull(g.Spec.Image), NodeCount: g.Spec.Count,
		Role: g.Role, MinNodeCount: g.Spec.Min, MaxNodeCount: g.Spec.Max, IsDefault: g.Default, StackID: stack,
		Status: g.Status.State,
	}
}

// NodeGroupOf shows a node group in full; clusterLabels are what its labels are
// compared with.
func (s Site) NodeGroupOf(g jeroboam.NodeGroup, clusterLabels map[string]string) NodeGroup {
	full := NodeGroup{
		NodeGroupBrief: s.NodeGroupBriefOf(g), ID: g.Seq, ClusterID: g.Cluster, ProjectID: g.Project,
		DockerVolumeSize: orNull(g.Spec.DockerVolumeSize), Labels: orEmpty(g.Spec.Labels),
		Links: s.links("clusters/" + g.Cluster + "/nodegroups/" + g.ID), NodeAddresses: g.Status.Addresses,
		StatusReason: orNull(g.Status.Reason), Version: orNull(g.Status.Version), NodeLabels: g.Spec.NodeLabels,
		NodeTaints: g.Spec.NodeTaints, CreatedAt: Time{g.CreatedAt}, UpdatedAt: Time{g.UpdatedAt},
	}
	if full.NodeAddresses == nil {
		full.NodeAddresses = []string{}
	}
	full.LabelsOverridden, full.LabelsAdded, full.LabelsSkipped = labelDifference(g.Spec.Labels, clusterLabels)
	return full
}

// NodeGroupCreate is the body of a node group's creation; nil is "not given",
// which for Labels differs from empty.
type NodeGroupCreate struct {
	Name             string            `json:"name"`
	NodeCount        *int              `json:"node_count,omitempty"`
	MinNodeCount     *int              `json:"min_node_count,omitempty"`
	MaxNodeCount     *int              `json:"max_node_count,omitempty"`
	Role             string            `json:"role,omitempty"`
	FlavorID         string            `json:"flavor_id,omitempty"`
	ImageID          string            `json:"image_id,omitempty"`
	DockerVolumeSize *int              `json:"docker_volume_size,omitempty"`
	Labels           map[string]string `json:"labels,omitzero"`
	MergeLabels      bool              `json:"merge_labels,omitempty"`
	NodeLabels       map[string]string `json:"node_labels,omitempty"`
	NodeTaints       []jeroboam.Taint  `json:"node_taints,omitempty"`
}

// DecodeNodeGroup reads the body of a node group's creation.
func DecodeNodeGroup(body []byte) (NodeGroupCreate, error) {
	o, err := readObject("nodegroup", body)
	if err != nil {
		return NodeGroupCreate{}, err
	}
	o.required("name")
	o.readOnly("is_default", "stack_id", "status", "status_reason", "version", "node_addresses", "links")
	o.ignored("uuid", "id", "cluster_id", "project_id", "created_at", "updated_at")
	text := func(name string) string { return value(o.text(name, longText)) }
	g := NodeGroupCreate{
		Name: text("name"), NodeCount: o.number("node_count", 0, anyInt), MinNodeCount: o.number("min_node_count", 0, anyInt),
		MaxNodeCount: o.number("max_node_count", 0, anyInt), Role: text("role"), FlavorID: text("flavor_id"),
		ImageID: text("image_id"), DockerVolumeSize: o.number("docker_volume_size", 1, anyInt), Labels: o.labels("labels"),
		MergeLabels: value(o.flag("merge_labels")), NodeLabels: o.labels("node_labels"), NodeTaints: o.taints("node_taints"),
	}
	return g, o.done()
}

// taints reads a list of objects with key, effect and an optional value.
func (o *object) taints(name string) []jeroboam.Taint {
	v := o.member(name)
	if v == nil {
		return nil
	}
	items, ok := v.([]any)
	if !ok {
		o.refuse(name, v, "Value should be a list of taints")
		return nil
	}
	taints := make([]jeroboam.Taint, 0, len(items))
	for _, item := range items {
		members, ok := item.(map[string]any)
		if !ok {
			o.refuse(name, v, "A taint is an object with key, effect and value")
			return nil
		}
		t := newObject("node_taint", members)
		t.required("key")
		t.required("effect")
		taints = append(taints, jeroboam.Taint{Key: value(t.text("key", longText)), Value: value(t.text("value", longText)),
			Effect: value(t.word("effect", "NoSchedule", "PreferNoSchedule", "NoExecute"))})
		if err := t.done(); err != nil && o.err == nil {
			o.err = err
		}
	}
	return taints
}

var nodeGroupRules = patchRules{
	internal: []string{"name", "cluster_id", "docker_volume_size", "labels", "flavor_id", "image_id", "node_addresses",
		"node_count", "role", "is_default", "stack_id", "status", "status_reason", "version"},
	literals: []string{"node_labels", "node_taints"},
}

// NodeGroupChange is the whole of what a patch of a node group may write.
type NodeGroupChange struct {
	Min        int
	Max        *int
	NodeLabels map[string]string
	NodeTaints []jeroboam.Taint
}

// DecodeNodeGroupPatch reads a patch of a node group.
func DecodeNodeGroupPatch(body []byte) (Patch, error) { return decodePatch(body, nodeGroupRules) }

// NodeGroup returns the writable half of the group as the patch leaves it.
func (p Patch) NodeGroup(g jeroboam.NodeGroup) (NodeGroupChange, error) {
	doc, err := p.apply(nodeGroupDocument(g), nodeGroupRules)
	if err != nil {
		return NodeGroupChange{}, err
	}
	o := newObject("nodegroup", doc)
	change := NodeGroupChange{Min: value(o.number("min_node_count", 0, anyInt)), Max: o.number("max_node_count", 0, anyInt),
		NodeLabels: o.labels("node_labels"), NodeTaints: o.taints("node_taints")}
	return change, o.err
}

func nodeGroupDocument(g jeroboam.NodeGroup) map[string]any {
	doc := map[string]any{"min_node_count": json.Number(strconv.Itoa(g.Spec.Min)), "max_node_count": nil,
		"node_labels": document(g.Spec.NodeLabels), "node_taints": nil, "merge_labels": false}
	if g.Spec.Max != nil {
		doc["max_node_count"] = json.Number(strconv.Itoa(*g.Spec.Max))
	}
	if len(g.Spec.NodeTaints) > 0 {
		doc["node_taints"] = taintDocument(g.Spec.NodeTaints)
	}
	return doc
}

func taintDocument(taints []jeroboam.Taint) []any {
	out := make([]any, 0, len(taints))
	for _, t := range taints {
		out = append(out, map[string]any{"key": t.Key, "value": text(t.Value), "effect": t.Effect})
	}
	return out
}
