package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/jeroboam-cloud/jeroboam/release"
)

// cluster is a cluster of a service, and kubectl for it.
type cluster struct {
	*service
	name   string
	config string            // path of its kubeconfig
	image  map[string]string // references of the bundle's images, by part
}

// open fetches a kubeconfig for a cluster that is there.
func (s *service) open(name string) cluster {
	s.t.Helper()
	c := cluster{service: s, name: name, config: filepath.Join(s.home, name+".kubeconfig"), image: map[string]string{}}
	s.run("cluster", "config", name, "--file", c.config, "--force")
	manifest, err := release.Load(s.bundle())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, p := range manifest.Parts {
		c.image[p.Name] = p.Reference
	}
	return c
}

func (s *service) bundle() string {
	s.t.Helper()
	found, err := filepath.Glob(filepath.Join(s.bin, "bundles", "kubernetes-*"))
	if err != nil || len(found) == 0 {
		s.t.Fatalf("no Kubernetes bundle under %s: run make build first", s.bin)
	}
	return found[len(found)-1]
}

func (c cluster) kubectlCommand(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bundle(), "bin", "kubernetes"), append([]string{"kubectl"}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.state, "KUBECONFIG=" + c.config}
	return cmd
}

// tryKubectl calls kubectl with text on its standard input.
func (c cluster) tryKubectl(stdin string, args ...string) (string, error) {
	cmd := c.kubectlCommand(args...)
	cmd.Stdin = strings.NewReader(stdin)
	return output(cmd)
}

// kubectl must succeed.
func (c cluster) kubectl(args ...string) string {
	c.t.Helper()
	out, err := c.tryKubectl("", args...)
	if err != nil {
		c.t.Fatalf("kubectl %s: %v", strings.Join(args, " "), err)
	}
	return out
}

func (c cluster) apply(manifest string) {
	c.t.Helper()
	if _, err := c.tryKubectl(manifest, "apply", "-f", "-"); err != nil {
		c.t.Fatalf("kubectl apply: %v", err)
	}
}

// credentials are where the API is and how the kubeconfig has one log in.
func (c cluster) credentials() (server string, identity *tls.Config) {
	c.t.Helper()
	text, err := os.ReadFile(c.config)
	if err != nil {
		c.t.Fatal(err)
	}
	var config struct {
		Clusters []struct {
			Cluster struct {
				Server string `json:"server"`
				CA     []byte `json:"certificate-authority-data"`
			} `json:"cluster"`
		} `json:"clusters"`
		Users []struct {
			User struct {
				Certificate []byte `json:"client-certificate-data"`
				Key         []byte `json:"client-key-data"`
			} `json:"user"`
		} `json:"users"`
	}
	if err := yaml.Unmarshal(text, &config); err != nil || len(config.Clusters) != 1 || len(config.Users) != 1 {
		c.t.Fatalf("%s: %v", c.config, err)
	}
	at, user := config.Clusters[0].Cluster, config.Users[0].User
	pair, err := tls.X509KeyPair(user.Certificate, user.Key)
	if err != nil {
		c.t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(at.CA)
	return at.Server, &tls.Config{RootCAs: trusted, Certificates: []tls.Certificate{pair}}
}

// readyNodes are the names of the nodes that the cluster calls Ready.
func (c cluster) readyNodes() ([]string, error) {
	out, err := c.tryKubectl("", "get", "nodes", "-o", "json")
	if err != nil {
		return nil, err
	}
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Status   struct {
				Conditions []struct{ Type, Status string }
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		return nil, err
	}
	var ready []string
	for _, n := range list.Items {
		for _, condition := range n.Status.Conditions {
			if condition.Type == "Ready" && condition.Status == "True" {
				ready = append(ready, n.Metadata.Name)
			}
		}
	}
	return ready, nil
}

// hasReady is an error unless exactly n nodes are Ready.
func (c cluster) hasReady(n int) error {
	ready, err := c.readyNodes()
	if err == nil && len(ready) != n {
		err = fmt.Errorf("%d nodes are Ready, not %d: %v", len(ready), n, ready)
	}
	return err
}

// web is a web service of many replicas and the Service in front of them.
func (c cluster) web(replicas int) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: %d
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}
      containers:
      - {name: web, image: %q, imagePullPolicy: IfNotPresent, ports: [{containerPort: 8080}], readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
`, replicas, c.image["web"])
}

// toolbox is a pod to try things from, on one node.
func (c cluster) toolbox(name, node string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: %s}
spec:
  nodeName: %s
  terminationGracePeriodSeconds: 0
  containers:
  - {name: toolbox, image: %q, imagePullPolicy: IfNotPresent, command: [sleep, "3600"]}
`, name, node, c.image["toolbox"])
}

// pods maps the names of the pods of an app to their nodes.
func (c cluster) pods(app string) map[string]string {
	c.t.Helper()
	out := c.kubectl("get", "pods", "-l", "app="+app, "-o", `jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName}{"\n"}{end}`)
	pods := map[string]string{}
	for _, line := range lines([]byte(out)) {
		name, node, _ := strings.Cut(line, " ")
		pods[name] = node
	}
	return pods
}
