package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Versions of the bundles that make bundle and make bundle-before build.
const (
	olderVersion = "v1.35.4"
	newerVersion = "v1.36.3"
)

// templates makes one template for each version.
func (s *service) templates() {
	s.t.Helper()
	for name, version := range map[string]string{"older": olderVersion, "newer": newerVersion} {
		if out, err := s.try("template", "create", name, "--coe", "kubernetes", "--image", "host", "--flavor", "m1.medium",
			"--master-flavor", "m1.medium", "--label", "kube_tag="+version); err != nil {
			s.t.Fatalf("run make bundle bundle-before first: %s %v", out, err)
		}
	}
}

// TestClusterIsUpgraded brings a cluster from one minor release to the next
// while a web service of it is asked without a break.
func TestClusterIsUpgraded(t *testing.T) {
	s := start(t)
	s.templates()
	s.run("cluster", "create", "up", "--template", "older", "--nodes", "2", "--wait")
	c := s.open("up")
	c.runs(olderVersion, 3)
	c.kubectl("create", "configmap", "before", "--from-literal=word=kept")
	c.apply(c.web(2) + budget)
	c.kubectl("rollout", "status", "deployment/web", "--timeout=2m")
	c.refused()

	asked := c.keepAsking("web")
	began := time.Now()
	s.run("cluster", "upgrade", "up", "--template", "newer", "--wait")
	took := time.Since(began)
	count, silence := asked()
	t.Logf("upgraded in %v; %d answers, none for %v at most", took.Round(100*time.Millisecond), count, silence.Round(time.Millisecond))
	if silence > 10*time.Second || count < 10 {
		t.Errorf("the web service gave %d answers and none for %v", count, silence)
	}
	c.runs(newerVersion, 3)
	if word := c.kubectl("get", "configmap", "before", "-o", "jsonpath={.data.word}"); word != "kept" {
		t.Errorf("the config map of before says %q", word)
	}
	if out := c.kubectl("get", "nodes", "-o", "jsonpath={.items[*].spec.unschedulable}"); strings.Contains(out, "true") {
		t.Errorf("a node was left cordoned: %s", out)
	}
	var shown struct {
		Version  string `json:"coe_version"`
		Status   string `json:"status"`
		Template string `json:"cluster_template_id"`
	}
	if err := s.read(&shown, "cluster", "show", "up"); err != nil || shown.Version != newerVersion || shown.Status != "UPDATE_COMPLETE" {
		t.Errorf("the cluster shows %+v (%v)", shown, err)
	}
	for _, group := range []string{"default-master", "default-worker"} {
		var g struct {
			Version string `json:"version"`
		}
		if err := s.read(&g, "nodegroup", "show", "up", group); err != nil || g.Version != newerVersion {
			t.Errorf("%s shows %+v (%v)", group, g, err)
		}
	}
	if _, err := s.try("cluster", "upgrade", "up", "--template", "older"); err == nil || !strings.Contains(err.Error(), "cannot be upgraded") {
		t.Errorf("the way back: %v", err)
	}
	s.run("cluster", "delete", "up", "--wait")
}

// TestControlPlaneOfThreeIsUpgraded wants the API to answer all the time.
func TestControlPlaneOfThreeIsUpgraded(t *testing.T) {
	s := start(t)
	s.templates()
	s.run("cluster", "create", "ha", "--template", "older", "--masters", "3", "--nodes", "1", "--master-lb", "--wait")
	c := s.open("ha")
	asked := c.keepAskingAPI()
	s.run("cluster", "upgrade", "ha", "--template", "newer", "--wait")
	count, silence := asked()
	t.Logf("%d answers of the API, none for %v at most", count, silence.Round(time.Millisecond))
	if silence > 10*time.Second || count < 10 {
		t.Errorf("the API gave %d answers and none for %v", count, silence)
	}
	c.runs(newerVersion, 4)
	s.run("cluster", "delete", "ha", "--wait")
}

// budget lets go of one replica of the web service at a time.
const budget = `
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec:
  minAvailable: 1
  selector: {matchLabels: {app: web}}
`

// runs wants n nodes, all Ready and of one version.
func (c cluster) runs(version string, n int) {
	c.t.Helper()
	if err := c.hasReady(n); err != nil {
		c.t.Error(err)
	}
	out := c.kubectl("get", "nodes", "-o", "jsonpath={.items[*].status.nodeInfo.kubeletVersion}")
	if want := strings.TrimSpace(strings.Repeat(version+" ", n)); out != want {
		c.t.Errorf("the kubelets run %q, want %q", out, want)
	}
	if out := c.kubectl("version"); !strings.Contains(out, "Server Version: "+version) {
		c.t.Errorf("the API server says %s", out)
	}
}

// refused is an upgrade to what does not exist.
func (c cluster) refused() {
	c.t.Helper()
	if _, err := c.try("cluster", "upgrade", c.name, "--template", "none"); err == nil || !strings.Contains(err.Error(), "could not be found") {
		c.t.Errorf("an upgrade to a template that does not exist: %v", err)
	}
}

// keepAsking asks a Service from the control-plane machine, where the rules of
// kube-proxy lead to the pods, until the returned function is called. That tells
// how many answers there were and the longest time without one.
func (c cluster) keepAsking(name string) func() (int, time.Duration) {
	c.t.Helper()
	address := c.kubectl("get", "service", name, "-o", "jsonpath={.spec.clusterIP}")
	master := c.machine(c.name, c.name+"-master-0")
	script := fmt.Sprintf(`exec 3<>/dev/tcp/%s/80; printf 'GET / HTTP/1.0\r\n\r\n' >&3; cat <&3`, address)
	return keepAsking(func() error {
		out, err := output(nsenter(master.init, "--net", "timeout", "1", "bash", "-c", script))
		if err == nil && !strings.Contains(out, "Hello from web-") {
			err = fmt.Errorf("answered %q", out)
		}
		return err
	})
}

// keepAskingAPI does so with the API, each time by a new connection, as kubectl
// would, but without the time that a busy machine takes to start a kubectl.
func (c cluster) keepAskingAPI() func() (int, time.Duration) {
	c.t.Helper()
	server, identity := c.credentials()
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{TLSClientConfig: identity, DisableKeepAlives: true}}
	return keepAsking(func() error {
		answer, err := client.Get(server + "/api/v1/namespaces")
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		if err == nil && answer.StatusCode != http.StatusOK {
			err = errors.New(answer.Status)
		}
		return errors.Join(err, answer.Body.Close())
	})
}

func keepAsking(ask func() error) func() (int, time.Duration) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	count, silence, last := 0, time.Duration(0), time.Now()
	go func() {
		defer close(stopped)
		for {
			if ask() == nil {
				count, silence, last = count+1, max(silence, time.Since(last)), time.Now()
			}
			select {
			case <-stop:
				silence = max(silence, time.Since(last))
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	return func() (int, time.Duration) {
		close(stop)
		<-stopped
		return count, silence
	}
}
