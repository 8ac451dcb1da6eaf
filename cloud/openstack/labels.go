package openstack

import (
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// The labels that are obeyed here. Names, ranges and defaults are Magnum's, but
// that server_group_policies is one word, as in Nova today, and that its default
// depends on the role.
var (
	labelSubnet = jeroboam.Label{Name: "fixed_subnet_cidr", Type: jeroboam.LabelIPv4, Min: 8, Max: 29, Default: "10.0.0.0/24", Since: "0.1",
		Meaning: "Network that is made for the machines.", Effect: "the subnet of a cluster on OpenStack without fixed_network"}
	labelZone = jeroboam.Label{Name: "availability_zone", Type: jeroboam.LabelList, Items: jeroboam.LabelString, Since: "0.1",
		Meaning: "Zone of all nodes and their volumes, or several that the nodes of each group are spread over in turn.", Effect: "all servers on OpenStack"}
	labelPlacement = jeroboam.Label{Name: "server_group_policies", Type: jeroboam.LabelEnum,
		Values: []string{"affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"}, Since: "0.1",
		Meaning: "How machines of a node group are placed against each other, anti-affinity for the control plane and soft-anti-affinity for others if not given.",
		Effect:  "the server groups on OpenStack"}
	labelBootSize = jeroboam.Label{Name: "boot_volume_size", Type: jeroboam.LabelInt, Unit: "GB", Default: "0", Since: "0.1",
		Meaning: "Size of the volume that nodes boot from, 0 for none.", Effect: "all servers on OpenStack"}
	labelBootType = jeroboam.Label{Name: "boot_volume_type", Type: jeroboam.LabelString, Since: "0.1",
		Meaning: "Type of the volume that nodes boot from.", Effect: "volumes of boot_volume_size on OpenStack"}
	labelBootZone = jeroboam.Label{Name: "boot_volume_availability_zone", Type: jeroboam.LabelString, Since: "0.1",
		Meaning: "Zone of the volume that nodes boot from, that of the nodes if not given.", Effect: "volumes of boot_volume_size on OpenStack"}
	labelBalancerPublic = jeroboam.Label{Name: "master_lb_floating_ip_enabled", Type: jeroboam.LabelBool, Since: "0.1",
		Meaning: "Give the balancer of the API a floating address, as floating_ip_enabled says if not given.", Effect: "the API's balancer on OpenStack"}
	labelCallers = jeroboam.Label{Name: "master_lb_allowed_cidrs", Type: jeroboam.LabelList, Items: jeroboam.LabelCIDR, Since: "0.1",
		Meaning: "Networks that may call the API besides that of the nodes; the service's own must be among them unless it calls by the agents.",
		Effect:  "the API's balancer and the security group of the control plane on OpenStack"}
)

// Labels about the balancers of services, which the API's obeys as well. The COE
// declares them.
const (
	nameProvider  = "octavia_provider"
	nameAlgorithm = "octavia_lb_algorithm"
	nameMonitor   = "octavia_lb_healthcheck"
)

// zoneOf is the zone of a machine; "" leaves the choice to Nova.
func zoneOf(spec cloud.MachineSpec) string {
	zones := strings.Split(labelZone.In(spec.Labels), ",")
	return strings.TrimSpace(zones[spec.Index%len(zones)])
}

// callersOf are the networks that may call the API; none: all.
func callersOf(labels map[string]string) (all []string) {
	for text := range strings.SplitSeq(labelCallers.In(labels), ",") {
		if text = strings.TrimSpace(text); text != "" {
			all = append(all, text)
		}
	}
	return all
}

// Labels are all of them.
func Labels() []jeroboam.Label {
	own := []jeroboam.Label{labelSubnet, labelZone, labelPlacement, labelBootSize, labelBootType, labelBootZone, labelBalancerPublic, labelCallers}
	return append(own, cloud.VolumeLabels()...)
}
