package addons

import (
	"slices"

	"github.com/jeroboam-cloud/jeroboam"
)

// Labels that turn add-ons on. Names and meanings are Magnum's and its drivers';
// all of them are off unless they are turned on, because their images are not
// in the bundle.
var (
	labelCloudProvider = toggle("cloud_provider_enabled", "Run the cloud controller manager.",
		"an add-on; kubelets leave the naming of nodes to it", true)
	labelCinder   = toggle("cinder_csi_enabled", "Run the storage driver for Cinder volumes.", "an add-on, with a default storage class", true)
	labelManila   = toggle("manila_csi_enabled", "Run the storage driver for Manila shares.", "an add-on, with a storage class", true)
	labelKeystone = toggle("keystone_auth_enabled", "Let Keystone users log in to the API server.",
		"an add-on, and the API servers' way of asking it", true)
	labelAutoscaler = toggle("auto_scaling_enabled", "Run the cluster autoscaler.", "an add-on, and who may resize the cluster", false)
	labelMetrics    = toggle("metrics_server_enabled", "Run the metrics server.", "an add-on", false)
)

// Labels that say how.
var (
	labelMirror = option("container_infra_prefix", jeroboam.LabelString, "",
		"Registry that mirrors the images of add-ons, for example registry.example.com/mirror/.", "images of add-ons")
	labelMaxNodes = option("max_node_count", jeroboam.LabelInt, "", "Most default workers that the cluster autoscaler makes.", "the cluster autoscaler")

	labelBalancer = option("octavia_provider", jeroboam.LabelString, "", "Provider of balancers.", balancerEffect)
	labelMethod   = values(option("octavia_lb_algorithm", jeroboam.LabelEnum, "ROUND_ROBIN", "How balancers choose a member.",
		balancerEffect), "ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP", "SOURCE_IP_PORT")
	labelMonitor = option("octavia_lb_healthcheck", jeroboam.LabelBool, "true", "Let balancers watch their members.",
		balancerEffect)

	labelZone    = option("csi_cinder_availability_zone", jeroboam.LabelString, "", "Zone of volumes, that of their node if not given.", classEffect)
	labelReclaim = values(option("csi_cinder_reclaim_policy", jeroboam.LabelEnum, "Retain", "What becomes of a volume whose claim is gone.",
		classEffect), "Retain", "Delete")
	labelBinding = values(option("csi_cinder_volume_binding_mode", jeroboam.LabelEnum, "WaitForFirstConsumer",
		"When a volume is made for a claim.", classEffect), "WaitForFirstConsumer", "Immediate")
	labelFileSystem = option("csi_cinder_fstype", jeroboam.LabelString, "ext4", "File system of new volumes.", classEffect)
	labelExpansion  = option("csi_cinder_allow_volume_expansion", jeroboam.LabelBool, "true", "Let volumes grow.", classEffect)
	labelShares     = option("manila_csi_share_network_id", jeroboam.LabelString, "", "Share network of Manila shares.", "the storage class of Manila")
)

const (
	classEffect    = "the storage class of Cinder"
	balancerEffect = "the cloud controller manager, for balancers of services; the balancer of the API"
)

// Labels are all labels that add-ons obey.
func Labels() []jeroboam.Label {
	labels := []jeroboam.Label{labelMirror, labelMaxNodes, labelBalancer, labelMethod, labelMonitor,
		labelZone, labelReclaim, labelBinding, labelFileSystem, labelExpansion, labelShares}
	for _, a := range all {
		labels = append(labels, a.label)
	}
	for _, i := range images {
		labels = append(labels, i.tag)
	}
	return labels
}

// known finds a label that a manifest names.
func known(name string) jeroboam.Label {
	labels := Labels()
	return labels[slices.IndexFunc(labels, func(l jeroboam.Label) bool { return l.Name == name })]
}

func toggle(name, meaning, effect string, credential bool) jeroboam.Label {
	l := option(name, jeroboam.LabelBool, "false", meaning, effect)
	l.Credential = credential
	return l
}

func option(name string, of jeroboam.LabelType, standard, meaning, effect string) jeroboam.Label {
	return jeroboam.Label{Name: name, Type: of, Default: standard, Since: "0.1", Meaning: meaning, Effect: effect}
}

func values(l jeroboam.Label, all ...string) jeroboam.Label {
	l.Values = all
	return l
}
