package kubernetes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

const (
	etcdData       = "/var/lib/etcd"
	etcdClientPort = 2379
	etcdPeerPort   = 2380
)

// etcdConfig is the member's own file. Its clients are on the same machine.
// It is read when the member first starts and whenever it restarts; the list
// of members counts the first time only, so the service does not watch it.
func (m machine) etcdConfig(masters []jeroboam.Machine) node.File {
	client := fmt.Sprintf("https://%s:%d", loopback, etcdClientPort)
	server, peer := named(m.certificates, certEtcdServer), named(m.certificates, certEtcdPeer)
	return jsonFile(etcdFile, object{
		"name":                        m.Machine.Name,
		"data-dir":                    etcdData,
		"listen-client-urls":          client,
		"advertise-client-urls":       client,
		"listen-peer-urls":            peerURL(m.Machine),
		"initial-advertise-peer-urls": peerURL(m.Machine),
		"initial-cluster":             initialCluster(masters),
		"initial-cluster-token":       m.Cluster.ID,
		"initial-cluster-state":       "new",
		"client-transport-security":   transportSecurity(server),
		"peer-transport-security":     transportSecurity(peer),
		"heartbeat-interval":          200,
		"election-timeout":            2000,
		"log-level":                   "warn",
	})
}

func transportSecurity(c node.Certificate) object {
	return object{"cert-file": c.CertPath, "key-file": c.KeyPath, "trusted-ca-file": etcdCAFile, "client-cert-auth": true}
}

func peerURL(m jeroboam.Machine) string {
	return fmt.Sprintf("https://%s:%d", m.Status.Address, etcdPeerPort)
}

func initialCluster(masters []jeroboam.Machine) string {
	var members []string
	for _, m := range masters {
		members = append(members, m.Name+"="+peerURL(m))
	}
	return strings.Join(members, ",")
}

// apiServerFlags. Who may not be named may do nothing, not even ask for health.
func (m machine) apiServerFlags() []string {
	serving, kubelet := named(m.certificates, certAPIServer), named(m.certificates, certAPIKubelet)
	etcd, frontProxy := named(m.certificates, certAPIEtcd), named(m.certificates, certFrontProxy)
	return slices.Concat([]string{
		"--advertise-address=" + m.Machine.Status.Address,
		"--allow-privileged=true",
		"--anonymous-auth=false",
	}, m.accessFlags(), []string{
		"--client-ca-file=" + caFile,
		"--enable-admission-plugins=NodeRestriction",
		"--encryption-provider-config=" + encryptionFile,
		"--etcd-cafile=" + etcdCAFile,
		"--etcd-certfile=" + etcd.CertPath,
		"--etcd-keyfile=" + etcd.KeyPath,
		fmt.Sprintf("--etcd-servers=https://%s:%d", loopback, etcdClientPort),
		"--kubelet-certificate-authority=" + caFile,
		"--kubelet-client-certificate=" + kubelet.CertPath,
		"--kubelet-client-key=" + kubelet.KeyPath,
		"--kubelet-preferred-address-types=InternalIP,Hostname",
		"--profiling=false",
		"--proxy-client-cert-file=" + frontProxy.CertPath,
		"--proxy-client-key-file=" + frontProxy.KeyPath,
		"--requestheader-allowed-names=" + certFrontProxy,
		"--requestheader-client-ca-file=" + frontProxyCAFile,
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-username-headers=X-Remote-User",
		fmt.Sprintf("--secure-port=%d", APIPort),
		"--service-account-issuer=https://kubernetes.default.svc." + clusterDomain,
		"--service-account-key-file=" + accountPublicFile,
		"--service-account-signing-key-file=" + accountKeyFile,
		"--service-cluster-ip-range=" + m.services.String(),
		"--tls-cert-file=" + serving.CertPath,
		"--tls-min-version=VersionTLS12",
		"--tls-private-key-file=" + serving.KeyPath,
		"--v=1",
	})
}

// clientFlags let a component of the control plane call as often as it needs:
// upstream's limits are for components far from their API server.
var clientFlags = []string{"--kube-api-burst=400", "--kube-api-qps=200", "--profiling=false"}

// controllerFlags. Its own port is closed: its metrics are in the API server's,
// which is the same process. Nodes get no pod network from it, see network.go.
func (m machine) controllerFlags() []string {
	return slices.Concat(clientFlags, []string{
		"--allocate-node-cidrs=false",
		"--cluster-name=" + m.Cluster.ID,
		"--controllers=*,-nodeipam,-node-route-controller,-service-lb-controller,-cloud-node-lifecycle-controller,-certificatesigningrequest-signing-controller",
		"--kubeconfig=" + controllersKubeconfig,
		"--node-monitor-grace-period=" + nodeGrace.String(),
		"--node-monitor-period=2s",
		"--root-ca-file=" + caFile,
		"--secure-port=0",
		"--service-account-private-key-file=" + accountKeyFile,
		"--service-cluster-ip-range=" + m.services.String(),
		"--use-service-account-credentials=true",
	})
}

func (m machine) schedulerFlags() []string {
	return slices.Concat(clientFlags, []string{"--kubeconfig=" + schedulerKubeconfig, "--secure-port=0"})
}
