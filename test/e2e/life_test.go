package e2e

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/clusters"

	"github.com/jeroboam-cloud/jeroboam/test/port"
)

// TestLife is the main job: a cluster is made, carries a web service, grows,
// shrinks and goes, and the host is as it was.
func TestLife(t *testing.T) {
	s := start(t)
	s.template()
	s.createByGophercloud("life", 1, 2)
	s.run("cluster", "watch", "life")
	c := s.open("life")
	if err := c.hasReady(3); err != nil {
		t.Fatal(err)
	}

	c.eventually(time.Minute, "pods may go to every worker", c.welcoming)
	c.apply(c.web(10))
	c.kubectl("rollout", "status", "deployment/web", "--timeout=2m")
	spread := map[string]int{}
	for _, node := range c.pods("web") {
		spread[node]++
	}
	if len(spread) != 2 || spread["life-worker-0"] != 5 {
		t.Errorf("10 replicas on 2 workers are spread %v", spread)
	}

	t.Run("a service is reached from a pod of either node", c.reachable)
	t.Run("logs, exec and port-forward work", c.interactive)
	t.Run("the kubelets serve what top asks for", c.metrics)
	t.Run("secrets are sealed in etcd", c.sealed)
	t.Run("the cluster grows and shrinks", c.resizes)

	s.run("cluster", "delete", "life", "--wait")
	if out, err := s.try("cluster", "show", "life"); err == nil {
		t.Errorf("the deleted cluster is still shown:\n%s", out)
	}
}

// welcoming is an error as long as Kubernetes keeps pods from a node that has only
// just become Ready.
func (c cluster) welcoming() error {
	taints, err := c.tryKubectl("", "get", "nodes", "-o", "jsonpath={.items[*].spec.taints[*].key}")
	if err == nil && strings.Contains(taints, "node.kubernetes.io/not-ready") {
		err = errNotYet
	}
	return err
}

// createByGophercloud asks for a cluster as Terraform and the autoscaler do.
func (s *service) createByGophercloud(name string, masters, nodes int) {
	s.t.Helper()
	auth, endpoint, _, err := clouds.Parse(clouds.WithLocations(filepath.Join(s.state, "clouds.yaml")), clouds.WithCloudName("jeroboam"))
	if err != nil {
		s.t.Fatal(err)
	}
	provider, err := openstack.AuthenticatedClient(s.t.Context(), auth)
	if err != nil {
		s.t.Fatal(err)
	}
	api, err := openstack.NewContainerInfraV1(provider, endpoint)
	if err != nil {
		s.t.Fatal(err)
	}
	api.Microversion = "latest"
	opts := clusters.CreateOpts{Name: name, ClusterTemplateID: "kubernetes", MasterCount: &masters, NodeCount: &nodes}
	id, err := clusters.Create(s.t.Context(), api, opts).Extract()
	if err != nil {
		s.t.Fatal(err)
	}
	// At once, as Terraform does: 404 would mean that it is gone.
	if _, err := clusters.Get(s.t.Context(), api, id).Extract(); err != nil {
		s.t.Fatal(err)
	}
}

// template makes the template that every test starts from.
func (s *service) template() {
	s.t.Helper()
	s.run("template", "create", "kubernetes", "--coe", "kubernetes", "--image", "host", "--flavor", "m1.medium", "--master-flavor", "m1.medium")
}

func (c cluster) reachable(t *testing.T) {
	for i, node := range []string{"life-worker-0", "life-worker-1"} {
		name := fmt.Sprintf("toolbox-%d", i)
		c.apply(c.toolbox(name, node))
		c.kubectl("wait", "--for=condition=Ready", "pod/"+name, "--timeout=2m")
	}
	clusterIP := c.kubectl("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")
	for node, from := range c.onePodOfEach("web") {
		for _, host := range []string{clusterIP, "web", "web.default.svc.cluster.local"} {
			out, err := c.tryKubectl("", "exec", from, "--", "/web", "-times", "12", "-get", "http://"+host+"/")
			if err != nil {
				t.Fatalf("from %s on %s: %v", from, node, err)
			}
			answers := map[string]bool{}
			for _, line := range lines([]byte(out)) {
				answers[strings.Fields(line)[2]] = true
			}
			if len(answers) < 2 {
				t.Errorf("12 requests from %s to %s were all answered by %v", from, host, answers)
			}
		}
	}
}

