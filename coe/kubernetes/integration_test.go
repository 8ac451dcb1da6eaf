package kubernetes_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/coe/coetest"
	"github.com/jeroboam-cloud/jeroboam/coe/kubernetes"
	"github.com/jeroboam-cloud/jeroboam/node"
)

const (
	cloudSecret = "c2VjcmV0LW9mLXRoZS1jbHVzdGVyLWluLXRoZS1jbG91ZA"
	serverID    = "9ad5bc4e-2ad9-4bb1-8d05-4ae2a1e1a009"
)

// integrated is a cluster with labels and a credential, which every machine is
// given here.
func integrated(masters, workers int, labels ...string) []coe.Input {
	inputs := coetest.Cluster(kubernetes.New().Traits(), masters, workers)
	for i := range inputs {
		inputs[i].Cluster.Spec.Labels = map[string]string{}
		for _, l := range labels {
			inputs[i].Cluster.Spec.Labels[l] = "true"
		}
		inputs[i].Credential = map[string]jeroboam.Secret{"auth-url": "https://keystone.example/v3", "application-credential-secret": cloudSecret}
		inputs[i].Machine.Status.CloudID = serverID
	}
	return inputs
}

func taskOf(c node.Config, name string) (node.Task, bool) {
	i := slices.IndexFunc(c.Tasks, func(t node.Task) bool { return t.Name == name })
	if i < 0 {
		return node.Task{}, false
	}
	return c.Tasks[i], true
}

func TestTheFirstMasterAppliesAddons(t *testing.T) {
	inputs := integrated(3, 1, "cinder_csi_enabled")
	task, found := taskOf(configOf(t, inputs[0]), "chosen-addons")
	files := []string{"--filename=/etc/kubernetes/addons-secrets.json", "--filename=-"}
	if !found || !strings.Contains(task.Stdin, "cinder.csi.openstack.org") || !slices.Equal(task.Command[len(task.Command)-2:], files) {
		t.Errorf("task %+v", task)
	}
	for _, in := range inputs[1:] {
		if _, found := taskOf(configOf(t, in), "chosen-addons"); found {
			t.Errorf("%s applies them, too", in.Machine.Name)
		}
	}
	inputs[0].Credential["application-credential-secret"] = "another"
	if again, _ := taskOf(configOf(t, inputs[0]), "chosen-addons"); again.Stdin == task.Stdin {
		t.Error("a rotated credential is not applied")
	}
}

func TestACredentialIsInOneFileOfRootsAlone(t *testing.T) {
	for _, in := range integrated(3, 1, "cloud_provider_enabled", "keystone_auth_enabled", "cinder_csi_enabled") {
		c := configOf(t, in)
		for i, f := range c.Files {
			if f.Path == "/etc/kubernetes/addons-secrets.json" && f.Mode == 0o600 && in.Machine.IsMaster() {
				c.Files[i].Content = ""
			}
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), cloudSecret) {
			t.Errorf("%s tells the credential", in.Machine.Name)
		}
	}
}

func TestNodesWaitForTheCloudOnlyIfALabelSaysSo(t *testing.T) {
	for label, wait := range map[string]bool{"cloud_provider_enabled": true, "metrics_server_enabled": false} {
		for _, in := range integrated(1, 1, label) {
			c := configOf(t, in)
			id := map[bool]string{true: serverID, false: in.Machine.ID}[wait]
			if text := fileOf(t, c, "/etc/kubernetes/kubelet.yaml"); !strings.Contains(text, `"providerID": "openstack:///`+id+`"`) {
				t.Errorf("%s, %s: the provider ID is not that of %s", label, in.Machine.Name, id)
			}
			kubelet := c.Services[slices.IndexFunc(c.Services, func(s node.Service) bool { return s.Name == "kubelet" })]
			if slices.Contains(kubelet.Command, "--cloud-provider=external") != wait {
				t.Errorf("%s, %s: %v", label, in.Machine.Name, kubelet.Command)
			}
		}
	}
}

func TestKeystoneChangesTheWayIn(t *testing.T) {
	in := integrated(3, 0, "keystone_auth_enabled")[1]
	c := configOf(t, in)
	flags := fileOf(t, c, "/etc/kubernetes/controlplane.yaml")
	if !strings.Contains(flags, "--authorization-config=/etc/kubernetes/authorization.yaml") || strings.Contains(flags, "--authorization-mode") {
		t.Errorf("flags %s", flags)
	}
	if !slices.ContainsFunc(c.Certificates, func(c node.Certificate) bool { return c.Name == "keystone-auth" && c.Server }) {
		t.Error("the webhook has no certificate")
	}
	in.Credential = nil
	if flags := fileOf(t, configOf(t, in), "/etc/kubernetes/controlplane.yaml"); !strings.Contains(flags, "--authorization-mode=Node,RBAC") {
		t.Errorf("without a credential: %s", flags)
	}
}

func TestTheControlPlaneHoldsTheAutoscalersWayToTheService(t *testing.T) {
	for _, in := range integrated(3, 1, "auto_scaling_enabled") {
		in.Gateway = coe.Gateway{URL: "https://jeroboam.example:9512", CA: "the gateway's authority"}
		c := configOf(t, in)
		at := slices.IndexFunc(c.Certificates, func(c node.Certificate) bool { return c.Authority == jeroboam.AuthorityGateway })
		if has := at >= 0; has != in.Machine.IsMaster() {
			t.Fatalf("%s: an autoscaler's certificate: %v", in.Machine.Name, has)
		}
		if text := fileOf(t, c, "/etc/kubernetes/kubelet.yaml"); !strings.Contains(text, `"providerID": "openstack:///`+in.Machine.ID+`"`) {
			t.Errorf("the node of %s is not called as the service calls it", in.Machine.Name)
		}
		if at < 0 {
			continue
		}
		config, asked := fileOf(t, c, "/etc/kubernetes/autoscaler/cloud-config"), c.Certificates[at]
		for _, word := range []string{"address: \"jeroboam.example:9512\"\n", "cert: " + asked.CertPath + "\n", "key: " + asked.KeyPath + "\n", "cacert: /etc/kubernetes/autoscaler/ca.crt\n"} {
			if !strings.Contains(config, word) {
				t.Errorf("%s lacks %q:\n%s", in.Machine.Name, word, config)
			}
		}
		if fileOf(t, c, "/etc/kubernetes/autoscaler/ca.crt") != in.Gateway.CA || asked.CommonName != in.Cluster.ID || !asked.Client || asked.Server {
			t.Errorf("%s asks for %+v", in.Machine.Name, asked)
		}
		if task, found := taskOf(c, "chosen-addons"); found && strings.Contains(task.Stdin, "gateway.sock") {
			t.Error("a pod looks for a socket on a machine that has none")
		}
	}
}
