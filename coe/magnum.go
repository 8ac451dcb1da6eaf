package coe

import (
	"slices"

	"github.com/jeroboam-cloud/jeroboam"
)

// Magnum returns the labels that Magnum and the drivers made for it knew and
// that have no effect here: they are accepted, so that old templates go on to
// work, and reported. A COE that begins to obey one takes its row from here
// into its Traits. Defaults are those of Magnum 2026.1.
func Magnum() []jeroboam.Label {
	all := slices.Concat(kubernetesMachines, kubernetesControl, kubernetesNetwork, kubernetesCloud, kubernetesAddons)
	for i := range all {
		all[i].COEs = []string{"kubernetes"}
	}
	all = append(all, otherEngines...)
	for i := range all {
		all[i].Since = "0.1"
	}
	return all
}

// otherEngines are of the COEs that Magnum had beside Kubernetes.
var otherEngines = []jeroboam.Label{
	{Name: "swarm_strategy", Type: jeroboam.LabelEnum, Values: []string{"spread", "binpack", "random"}, COEs: []string{"swarm"}, Default: "spread",
		Meaning: "How Swarm chooses a node."},
	{Name: "flannel_network_cidr", Type: jeroboam.LabelIPv4, COEs: []string{"swarm"}, Default: "10.100.0.0/16",
		Meaning: "Network of the containers, with Flannel."},
	{Name: "flannel_network_subnetlen", Type: jeroboam.LabelInt, Max: 32, COEs: []string{"swarm"}, Default: "24",
		Meaning: "Prefix length of one node's part of the network."},
	{Name: "flannel_backend", Type: jeroboam.LabelEnum, Values: []string{"udp", "vxlan", "host-gw"}, COEs: []string{"swarm"}, Default: "udp",
		Meaning: "How Flannel carries packets between nodes."},
	{Name: "docker_volume_type", Type: jeroboam.LabelString, COEs: []string{"swarm", "swarm-mode", "mesos"},
		Meaning: "Type of the volume for container images."},
	{Name: "rexray_preempt", Type: jeroboam.LabelBool, COEs: []string{"swarm", "swarm-mode", "mesos"}, Default: "false",
		Meaning: "Let REX-Ray take over a volume that is attached elsewhere."},
	{Name: "availability_zone", Type: jeroboam.LabelString, COEs: []string{"swarm-mode"},
		Meaning: "Zone of all nodes and their volumes."},
	{Name: "mesos_slave_isolation", Type: jeroboam.LabelList, Items: jeroboam.LabelEnum, Values: []string{"filesystem/posix", "filesystem/linux", "filesystem/shared", "posix/cpu", "posix/mem", "posix/disk", "cgroups/cpu", "cgroups/mem", "docker/runtime", "namespaces/pid"}, COEs: []string{"mesos"},
		Meaning: "Isolators of the agents of Mesos."},
	{Name: "mesos_slave_image_providers", Type: jeroboam.LabelList, Items: jeroboam.LabelEnum, Values: []string{"appc", "docker"}, COEs: []string{"mesos"},
		Meaning: "Kinds of image that Mesos runs."},
	{Name: "mesos_slave_work_dir", Type: jeroboam.LabelString, COEs: []string{"mesos"},
		Meaning: "Working directory of the agents of Mesos."},
	{Name: "mesos_slave_executor_env_variables", Type: jeroboam.LabelString, COEs: []string{"mesos"},
		Meaning: "Environment of Mesos executors, as JSON."},
}
