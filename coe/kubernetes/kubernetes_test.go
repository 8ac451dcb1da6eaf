package kubernetes_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/coe/coetest"
	"github.com/jeroboam-cloud/jeroboam/coe/kubernetes"
	"github.com/jeroboam-cloud/jeroboam/node"
)

var update = flag.Bool("update", false, "write the golden configs anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) { coetest.Run(t, kubernetes.New()) }

func configOf(t testing.TB, in coe.Input) node.Config {
	t.Helper()
	config, err := kubernetes.New().Config(in)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// The configs that machines really get. What changes here changes on every
// machine of every cluster that is asked for again.
func TestGoldenConfigs(t *testing.T) {
	traits := kubernetes.New().Traits()
	for name, in := range map[string]coe.Input{
		"single-master": coetest.Cluster(traits, 1, 2)[0],
		"first-of-3":    coetest.Cluster(traits, 3, 1)[0],
		"second-of-3":   coetest.Cluster(traits, 3, 1)[1],
		"worker":        coetest.Cluster(traits, 1, 2)[1],
	} {
		got := readable(t, configOf(t, in))
		path := filepath.Join("testdata", name+".txt")
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: the config differs from %s; if it should, run with -update and read the difference", name, path)
		}
	}
}

// readable is a config as a person reads it: files in full, the rest as JSON.
func readable(t *testing.T, c node.Config) string {
	t.Helper()
	var b strings.Builder
	for _, f := range c.Files {
		content := f.Content.Reveal()
		if f.Mode&0o077 == 0 {
			content = "(secret)\n"
		}
		fmt.Fprintf(&b, "--- %s %o\n%s", f.Path, f.Mode, content)
	}
	c.Files = nil
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return b.String() + "--- config\n" + string(text) + "\n"
}

func TestAMachineThatJoinsChangesNoOther(t *testing.T) {
	traits := kubernetes.New().Traits()
	before, after := coetest.Cluster(traits, 1, 2), coetest.Cluster(traits, 1, 200)
	for i := range before {
		if a, b := configOf(t, before[i]), configOf(t, after[i]); a.Digest() != b.Digest() {
			t.Errorf("%s gets another config when workers join", before[i].Machine.Name)
		}
	}
}

func TestMachinesThatWouldShareASliceAreRefused(t *testing.T) {
	in := coetest.Cluster(kubernetes.New().Traits(), 1, 2)[1]
	in.Machines[2].Status.Address = "10.0.1.20" // the last byte is that of 10.0.0.20
	if _, err := kubernetes.New().Config(in); jeroboam.KindOf(err) != jeroboam.Conflict {
		t.Errorf("two machines in one slice: %v", err)
	}
	in.Cluster.Spec.Labels = map[string]string{"flannel_network_cidr": "10.96.0.0/12"}
	if _, err := kubernetes.New().Config(in); err != nil {
		t.Errorf("the same in a wider pod network: %v", err)
	}
}

func TestSlicesOfDifferentMachinesDoNotOverlap(t *testing.T) {
	seen := map[string]string{}
	for _, in := range coetest.Cluster(kubernetes.New().Traits(), 3, 200) {
		subnet := fileOf(t, configOf(t, in), "/etc/cni/net.d/10-jeroboam.conflist")
		if other, taken := seen[subnet]; taken {
			t.Errorf("%s and %s have the same pod network", in.Machine.Name, other)
		}
		seen[subnet] = in.Machine.Name
	}
}

func fileOf(t *testing.T, c node.Config, path string) string {
	t.Helper()
	for _, f := range c.Files {
		if f.Path == path {
			return f.Content.Reveal()
		}
	}
	t.Fatalf("no file %s", path)
	return ""
}

func TestLabelsReachTheFlags(t *testing.T) {
	in := coetest.Cluster(kubernetes.New().Traits(), 1, 0)[0]
	in.Cluster.Spec.Labels = map[string]string{
		"service_cluster_ip_range": "172.20.0.0/20", "flannel_network_cidr": "172.16.0.0/14", "flannel_network_subnetlen": "25"}
	c := configOf(t, in)
	for path, want := range map[string]string{
		"/etc/kubernetes/controlplane.yaml":       `"--service-cluster-ip-range=172.20.0.0/20"`,
		"/etc/kubernetes/kubelet.yaml":            `"172.20.0.10"`,
		"/etc/kubernetes/kube-proxy.yaml":         `"clusterCIDR": "172.16.0.0/14"`,
		"/etc/cni/net.d/10-jeroboam.conflist":     `"subnet": "172.16.5.0/25"`,
		"/etc/kubernetes/controller-manager.conf": "https://127.0.0.1:6443",
	} {
		if text := fileOf(t, c, path); !strings.Contains(text, want) {
			t.Errorf("%s does not hold %s:\n%s", path, want, text)
		}
	}
}

func TestANodeMayNotPoseAsAnother(t *testing.T) {
	in := coetest.Cluster(kubernetes.New().Traits(), 1, 1)[1]
	for label, allowed := range map[string]bool{
		"disk": true, "example.com/disk": true, "node.kubernetes.io/disk": true, "x.node.kubernetes.io/disk": true,
		"node-role.kubernetes.io/control-plane": false, "kubernetes.io/hostname": false, "k8s.io/x": false, "notkubernetes.io/x": true,
	} {
		in.Groups[1].Spec.NodeLabels = map[string]string{label: "v"}
		_, err := kubernetes.New().Config(in)
		if allowed != (err == nil) || (err != nil && jeroboam.KindOf(err) != jeroboam.Invalid) {
			t.Errorf("label %s: %v", label, err)
		}
	}
}

func TestTaintsOfAGroupReachItsNodes(t *testing.T) {
	in := coetest.Cluster(kubernetes.New().Traits(), 1, 1)[1]
	in.Groups[1].Spec.NodeTaints = []jeroboam.Taint{{Key: "gpu", Value: "yes", Effect: "NoSchedule"}}
	if text := fileOf(t, configOf(t, in), "/etc/kubernetes/kubelet.yaml"); !strings.Contains(text, `"key": "gpu"`) {
		t.Errorf("no taint in %s", text)
	}
}

func TestAnAPIByNameIsInTheCertificate(t *testing.T) {
	in := coetest.Cluster(kubernetes.New().Traits(), 1, 0)[0]
	in.APIHost, in.APIName = "api.example.com", "id.clusters.example.com"
	for _, cert := range configOf(t, in).Certificates {
		if cert.Name == "apiserver" && !strings.Contains(strings.Join(cert.DNSNames, " "), "api.example.com id.clusters.example.com") {
			t.Errorf("names %v", cert.DNSNames)
		}
	}
}

func TestNodesCallAnAPIInsideThatOthersReachFromOutside(t *testing.T) {
	all := coetest.Cluster(kubernetes.New().Traits(), 1, 1)
	for i := range all {
		all[i].APIHost, all[i].APIInside = "172.24.4.9", "10.0.0.99"
	}
	for _, cert := range configOf(t, all[0]).Certificates {
		if cert.Name == "apiserver" && !(slices.Contains(cert.IPs, "172.24.4.9") && slices.Contains(cert.IPs, "10.0.0.99")) {
			t.Errorf("addresses %v", cert.IPs)
		}
	}
	if text := fileOf(t, configOf(t, all[1]), "/etc/kubernetes/kubelet.conf"); !strings.Contains(text, "https://10.0.0.99:6443") {
		t.Errorf("the worker's kubelet has %s", text)
	}
}

func TestAnAgentLeadsToTheAPIAndOnAWorkerNowhere(t *testing.T) {
	var ports []int
	for _, in := range coetest.Cluster(kubernetes.New().Traits(), 3, 1) {
		ports = append(ports, configOf(t, in).APIPort)
	}
	if want := []int{6443, 6443, 6443, 0}; !slices.Equal(ports, want) {
		t.Errorf("ports %v, want %v", ports, want)
	}
}

func TestAVirtualAddressIsTheControlPlanes(t *testing.T) {
	in := coetest.Cluster(kubernetes.New().Traits(), 3, 1)[1]
	in.APIHost, in.VirtualAddress = "10.0.0.8", "10.0.0.8"
	master := configOf(t, in)
	var told struct {
		VirtualAddress struct{ Address, Node, Kubeconfig string }
	}
	if err := json.Unmarshal([]byte(fileOf(t, master, "/etc/kubernetes/controlplane.yaml")), &told); err != nil {
		t.Fatal(err)
	}
	own := in.Machine.Status.Address
	if v := told.VirtualAddress; v.Address != "10.0.0.8" || v.Node != own || !strings.Contains(fileOf(t, master, v.Kubeconfig), "https://127.0.0.1:6443") {
		t.Errorf("the control plane is told %+v", v)
	}
}

func TestWhatIsNotKnownYetIsWaitedFor(t *testing.T) {
	traits := kubernetes.New().Traits()
	for name, change := range map[string]func(*coe.Input){
		"no address":           func(in *coe.Input) { in.Machine.Status.Address = "" },
		"no API host":          func(in *coe.Input) { in.APIHost = "" },
		"no authority":         func(in *coe.Input) { in.Authorities = nil },
		"no secrets":           func(in *coe.Input) { in.Secrets = nil },
		"a master without one": func(in *coe.Input) { in.Machines[2].Status.Address = "" },
	} {
		in := coetest.Cluster(traits, 3, 0)[0]
		change(&in)
		if _, err := kubernetes.New().Config(in); jeroboam.KindOf(err) != jeroboam.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkConfigOfOneInAThousand(b *testing.B) {
	in := coetest.Cluster(kubernetes.New().Traits(), 3, 200)[100]
	for range 800 {
		in.Machines = append(in.Machines, in.Machines[150])
		in.Machines[len(in.Machines)-1].Status.Address = ""
	}
	for b.Loop() {
		if _, err := kubernetes.New().Config(in); err != nil {
			b.Fatal(err)
		}
	}
}