// onePodOfEach maps each node to one of the pods that an app has there.
func (c cluster) onePodOfEach(app string) map[string]string {
	c.t.Helper()
	one := map[string]string{}
	for pod, node := range c.pods(app) {
		one[node] = pod
	}
	return one
}

func (c cluster) interactive(t *testing.T) {
	c.tells("toolbox-0")
	if out := c.kubectl("exec", "toolbox-1", "--", "hostname"); strings.TrimSpace(out) != "toolbox-1" {
		t.Errorf("kubectl exec hostname says %q", out)
	}

	address := port.Address(t)
	port := address[strings.LastIndex(address, ":")+1:]
	forward := c.kubectlCommand("port-forward", "--address", "127.0.0.1", "service/web", port+":80")
	if err := forward.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = forward.Process.Kill()
		_ = forward.Wait()
	}()
	err := until(time.Minute, func() error {
		answer, err := http.Get("http://" + address)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err == nil && !strings.Contains(string(body), "Hello from web-") {
			err = fmt.Errorf("answered %q", body)
		}
		return err
	})
	if err != nil {
		t.Errorf("through kubectl port-forward: %v", err)
	}
}

// tells has a pod's first process say something and finds it in the log, which
// containerd writes in its own time.
func (c cluster) tells(pod string) {
	c.t.Helper()
	c.kubectl("exec", pod, "--", "sh", "-c", "echo told >/proc/1/fd/1")
	c.eventually(time.Minute, "kubectl logs shows what was told", func() error {
		out, err := c.tryKubectl("", "logs", pod)
		if err == nil && !strings.Contains(out, "told") {
			err = fmt.Errorf("it shows %q", out)
		}
		return err
	})
}

func (c cluster) metrics(t *testing.T) {
	for _, node := range []string{"life-master-0", "life-worker-0", "life-worker-1"} {
		for _, path := range []string{"stats/summary", "metrics/resource"} {
			out, err := c.tryKubectl("", "get", "--raw", "/api/v1/nodes/"+node+"/proxy/"+path)
			if err != nil || !strings.Contains(out, "cpu") {
				t.Errorf("%s of %s: %v", path, node, err)
			}
		}
	}
}

// sealed looks for a secret's text in the files of etcd.
func (c cluster) sealed(t *testing.T) {
	const text = "a-very-recognisable-secret"
	c.kubectl("create", "secret", "generic", "sealed", "--from-literal=word="+text)
	master := c.machine("life", "life-master-0")
	grep := func(word string) (string, error) {
		return output(nsenter(master.init, "--mount", "grep", "-rl", word, "/var/lib/etcd"))
	}
	if found, err := grep(text); err == nil {
		t.Errorf("the secret lies open in %s", found)
	}
	if _, err := grep("/registry/secrets/default/sealed"); err != nil {
		t.Errorf("the secret's key is not found either, so this test shows nothing: %v", err)
	}
}

func (c cluster) resizes(t *testing.T) {
	c.run("cluster", "resize", "life", "4", "--wait")
	if err := c.hasReady(5); err != nil {
		t.Error(err)
	}
	gone := "life-worker-1"
	c.run("cluster", "resize", "life", "1", "--remove", gone, "--remove", "life-worker-0", "--remove", "3", "--wait")
	ready, err := c.readyNodes()
	if err != nil || len(ready) != 2 || ready[1] != "life-worker-2" {
		t.Errorf("after removing workers 0, 1 and 3 these are Ready: %v (%v)", ready, err)
	}
	steps := c.run("cluster", "operations", "life")
	if !strings.Contains(steps, "drain "+gone) {
		t.Errorf("the journal tells of no drain of %s:\n%s", gone, steps)
	}
	err = until(2*time.Minute, func() error {
		for pod, node := range c.pods("web") {
			if node != "life-worker-2" {
				return fmt.Errorf("pod %s is on %q", pod, node)
			}
		}
		_, err := c.tryKubectl("", "rollout", "status", "deployment/web", "--timeout=1s")
		return err
	})
	if err != nil {
		t.Errorf("the replicas did not move to the node that is left: %v", err)
	}
}
