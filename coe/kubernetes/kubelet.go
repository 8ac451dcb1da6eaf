package kubernetes

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// Labels of every node, as Magnum sets them.
const (
	labelGroup = "magnum.openstack.org/nodegroup"
	labelRole  = "magnum.openstack.org/role"
)

const taintControlPlane = "node-role.kubernetes.io/control-plane"

// kubelet waits for the API server: one that finds none backs off for longer
// than the API server needs to start. It also waits for the images: a pod that
// finds no sandbox image is tried again only after ten seconds.
func (m machine) kubelet() (node.Service, error) {
	labels, err := m.nodeLabels()
	if err != nil {
		return node.Service{}, err
	}
	return node.Service{
		Name: serviceKubelet,
		Command: append([]string{"kubelet", "--config=" + kubeletFile, "--kubeconfig=" + kubeletKubeconfig,
			"--hostname-override=" + m.Machine.Name, "--node-ip=" + m.Machine.Status.Address, "--node-labels=" + labels, "--v=1"},
			m.providerFlags()...),
		Env:   m.environment(jeroboam.AuthorityMain),
		After: []string{serviceContainerd, taskImages, taskPodNetwork},
		Gate:  m.apiServes(),
		Ready: &node.Probe{URL: "http://" + loopback + ":10248/healthz"},
		Watch: []string{kubeletFile, kubeletKubeconfig, caFile},
	}, nil
}

// nodeLabels are the labels a node registers with. Those of Kubernetes' own
// domains are refused to kubelets, so that a node cannot pose as another.
func (m machine) nodeLabels() (string, error) {
	labels := labelsOf(m.Machine.Role, m.group())
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if !ownLabel(key) {
			return "", jeroboam.Errorf(jeroboam.Invalid, "node_labels", "A node may not give itself the label %s.", key).
				WithRemedy("Use a label outside of kubernetes.io and k8s.io, or below node.kubernetes.io.")
		}
		pairs = append(pairs, key+"="+labels[key])
	}
	return strings.Join(pairs, ","), nil
}

func labelsOf(role string, group jeroboam.NodeGroup) map[string]string {
	labels := map[string]string{labelRole: role}
	if group.Name != "" {
		labels[labelGroup] = group.Name
	}
	maps.Copy(labels, group.Spec.NodeLabels)
	return labels
}

// ownLabel tells whether a kubelet may set the label, as NodeRestriction rules.
func ownLabel(key string) bool {
	domain, _, found := strings.Cut(key, "/")
	if !found || within(domain, "kubelet.kubernetes.io") || within(domain, "node.kubernetes.io") {
		return true
	}
	return !within(domain, "kubernetes.io") && !within(domain, "k8s.io")
}

func within(domain, parent string) bool {
	return domain == parent || strings.HasSuffix(domain, "."+parent)
}

// kubeletConfig is upstream's defaults but for what is said here.
func (m machine) kubeletConfig() node.File {
	serving := named(m.certificates, certKubeletServer)
	return jsonFile(kubeletFile, object{
		"apiVersion": "kubelet.config.k8s.io/v1beta1",
		"kind":       "KubeletConfiguration",
		"authentication": object{
			"anonymous": object{"enabled": false},
			"webhook":   object{"enabled": true},
			"x509":      object{"clientCAFile": caFile},
		},
		"authorization":            object{"mode": "Webhook"},
		"cgroupDriver":             "cgroupfs",
		"failCgroupV1":             false,
		"failSwapOn":               false,
		"clusterDNS":               []string{m.dnsService()},
		"clusterDomain":            clusterDomain,
		"containerRuntimeEndpoint": "unix://" + containerdSocket,
		"healthzBindAddress":       loopback,
		"healthzPort":              10248,
		// A machine that dies is noticed after nodeGrace: three renewals missed.
		"nodeLeaseDurationSeconds": int(nodeLease / time.Second),
		"nodeStatusMaxImages":      0,
		"providerID":               providerID(m.Cluster, m.Machine),
		"registerWithTaints":       m.taints(),
		"resolvConf":               "/etc/resolv.conf",
		"rotateCertificates":       false, // the agent renews them
		"serializeImagePulls":      false,
		"serverTLSBootstrap":       false,
		"staticPodPath":            configDir + "/manifests",
		"tlsCertFile":              serving.CertPath,
		"tlsPrivateKeyFile":        serving.KeyPath,
		"tlsMinVersion":            "VersionTLS12",
		"volumePluginDir":          "/var/lib/kubelet/volumeplugins",
		// Shares of a disk are no measure on a machine that shares it.
		"evictionHard":                evictions(),
		"imageGCHighThresholdPercent": 97,
		"imageGCLowThresholdPercent":  95,
	})
}

// keptMemoryMB is never promised to pods.
const keptMemoryMB = 100

func evictions() object {
	return object{
		"memory.available":   strconv.Itoa(keptMemoryMB) + "Mi",
		"nodefs.available":   "500Mi",
		"nodefs.inodesFree":  "1%",
		"imagefs.available":  "500Mi",
		"imagefs.inodesFree": "1%",
	}
}

// How a dead machine is noticed: its lease is renewed every quarter of
// nodeLease; after nodeGrace without a renewal it is not ready.
const (
	nodeLease = 20 * time.Second
	nodeGrace = 16 * time.Second
)

// taints keep a user's pods off the control plane, and obey the group's.
func (m machine) taints() []object {
	taints := []object{}
	if m.Machine.IsMaster() {
		taints = append(taints, object{"key": taintControlPlane, "effect": "NoSchedule"})
	}
	for _, t := range m.group().Spec.NodeTaints {
		taints = append(taints, object{"key": t.Key, "value": t.Value, "effect": t.Effect})
	}
	return taints
}
