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
)

// zoneOf is the zone of a machine; "" leaves the choice to Nova.
func zoneOf(spec cloud.MachineSpec) string {
	zones := strings.Split(labelZone.In(spec.Labels), ",")
	return strings.TrimSpace(zones[spec.Index%len(zones)])
}

// Labels are all of them.
func Labels() []jeroboam.Label {
	return append([]jeroboam.Label{labelSubnet, labelZone, labelPlacement, labelBootSize, labelBootType, labelBootZone}, cloud.VolumeLabels()...)
}
