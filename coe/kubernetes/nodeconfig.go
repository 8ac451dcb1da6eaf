package kubernetes

import (
	"fmt"
	"strings"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// Names of services.
const (
	serviceContainerd   = "containerd"
	serviceKubelet      = "kubelet"
	serviceProxy        = "kube-proxy"
	serviceControlPlane = "controlplane"
)

// Names of tasks. That of the import of images is the agent's.
const (
	taskImages     = "images"
	taskPodNetwork = "pod-network"
	taskAddons     = "addons"
	taskChosen     = "chosen-addons"
	taskRole       = "role"
)

// Names of the parts of the bundle that are images.
const (
	imagePause   = "pause"
	imageCoreDNS = "coredns"
	imageWeb     = "web"     // a small web server, for trying a cluster out
	imageToolbox = "toolbox" // a shell, for a look from inside a pod
)

const (
	kubeletKubeconfig = configDir + "/kubelet.conf"
	kubeletFile       = configDir + "/kubelet.yaml"
	proxyKubeconfig   = configDir + "/kube-proxy.conf"
	proxyFile         = configDir + "/kube-proxy.yaml"
)

// searchPath finds the bundle's programs first: containerd its shim, the
// kubelet its mount programs, kube-proxy nft.
const searchPath = node.BinDir + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// nodeConfig is what every machine runs.
func (m machine) nodeConfig() (node.Config, error) {
	ca, err := m.authority(jeroboam.AuthorityMain, caFile)
	if err != nil {
		return node.Config{}, err
	}
	kubelet, err := m.kubelet()
	if err != nil {
		return node.Config{}, err
	}
	return node.Config{
		Hostname:     m.Machine.Name,
		Bundle:       m.Bundle,
		Disks:        m.disks(),
		Directories:  nodeDirectories(),
		Files:        append([]node.File{ca}, m.nodeFiles()...),
		Certificates: m.certificates,
		Sysctls:      networkSysctls(),
		Services:     []node.Service{containerd(), kubelet, m.proxy()},
		Images:       images(),
		Tasks:        []node.Task{networkTask(m.settings, m.pods, m.Machine.Status.Address)},
	}, nil
}

// disks are the volumes that the machine has, where they are used.
func (m machine) disks() []node.Disk {
	var out []node.Disk
	for _, use := range []struct{ volume, mount string }{
		{jeroboam.VolumeEtcd, etcdData},
		{jeroboam.VolumeContainers, containerdRoot},
	} {
		if serial := m.Machine.Status.Volumes[use.volume]; serial != "" {
			out = append(out, node.Disk{Serial: serial, Mount: use.mount})
		}
	}
	return out
}

func nodeDirectories() []node.Directory {
	return []node.Directory{
		{Path: configDir, Mode: 0o755},
		{Path: pkiDir, Mode: 0o755},
		{Path: "/etc/cni/net.d", Mode: 0o755},
		{Path: registryDir, Mode: 0o755},
		{Path: "/etc/kubernetes/manifests", Mode: 0o755},
		{Path: "/var/lib/kubelet", Mode: 0o700},
	}
}

func (m machine) nodeFiles() []node.File {
	return []node.File{
		publicFile(containerdFile, containerdConfig),
		cniFile(m.pods),
		kubeconfig(kubeletKubeconfig, m.server(), named(m.certificates, certKubelet)),
		m.kubeletConfig(),
		kubeconfig(proxyKubeconfig, m.server(), named(m.certificates, certProxy)),
		m.proxyConfig(),
	}
}

// images are what a machine needs before any registry can be reached. They are
// pinned: the kubelet would delete them on a full disk and could not pull them.
// ctr reads the archive itself and keeps no second copy of what it unpacked,
// which halves the work.
func images() node.Images {
	return node.Images{
		After: []string{serviceContainerd},
		Import: []string{"ctr", "--address", containerdSocket, "--namespace", "k8s.io", "images", "import",
			"--local", "--discard-unpacked-layers", "--label", "io.cri-containerd.pinned=pinned", "{}"},
		Names: []string{imagePause, imageCoreDNS, imageWeb, imageToolbox},
	}
}

// proxy is kube-proxy.
func (m machine) proxy() node.Service {
	return node.Service{
		Name:    serviceProxy,
		Command: []string{"kube-proxy", "--config=" + proxyFile, "--v=1"},
		Env:     m.environment(jeroboam.AuthorityMain),
		After:   []string{serviceKubelet},
		Gate:    m.apiReady(),
		Watch:   []string{proxyFile, proxyKubeconfig, caFile},
		Stop:    2 * time.Second,
	}
}

func (m machine) proxyConfig() node.File {
	return jsonFile(proxyFile, object{
		"apiVersion":         "kubeproxy.config.k8s.io/v1alpha1",
		"kind":               "KubeProxyConfiguration",
		"clientConnection":   object{"kubeconfig": proxyKubeconfig},
		"hostnameOverride":   m.Machine.Name,
		"mode":               "nftables",
		"clusterCIDR":        m.settings.pods.String(),
		"bindAddress":        "0.0.0.0",
		"healthzBindAddress": "0.0.0.0:10256",
		"metricsBindAddress": loopback + ":10249",
		// The limits of connection tracking belong to the host's kernel.
		"conntrack": object{"maxPerCore": 0, "min": 0},
	})
}

// environment of every Go program of a node: half of Go's usual garbage, and a
// peer that died is noticed in ten seconds instead of forty-five.
func environment() map[string]string {
	return map[string]string{
		"GOGC":                            "50",
		"HTTP2_READ_IDLE_TIMEOUT_SECONDS": "5",
		"HTTP2_PING_TIMEOUT_SECONDS":      "5",
		"PATH":                            searchPath,
	}
}

// environment of a program that holds on to certificates of the authorities: it
// names their generations, so that the program starts anew when another one
// signs. Clients read certificates anew within minutes only, and the authority
// before may be forgotten sooner.
func (m machine) environment(authorities ...string) map[string]string {
	env := environment()
	var generations []string
	for _, name := range authorities {
		if n := m.Authorities[name].Generation; n > 0 {
			generations = append(generations, fmt.Sprintf("%s=%d", name, n))
		}
	}
	if generations != nil {
		env["JEROBOAM_AUTHORITIES"] = strings.Join(generations, " ")
	}
	return env
}
