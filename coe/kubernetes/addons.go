package kubernetes

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/jeroboam-cloud/jeroboam/node"
)

// coreDNSImage is the image of the bundle.
const coreDNSImage = "jeroboam.local/coredns:v1.15.0"

// basics is what a cluster holds from the first moment: its DNS, and the right
// of the API server to call the kubelets.
//
//go:embed addons.yaml
var basics string

// addonsTask applies the add-ons, on one control-plane machine. It comes after
// kube-proxy, because nothing needs it sooner and nodes are ready earlier.
func (m machine) addonsTask() node.Task {
	return m.applyTask(taskAddons, strings.NewReplacer("DNS_SERVICE", m.dnsService(), "DNS_IMAGE", coreDNSImage,
		"DOMAIN", clusterDomain, "KUBELET_CLIENT", userKubeletClient).Replace(basics), serviceProxy)
}

// applyTask applies manifests, after those in the files.
func (m machine) applyTask(name, manifests, after string, files ...string) node.Task {
	command := []string{"kubectl", "--kubeconfig=" + adminKubeconfig, "apply",
		"--server-side", "--force-conflicts", "--field-manager=jeroboam", "--validate=false"}
	for _, f := range append(files, "-") {
		command = append(command, "--filename="+f)
	}
	return node.Task{Name: name, Command: command, Stdin: manifests, After: []string{after}, Gate: m.apiReady()}
}

// roleTask gives a control-plane node the label of its role, which a kubelet
// may not give itself. It comes late for the same reason as the add-ons; by then
// the kubelet has registered the node.
func (m machine) roleTask() node.Task {
	patch := fmt.Sprintf(`{"metadata":{"labels":{%q:""}}}`, taintControlPlane)
	return node.Task{
		Name:    taskRole,
		Command: []string{"kubectl", "--kubeconfig=" + adminKubeconfig, "patch", "node", m.Machine.Name, "--patch=" + patch},
		After:   []string{serviceProxy},
		Gate:    m.apiReady(),
	}
}
