package cloud

import (
	"strconv"

	"github.com/jeroboam-cloud/jeroboam"
)

// The labels that a cloud obeys whose Capabilities have Volumes. Names and
// defaults are Magnum's; the size of the volume for containers is a field there,
// docker_volume_size.
var (
	labelEtcdSize = jeroboam.Label{Name: "etcd_volume_size", Type: jeroboam.LabelInt, Unit: "GB", Default: "0", Since: "0.1",
		Meaning: "Size of a volume for the data of etcd, 0 for none.", Effect: "control-plane machines on OpenStack; it outlives a machine that is made anew"}
	labelEtcdType = jeroboam.Label{Name: "etcd_volume_type", Type: jeroboam.LabelString, Since: "0.1",
		Meaning: "Type of the volume for etcd.", Effect: "volumes of etcd_volume_size on OpenStack"}
	labelContainersType = jeroboam.Label{Name: "docker_volume_type", Type: jeroboam.LabelString, Since: "0.1",
		Meaning: "Type of the volume for container images.", Effect: "volumes of docker_volume_size on OpenStack"}
)

// VolumeLabels are those that VolumesOf reads.
func VolumeLabels() []jeroboam.Label {
	return []jeroboam.Label{labelEtcdSize, labelEtcdType, labelContainersType}
}

// VolumesOf are the volumes that each machine of a group has besides the one it
// boots from. labels are the cluster's.
func VolumesOf(labels map[string]string, g jeroboam.NodeGroup) []Volume {
	var out []Volume
	if size, _ := strconv.Atoi(labelEtcdSize.In(labels)); size > 0 && g.IsMaster() { // checked with the cluster
		out = append(out, Volume{Name: jeroboam.VolumeEtcd, SizeGB: size, Type: labelEtcdType.In(labels), Lasts: true})
	}
	if size := g.Spec.DockerVolumeSize; size > 0 {
		out = append(out, Volume{Name: jeroboam.VolumeContainers, SizeGB: size, Type: labelContainersType.In(labels)})
	}
	return out
}
