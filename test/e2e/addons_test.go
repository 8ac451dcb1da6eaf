package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe/kubernetes/addons"
)

// TestAddons has an API server judge what add-ons are made of. Their images are
// not to be had here: their pods never run, and no cluster waits for them.
func TestAddons(t *testing.T) {
	s := start(t)
	s.template()
	if _, err := s.try("cluster", "create", "refused", "--template", "kubernetes", "--masters", "1", "--nodes", "0",
		"--label", "cinder_csi_enabled=true", "--merge-labels"); err == nil || !strings.Contains(err.Error(), "gives clusters no credential") {
		t.Errorf("Cinder on a cloud without credentials: %v", err)
	}
	s.run("cluster", "create", "addons", "--template", "kubernetes", "--masters", "1", "--nodes", "0",
		"--label", "metrics_server_enabled=true", "--merge-labels", "--wait")
	c := s.open("addons")
	c.eventually(time.Minute, "the metrics server is applied", func() error {
		_, err := c.tryKubectl("", "get", "-n", "kube-system", "deployment/metrics-server", "service/metrics-server", "apiservice/v1beta1.metrics.k8s.io")
		return err
	})
	everything := render(t)
	objects := c.applied(string(everything.Secrets.Reveal()), everything.Manifests)
	if want := strings.Count(everything.Manifests, "\nkind: ") + 2; len(objects) != want { // and two Secrets
		t.Errorf("%d objects, not %d: %v", len(objects), want, objects)
	}
	t.Run("applying again changes nothing", func(t *testing.T) {
		again := c.applied(string(everything.Secrets.Reveal()), everything.Manifests)
		if !slices.Equal(again, objects) {
			t.Errorf("got  %v\nwant %v", again, objects)
		}
	})
	t.Run("pods are made, and their accounts have their rights and no more", c.rights)
	s.run("cluster", "delete", "addons", "--wait")
}

// render makes every add-on, with a credential of nobody.
func render(t *testing.T) addons.Rendered {
	t.Helper()
	c := addons.Cluster{Version: "v1.36.3", Gateway: "unix:///run/jeroboam/gateway.sock", Credential: map[string]jeroboam.Secret{"auth-url": "https://keystone.example/v3",
		"application-credential-id": "id", "application-credential-secret": "secret"}}
	c.ID, c.Project, c.Spec.Labels = "5ad5bc4e-2ad9-4bb1-8d05-4ae2a1e1a001", "4fa1", map[string]string{}
	for _, l := range addons.Labels() {
		if strings.HasSuffix(l.Name, "_enabled") {
			c.Spec.Labels[l.Name] = "true"
		}
	}
	r, err := addons.Render(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// applied applies manifests as a machine does, but refusing unknown fields, and
// lists the objects with the revisions of their specs.
func (c cluster) applied(manifests ...string) []string {
	c.t.Helper()
	var all []string
	for _, text := range manifests {
		out, err := c.tryKubectl(text, "apply", "--server-side", "--force-conflicts", "--field-manager=jeroboam",
			"--validate=strict", "--filename=-", "-o", `jsonpath={range .items[*]}{.kind}/{.metadata.name}@{.metadata.generation}{"\n"}{end}`)
		if err != nil {
			c.t.Fatalf("kubectl apply: %v", err)
		}
		all = append(all, lines([]byte(out))...)
	}
	return all
}

func (c cluster) rights(t *testing.T) {
	for app, labels := range map[string]string{
		"openstack-cloud-controller-manager": "k8s-app", "k8s-keystone-auth": "k8s-app", "metrics-server": "k8s-app", "csi-cinder-controllerplugin": "app",
		"csi-cinder-nodeplugin": "app", "csi-manila-controllerplugin": "app", "csi-manila-nodeplugin": "app", "cluster-autoscaler": "app",
	} {
		c.eventually(time.Minute, "there is a pod of "+app, func() error {
			out, err := c.tryKubectl("", "get", "pods", "-n", "kube-system", "-l", labels+"="+app, "-o", "jsonpath={.items[*].spec.nodeName}")
			if err == nil && out != "addons-master-0" {
				err = fmt.Errorf("on %q", out)
			}
			return err
		})
	}
	for question, want := range map[string]string{
		"cloud-controller-manager patch nodes/status":          "yes",
		"cloud-controller-manager patch services/status":       "yes",
		"cloud-controller-manager get secrets":                 "no",
		"csi-cinder-controller create persistentvolumes":       "yes",
		"csi-cinder-controller patch volumeattachments/status": "yes",
		"csi-cinder-controller get secrets":                    "no",
		"csi-cinder-node list nodes":                           "no",
		"csi-manila-controller get secret/csi-manila-secrets":  "yes",
		"csi-manila-controller get secret/cloud-config":        "no",
		"csi-manila-controller create persistentvolumes":       "yes",
		"csi-manila-node create persistentvolumes":             "no",
		"k8s-keystone-auth list configmaps":                    "yes",
		"k8s-keystone-auth get secrets":                        "no",
		"cluster-autoscaler create pods/eviction":              "yes",
		"cluster-autoscaler delete nodes":                      "no",
		"metrics-server get nodes/metrics":                     "yes",
		"metrics-server create subjectaccessreviews":           "yes",
	} {
		words := strings.Fields(question)
		verb, resource := words[1], words[2]
		args := []string{"auth", "can-i", verb, resource, "-n", "kube-system", "--as=system:serviceaccount:kube-system:" + words[0]}
		if what, sub, found := strings.Cut(resource, "/"); found && what != "secret" {
			args[3] = what
			args = append(args, "--subresource="+sub)
		}
		out, _ := c.tryKubectl("", args...) // "no" is an exit code of its own
		if got := strings.TrimSpace(out); got != want {
			t.Errorf("%s: %q, not %q", question, got, want)
		}
	}
}
