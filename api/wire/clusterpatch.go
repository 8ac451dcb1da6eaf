package wire

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
)

var clusterRules = patchRules{
	internal: []string{"api_address", "node_addresses", "master_addresses", "stack_id", "cluster_id", "ca_cert_ref",
		"magnum_cert_ref", "etcd_ca_cert_ref", "front_proxy_ca_cert_ref", "trust_id", "trustee_user_name",
		"trustee_user_id", "trustee_password"},
	mandatory: []string{"cluster_template_id"},
	literals:  []string{"labels", "health_status_reason"},
}

// ClusterChange is what a patch of a cluster may change; nil is "as it was".
type ClusterChange struct {
	NodeCount    *int
	Health       *jeroboam.Health
	HealthReason map[string]string
}

// DecodeClusterPatch reads a patch of a cluster.
func DecodeClusterPatch(body []byte) (Patch, error) { return decodePatch(body, clusterRules) }

// Cluster returns what the patch changes of the cluster.
func (p Patch) Cluster(parts ClusterParts, v Version) (ClusterChange, error) {
	old := clusterDocument(parts)
	doc, err := p.apply(old, clusterRules)
	if err != nil {
		return ClusterChange{}, err
	}
	if doc["node_count"] == nil {
		doc["node_count"] = json.Number("1")
	}
	if err := onlyWritable(old, doc); err != nil {
		return ClusterChange{}, err
	}
	return readChange(old, doc, v)
}

var writable = []string{"node_count", "health_status", "health_status_reason"}

func onlyWritable(old, doc map[string]any) error {
	var fixed []string
	for _, name := range slices.Sorted(maps.Keys(doc)) {
		if !slices.Contains(writable, name) && !reflect.DeepEqual(old[name], doc[name]) {
			fixed = append(fixed, name)
		}
	}
	if len(fixed) == 0 {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Invalid, fixed[0], "cannot change cluster property(ies) %s.", strings.Join(fixed, ", ")).
		WithRemedy("Only node_count and the health a watcher reports can be changed in place.")
}

func readChange(old, doc map[string]any, v Version) (ClusterChange, error) {
	o := newObject("cluster", doc)
	n := o.number("node_count", 0, anyInt)
	health := o.health()
	reason := o.labels("health_status_reason")
	if o.err != nil {
		return ClusterChange{}, o.err
	}
	var change ClusterChange
	if was, _ := integer(old["node_count"]); *n != was {
		change.NodeCount = n
	}
	if !reflect.DeepEqual(old["health_status"], doc["health_status"]) {
		state := jeroboam.Health(value(health))
		change.Health = &state
	}
	if !reflect.DeepEqual(old["health_status_reason"], doc["health_status_reason"]) {
		change.HealthReason = orEmpty(reason)
	}
	return change, zeroNodes(v, change.NodeCount)
}

func (o *object) health() *string {
	return o.word("health_status", string(jeroboam.Healthy), string(jeroboam.Unhealthy), string(jeroboam.HealthUnknown))
}

func clusterDocument(p ClusterParts) map[string]any {
	c := p.Cluster
	return map[string]any{
		"name": c.Name, "cluster_template_id": c.Spec.Template, "keypair": text(c.Spec.Keypair),
		"node_count":         json.Number(strconv.Itoa(countNodes(p.Groups, false))),
		"master_count":       json.Number(strconv.Itoa(countNodes(p.Groups, true))),
		"docker_volume_size": count(c.Spec.DockerVolumeSize), "labels": document(c.Spec.Labels),
		"master_flavor_id": text(c.Spec.MasterFlavor), "flavor_id": text(c.Spec.Flavor),
		"create_timeout": json.Number(strconv.Itoa(int(c.Spec.CreateTimeout / time.Minute))),
		"status":         string(c.Status.State), "status_reason": text(c.Status.Reason),
		"health_status": text(string(c.Observed.Health)), "health_status_reason": document(c.Observed.HealthReason),
		"discovery_url": text(c.Spec.DiscoveryURL), "coe_version": text(c.Status.COEVersion),
		"container_version": text(c.Status.ContainerVersion), "fixed_network": text(c.Spec.FixedNetwork),
		"fixed_subnet": text(c.Spec.FixedSubnet), "floating_ip_enabled": c.Spec.FloatingIPEnabled,
		"master_lb_enabled": c.Spec.MasterLBEnabled, "merge_labels": false,
	}
}
