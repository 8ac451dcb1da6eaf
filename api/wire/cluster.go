package wire

import (
	"time"

	"github.com/jeroboam-cloud/jeroboam"
)

// ClusterBrief is a cluster in a list. Below microversion 1.13 the cloud's tag
// is called stack_id, from there on cluster_id.
type ClusterBrief struct {
	UUID              string            `json:"uuid"`
	Name              string            `json:"name"`
	ClusterTemplateID string            `json:"cluster_template_id"`
	Keypair           *string           `json:"keypair"`
	NodeCount         int               `json:"node_count"`
	MasterCount       int               `json:"master_count"`
	DockerVolumeSize  *int              `json:"docker_volume_size"`
	Labels            map[string]string `json:"labels"`
	MasterFlavorID    *string           `json:"master_flavor_id"`
	FlavorID          *string           `json:"flavor_id"`
	CreateTimeout     int               `json:"create_timeout"` // minutes
	Links             []Link            `json:"links"`
	StackID           string            `json:"stack_id,omitempty"`
	ClusterID         string            `json:"cluster_id,omitempty"`
	Status            jeroboam.State    `json:"status"`
	HealthStatus      *jeroboam.Health  `json:"health_status"`
	MergeLabels       bool              `json:"merge_labels"` // always false: the wish is not kept
}

// Cluster is a cluster in full.
type Cluster struct {
	ClusterBrief
	StatusReason       *string           `json:"status_reason"`
	HealthStatusReason map[string]string `json:"health_status_reason"`
	DiscoveryURL       *string           `json:"discovery_url"`
	APIAddress         *string           `json:"api_address"`
	COEVersion         *string           `json:"coe_version"`
	ContainerVersion   *string           `json:"container_version"`
	ProjectID          string            `json:"project_id"`
	UserID             string            `json:"user_id"`
	NodeAddresses      []string          `json:"node_addresses"`
	MasterAddresses    []string          `json:"master_addresses"`
	FixedNetwork       *string           `json:"fixed_network"`
	FixedSubnet        *string           `json:"fixed_subnet"`
	FloatingIPEnabled  bool              `json:"floating_ip_enabled"`
	LabelsOverridden   map[string]string `json:"labels_overridden"`
	LabelsAdded        map[string]string `json:"labels_added"`
	LabelsSkipped      map[string]string `json:"labels_skipped"`
	MasterLBEnabled    bool              `json:"master_lb_enabled"`
	CreatedAt          Time              `json:"created_at"`
	UpdatedAt          Time              `json:"updated_at"`
	Faults             map[string]string `json:"faults,omitempty"` // of failed groups, in a show only
}

// ClustersBrief and Clusters are pages of clusters.
type (
	ClustersBrief struct {
		Items []ClusterBrief `json:"clusters"`
		Next  string         `json:"next,omitempty"`
	}
	Clusters struct {
		Items []Cluster `json:"clusters"`
		Next  string    `json:"next,omitempty"`
	}
)

// UUID is the whole answer to a change of a cluster.
type UUID struct {
	UUID string `json:"uuid"`
}

// ClusterParts is what a cluster is shown from.
type ClusterParts struct {
	Cluster        jeroboam.Cluster
	Groups         []jeroboam.NodeGroup
	TemplateLabels map[string]string
}

// ClusterBriefOf shows a cluster as an item of a list.
func (s Site) ClusterBriefOf(p ClusterParts) ClusterBrief {
	c := p.Cluster
	b := ClusterBrief{
		UUID: c.ID, Name: c.Name, ClusterTemplateID: c.Spec.Template, Keypair: orNull(c.Spec.Keypair),
		NodeCount: countNodes(p.Groups, false), MasterCount: countNodes(p.Groups, true),
		DockerVolumeSize: orNull(c.Spec.DockerVolumeSize), Labels: orEmpty(c.Spec.Labels),
		MasterFlavorID: orNull(c.Spec.MasterFlavor), FlavorID: orNull(c.Spec.Flavor),
		CreateTimeout: int(c.Spec.CreateTimeout / time.Minute), Links: s.links("clusters/" + c.ID),
		Status: c.Status.State, HealthStatus: orNull(c.Observed.Health),
	}
	if s.Version >= VersionClusterID {
		b.ClusterID = c.ID
	} else {
		b.StackID = c.ID
	}
	return b
}

// ClusterOf shows a cluster in full, without faults.
func (s Site) ClusterOf(p ClusterParts) Cluster {
	c := p.Cluster
	full := Cluster{
		ClusterBrief: s.ClusterBriefOf(p), StatusReason: orNull(c.Status.Reason),
		HealthStatusReason: orEmpty(c.Observed.HealthReason), DiscoveryURL: orNull(c.Spec.DiscoveryURL),
		APIAddress: orNull(c.Status.APIAddress), COEVersion: orNull(c.Status.COEVersion),
		ContainerVersion: orNull(c.Status.ContainerVersion), ProjectID: c.Project, UserID: c.User,
		NodeAddresses: addresses(p.Groups, false), MasterAddresses: addresses(p.Groups, true),
		FixedNetwork: orNull(c.Spec.FixedNetwork), FixedSubnet: orNull(c.Spec.FixedSubnet),
		FloatingIPEnabled: c.Spec.FloatingIPEnabled, MasterLBEnabled: c.Spec.MasterLBEnabled,
		CreatedAt: Time{c.CreatedAt}, UpdatedAt: Time{c.UpdatedAt},
	}
	full.LabelsOverridden, full.LabelsAdded, full.LabelsSkipped = labelDifference(c.Spec.Labels, p.TemplateLabels)
	return full
}

