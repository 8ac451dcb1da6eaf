package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam/distro/pack"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// TestAutoscaler runs the cluster autoscaler in the pod that the add-on makes:
// it makes nodes for pods that find none, and takes them away again. Its image
// cannot be had here: JEROBOAM_TEST_AUTOSCALER names its program, static.
func TestAutoscaler(t *testing.T) {
	program := os.Getenv("JEROBOAM_TEST_AUTOSCALER")
	if program == "" {
		t.Skip("runs Kubernetes' cluster autoscaler: set JEROBOAM_TEST_AUTOSCALER to the path of its program")
	}
	s := start(t)
	s.template()
	s.run("cluster", "create", "scaled", "--template", "kubernetes", "--masters", "1", "--nodes", "1",
		"--label", "auto_scaling_enabled=true", "--label", "max_node_count=3", "--merge-labels", "--wait")
	c := s.open("scaled")
	c.eventually(30*time.Second, "the autoscaler is applied", func() error {
		_, err := c.tryKubectl("", "get", "-n", "kube-system", "deployment/cluster-autoscaler")
		return err
	})
	c.bring(program)
	c.hurry()
	s.run("nodegroup", "create", "scaled", "empty", "--nodes", "0", "--max", "2", "--node-label", "for=guests", "--node-taint", "for=guests:NoSchedule", "--wait")

	began := time.Now()
	c.apply(c.wide("wide", "", 3))
	c.kubectl("rollout", "status", "deployment/wide", "--timeout=120s")
	t.Logf("3 pods that need a node each run on 3 workers, 2 of them new, after %v", time.Since(began).Round(time.Second))
	began = time.Now()
	c.apply(c.wide("guests", "{for: guests}", 1))
	c.kubectl("rollout", "status", "deployment/guests", "--timeout=120s")
	t.Logf("a pod for nodes that there were none of runs after %v", time.Since(began).Round(time.Second))
	c.resizedBy("autoscaler", "default-worker 1 -> 3", "empty 0 -> 1")

	t.Run("a quota holds for it, too, and a service that was away is found again", c.refuses)

	began = time.Now()
	c.kubectl("delete", "deployment/wide", "deployment/guests")
	c.eventually(3*time.Minute, "the nodes go", func() error { return c.hasReady(2) })
	t.Logf("4 workers that had no more to do were gone after %v", time.Since(began).Round(time.Second))
	if log := c.kubectl("logs", "-n", "kube-system", "deployment/cluster-autoscaler"); strings.Contains(log, "forbidden") || strings.Contains(log, "gRPC call NodeGroupDeleteNodes") {
		t.Errorf("the autoscaler says:\n%s", log)
	}
	s.run("cluster", "delete", "scaled", "--wait")
}

// refuses wants one more node than the project may have, and then may have.
func (c cluster) refuses(t *testing.T) {
	c.run("quota", "set", c.project(), "5", "--resource", "Node")
	c.apply(c.wide("guests", "{for: guests}", 2))
	c.eventually(time.Minute, "the autoscaler is told of the quota", func() error {
		out, err := c.tryKubectl("", "get", "events", "-A", "--field-selector=reason=FailedToScaleUpGroup", "-o", "jsonpath={.items[*].message}")
		if err == nil && !strings.Contains(out, "quota") {
			err = fmt.Errorf("events %q", out)
		}
		return err
	})
	c.stop()
	c.serve()
	c.run("quota", "set", c.project(), "6", "--resource", "Node")
	c.kubectl("rollout", "status", "deployment/guests", "--timeout=120s")
	c.resizedBy("autoscaler", "empty 1 -> 2")
}

// resizedBy wants operations of that user with these summaries.
func (c cluster) resizedBy(user string, summaries ...string) {
	c.t.Helper()
	var list struct {
		Operations []struct {
			User    string `json:"user_id"`
			Summary string `json:"summary"`
		} `json:"operations"`
	}
	if err := c.read(&list, "cluster", "operations", c.name); err != nil {
		c.t.Fatal(err)
	}
	for _, summary := range summaries {
		found := false
		for _, op := range list.Operations {
			found = found || op.User == user && op.Summary == summary
		}
		if !found {
			c.t.Errorf("no operation %q of %s: %+v", summary, user, list.Operations)
		}
	}
}

// bring gives the control plane the image that the add-on's pod waits for.
func (c cluster) bring(program string) {
	c.t.Helper()
	reference := strings.TrimSpace(c.kubectl("get", "-n", "kube-system", "deployment/cluster-autoscaler", "-o", "jsonpath={.spec.template.spec.containers[0].image}"))
	file, err := pack.FromDisk(program, "cluster-autoscaler")
	if err != nil {
		c.t.Fatal(err)
	}
	master := c.machine(c.name, c.name+"-master-0").init
	archive := "/var/tmp/cluster-autoscaler.tar"
	err = pack.Write(filepath.Join(fmt.Sprintf("/proc/%d/root", master), archive), pack.Image{Reference: reference, Arch: runtime.GOARCH, Files: []pack.File{file}})
	if err != nil {
		c.t.Fatal(err)
	}
	if out, err := output(nsenter(master, "--mount", node.BinDir+"/ctr", "--address", "/run/containerd/containerd.sock", "--namespace", "k8s.io",
		"images", "import", "--local", archive)); err != nil {
		c.t.Fatalf("import the image: %v\n%s", err, out)
	}
}

// hurry has the autoscaler look often and lose no time over nodes without work.
func (c cluster) hurry() {
	c.t.Helper()
	var command []string
	if err := json.Unmarshal([]byte(c.kubectl("get", "-n", "kube-system", "deployment/cluster-autoscaler", "-o", "jsonpath={.spec.template.spec.containers[0].command}")), &command); err != nil {
		c.t.Fatal(err)
	}
	command = append(command, "--scan-interval=2s", "--scale-down-unneeded-time=10s", "--scale-down-delay-after-add=5s",
		"--initial-node-group-backoff-duration=3s", "--max-node-group-backoff-duration=3s")
	patch, err := json.Marshal([]map[string]any{{"op": "replace", "path": "/spec/template/spec/containers/0/command", "value": command}})
	if err != nil {
		c.t.Fatal(err)
	}
	c.kubectl("patch", "-n", "kube-system", "deployment/cluster-autoscaler", "--type=json", "--patch="+string(patch))
	c.kubectl("rollout", "status", "-n", "kube-system", "deployment/cluster-autoscaler", "--timeout=90s")
}

// wide is pods of which a worker carries one, for nodes of these labels.
func (c cluster) wide(name, labels string, replicas int) string {
	if labels == "" {
		labels = "{}"
	}
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      nodeSelector: %[3]s
      tolerations: [{key: for, operator: Exists}]
      terminationGracePeriodSeconds: 1
      containers:
      - {name: web, image: %[4]q, imagePullPolicy: IfNotPresent, resources: {requests: {memory: 1200Mi}}}
`, name, replicas, labels, c.image["web"])
}
