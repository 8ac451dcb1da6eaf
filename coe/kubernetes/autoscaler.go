package kubernetes

import (
	"maps"
	"runtime"
	"strconv"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/coe/kubernetes/addons"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// maxPods is how many pods a kubelet takes if nobody says otherwise.
const maxPods = 110

// certAutoscaler is by whom the service takes the autoscaler for the cluster's.
const certAutoscaler = "cluster-autoscaler"

var _ coe.Scaler = (*COE)(nil)

// autoscalerCertificates are asked for by every control-plane machine, because
// the autoscaler's pod may run on any. The key never leaves the machine.
func (m machine) autoscalerCertificates() []node.Certificate {
	if !addons.Autoscaler(m.Cluster.Spec.Labels) {
		return nil
	}
	return []node.Certificate{{Name: certAutoscaler, Authority: jeroboam.AuthorityGateway, CommonName: m.Cluster.ID, Client: true,
		CertPath: addons.AutoscalerCert, KeyPath: addons.AutoscalerKey}}
}

// addAutoscaler lays down how the autoscaler calls the service.
func (m machine) addAutoscaler(config node.Config) node.Config {
	if !addons.Autoscaler(m.Cluster.Spec.Labels) {
		return config
	}
	config.Directories = append(config.Directories, node.Directory{Path: addons.AutoscalerDir, Mode: 0o755})
	config.Files = append(config.Files, publicFile(addons.AutoscalerConfig, addons.CloudConfig(m.Gateway.URL)),
		publicFile(addons.AutoscalerCA, m.Gateway.CA))
	return config
}

// Bounds implements coe.Scaler.
func (*COE) Bounds(c jeroboam.Cluster, g jeroboam.NodeGroup) (least, most int, ok bool) {
	return addons.Bounds(c.Spec.Labels, g)
}

// ProviderID implements coe.Scaler.
func (*COE) ProviderID(c jeroboam.Cluster, m jeroboam.Machine) string { return providerID(c, m) }

// providerID is the machine's ID, or its server's where a cloud controller
// manager looks for the server: it deletes nodes whose server it cannot find.
func providerID(c jeroboam.Cluster, m jeroboam.Machine) string {
	id := m.ID
	if addons.ExternalProvider(c.Spec.Labels) && m.Status.CloudID != "" {
		id = m.Status.CloudID
	}
	return "openstack:///" + id
}

// Blank implements coe.Scaler. Of its memory, a machine's own kernel keeps some
// for itself: a twentieth is never counted on.
func (*COE) Blank(g jeroboam.NodeGroup, f jeroboam.Flavor) coe.Blank {
	memory := f.MemoryMB - f.MemoryMB/20
	capacity := map[string]string{"cpu": strconv.Itoa(f.VCPUs), "memory": mebibytes(memory), "pods": strconv.Itoa(maxPods)}
	if f.DiskGB > 0 {
		capacity["ephemeral-storage"] = strconv.Itoa(f.DiskGB) + "Gi"
	}
	allocatable := maps.Clone(capacity)
	allocatable["memory"] = mebibytes(max(memory-keptMemoryMB, 0))
	labels := labelsOf(jeroboam.RoleWorker, g)
	labels["kubernetes.io/os"], labels["kubernetes.io/arch"] = "linux", runtime.GOARCH
	return coe.Blank{Labels: labels, Taints: g.Spec.NodeTaints, Capacity: capacity, Allocatable: allocatable}
}

func mebibytes(n int) string { return strconv.Itoa(n) + "Mi" }