// ClusterShown is ClusterOf with the faults of a failed cluster's groups.
func (s Site) ClusterShown(p ClusterParts) Cluster {
	full := s.ClusterOf(p)
	if !p.Cluster.Status.State.Failed() {
		return full
	}
	full.Faults = map[string]string{}
	for _, g := range p.Groups {
		if g.Status.State.Failed() {
			full.Faults[g.Name] = g.Status.Reason
		}
	}
	return full
}

func countNodes(groups []jeroboam.NodeGroup, masters bool) int {
	total := 0
	for _, g := range groups {
		if g.IsMaster() == masters {
			total += g.Spec.Count
		}
	}
	return total
}

func addresses(groups []jeroboam.NodeGroup, masters bool) []string {
	all := []string{}
	for _, g := range groups {
		if g.IsMaster() == masters {
			all = append(all, g.Status.Addresses...)
		}
	}
	return all
}

// ClusterCreate is the body of a cluster's creation; nil is "not given".
type ClusterCreate struct {
	Name              string            `json:"name,omitempty"`
	ClusterTemplateID string            `json:"cluster_template_id"`
	Keypair           string            `json:"keypair,omitempty"`
	MasterCount       *int              `json:"master_count,omitempty"`
	NodeCount         *int              `json:"node_count,omitempty"`
	CreateTimeout     *int              `json:"create_timeout,omitempty"` // minutes
	DiscoveryURL      string            `json:"discovery_url,omitempty"`
	DockerVolumeSize  *int              `json:"docker_volume_size,omitempty"`
	Labels            map[string]string `json:"labels,omitempty"`
	MergeLabels       bool              `json:"merge_labels,omitempty"`
	FlavorID          string            `json:"flavor_id,omitempty"`
	MasterFlavorID    string            `json:"master_flavor_id,omitempty"`
	FixedNetwork      string            `json:"fixed_network,omitempty"`
	FixedSubnet       string            `json:"fixed_subnet,omitempty"`
	FloatingIPEnabled *bool             `json:"floating_ip_enabled,omitempty"`
	MasterLBEnabled   *bool             `json:"master_lb_enabled,omitempty"`
}

// DecodeCluster reads the body of a cluster's creation.
func DecodeCluster(body []byte, v Version) (ClusterCreate, error) {
	o, err := readObject("cluster", body)
	if err != nil {
		return ClusterCreate{}, err
	}
	o.required("cluster_template_id")
	o.readOnly("stack_id", "cluster_id", "api_address", "node_addresses", "master_addresses", "coe_version",
		"container_version", "project_id", "user_id", "links", "status_reason", "created_at", "updated_at",
		"labels_overridden", "labels_added", "labels_skipped")
	o.ignored("uuid", "status", "faults", "health_status_reason")
	o.health() // of a cluster that is not there yet
	text := func(name string) string { return value(o.text(name, longText)) }
	c := ClusterCreate{
		Name: text("name"), ClusterTemplateID: text("cluster_template_id"), Keypair: text("keypair"),
		MasterCount: o.number("master_count", 1, anyInt), NodeCount: o.number("node_count", 0, anyInt),
		CreateTimeout: o.number("create_timeout", 0, anyInt), DiscoveryURL: text("discovery_url"),
		DockerVolumeSize: o.number("docker_volume_size", 1, anyInt), Labels: o.labels("labels"),
		MergeLabels: value(o.flag("merge_labels")), FlavorID: text("flavor_id"), MasterFlavorID: text("master_flavor_id"),
		FixedNetwork: text("fixed_network"), FixedSubnet: text("fixed_subnet"),
		FloatingIPEnabled: o.flag("floating_ip_enabled"), MasterLBEnabled: o.flag("master_lb_enabled"),
	}
	if err := o.done(); err != nil {
		return c, err
	}
	return c, zeroNodes(v, c.NodeCount)
}

// zeroNodes refuses a count of 0 in versions that did not know it.
func zeroNodes(v Version, n *int) error {
	if n == nil || *n != 0 || v >= VersionZeroNodes {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Invalid, "node_count",
		"Resizing a nodegroup to zero is not supported in the provided microversion.").
		WithRemedy("Ask for microversion %s or later.", VersionZeroNodes)
}

// Resize is the body of actions/resize.
type Resize struct {
	NodeCount     int      `json:"node_count"`
	NodesToRemove []string `json:"nodes_to_remove,omitempty"`
	NodeGroup     string   `json:"nodegroup,omitempty"`
}

// DecodeResize reads the body of actions/resize.
func DecodeResize(body []byte, v Version) (Resize, error) {
	o, err := readObject("cluster_resize_req", body)
	if err != nil {
		return Resize{}, err
	}
	o.required("node_count")
	n := o.number("node_count", 0, anyInt)
	r := Resize{NodeCount: value(n), NodesToRemove: o.texts("nodes_to_remove"), NodeGroup: value(o.text("nodegroup", longText))}
	if err := o.done(); err != nil {
		return r, err
	}
	return r, zeroNodes(v, n)
}

// Upgrade is the body of actions/upgrade.
type Upgrade struct {
	ClusterTemplate string `json:"cluster_template"`
	MaxBatchSize    *int   `json:"max_batch_size,omitempty"`
	NodeGroup       string `json:"nodegroup,omitempty"`
}

// DecodeUpgrade reads the body of actions/upgrade.
func DecodeUpgrade(body []byte) (Upgrade, error) {
	o, err := readObject("cluster_upgrade_req", body)
	if err != nil {
		return Upgrade{}, err
	}
	o.required("cluster_template")
	u := Upgrade{ClusterTemplate: value(o.text("cluster_template", longText)),
		MaxBatchSize: o.number("max_batch_size", 1, anyInt), NodeGroup: value(o.text("nodegroup", longText))}
	return u, o.done()
}
