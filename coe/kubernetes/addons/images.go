package addons

import (
	"fmt"
	"path"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// image is where a program comes from. Its label is its tag, or a tag and a
// digest: "v1.36.0@sha256:…". Without a default the tag follows Kubernetes.
type image struct {
	repository string
	tag        jeroboam.Label
}

var images = []image{
	{"registry.k8s.io/provider-os/openstack-cloud-controller-manager", tag("cloud_provider_tag", "", "the cloud controller manager")},
	{"registry.k8s.io/provider-os/cinder-csi-plugin", tag("cinder_csi_plugin_tag", "", "the storage driver for Cinder")},
	{"registry.k8s.io/provider-os/manila-csi-plugin", tag("manila_csi_plugin_tag", "", "the storage driver for Manila")},
	{"registry.k8s.io/provider-os/k8s-keystone-auth", tag("k8s_keystone_auth_tag", "", "the Keystone webhook")},
	{"registry.k8s.io/autoscaling/cluster-autoscaler", tag("autoscaler_tag", "", "the cluster autoscaler")},
	{"registry.k8s.io/metrics-server/metrics-server", tag("metrics_server_tag", "v0.8.0", "the metrics server")},
	{"registry.k8s.io/sig-storage/csi-attacher", tag("csi_attacher_tag", "v4.10.0", "the CSI attacher")},
	{"registry.k8s.io/sig-storage/csi-provisioner", tag("csi_provisioner_tag", "v5.3.0", "the CSI provisioner")},
	{"registry.k8s.io/sig-storage/csi-resizer", tag("csi_resizer_tag", "v1.14.0", "the CSI resizer")},
	{"registry.k8s.io/sig-storage/csi-node-driver-registrar", tag("csi_node_driver_registrar_tag", "v2.15.0", "the CSI node registrar")},
	{"registry.k8s.io/sig-storage/livenessprobe", tag("csi_liveness_probe_tag", "v2.17.0", "the CSI liveness probe")},
	{"registry.k8s.io/sig-storage/nfsplugin", tag("csi_nfs_plugin_tag", "v4.11.0", "the NFS driver that mounts Manila shares")},
}

func tag(name, standard, of string) jeroboam.Label {
	meaning := "Tag of the image of " + of
	if standard == "" {
		meaning += ", the first one of Kubernetes' own minor release if not given"
	}
	return option(name, jeroboam.LabelTag, standard, meaning+".", "an image of add-ons")
}

// image is the quoted reference of an image by the last word of its repository.
func (c Cluster) image(name string) (string, error) {
	for _, i := range images {
		if path.Base(i.repository) == name {
			return quote(c.repository(i) + ":" + c.tag(i)), nil
		}
	}
	return "", fmt.Errorf("there is no image %s", name)
}

// repository is the image's own, or, as in Magnum, the last word of it in the
// mirror.
func (c Cluster) repository(i image) string {
	mirror := labelMirror.In(c.Spec.Labels)
	if mirror == "" {
		return i.repository
	}
	return strings.TrimSuffix(mirror, "/") + "/" + path.Base(i.repository)
}

func (c Cluster) tag(i image) string {
	if given := i.tag.In(c.Spec.Labels); given != "" {
		return given
	}
	if parts := strings.SplitN(c.Version, ".", 3); len(parts) == 3 {
		return parts[0] + "." + parts[1] + ".0"
	}
	return newest
}

// newest is the release of which the images were last read about.
const newest = "v1.36.0"
