package e2e

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam/test/port"
)

// shown is what the API says of a cluster.
type shown struct {
	ID      string   `json:"uuid"`
	API     string   `json:"api_address"`
	Masters []string `json:"master_addresses"`
	Health  string   `json:"health_status"`
}

// TestAClusterThatOnlyItsAgentsLeadTo lives while nothing of this host reaches
// the port of its API: the service and kubectl come by the agent of its control
// plane.
func TestAClusterThatOnlyItsAgentsLeadTo(t *testing.T) {
	s := start(t)
	s.stop()
	door := port.Address(t)
	flags := []string{"--api-listen", door, "--api-domain", "clusters.test"}
	s.serve(flags...)
	s.template()
	s.run("cluster", "create", "hidden", "--template", "kubernetes", "--nodes", "1", "--label", "api_access=tunnel", "--merge-labels", "--wait")
	var hidden shown
	if err := s.read(&hidden, "cluster", "show", "hidden"); err != nil {
		t.Fatal(err)
	}
	if want := "https://" + hidden.ID + ".clusters.test:" + door[strings.LastIndex(door, ":")+1:]; hidden.API != want {
		t.Errorf("api_address is %s, want %s", hidden.API, want)
	}
	c, straight := s.open("hidden"), s.open("hidden")
	straight.config += ".straight"
	straight.run("cluster", "config", "hidden", "--file", straight.config, "--server", "https://"+hidden.Masters[0]+":6443")
	c.run("cluster", "config", "hidden", "--file", c.config, "--server", "https://"+door, "--force") // there is no DNS here
	t.Logf("kubectl get --raw /healthz takes %v straight, %v through the service", straight.healthz(), c.healthz())

	s.wall(hidden.Masters[0])
	if out, err := straight.tryKubectl("", "get", "nodes", "--request-timeout=2s"); err == nil {
		t.Fatalf("the wall lets the straight way through:\n%s", out)
	}
	if err := c.hasReady(2); err != nil {
		t.Error(err)
	}
	t.Run("logs and exec pass", c.hears)
	s.eventually(time.Minute, "the monitor finds it healthy", func() error {
		if err := s.read(&hidden, "cluster", "show", "hidden"); err != nil || hidden.Health != "HEALTHY" {
			return fmt.Errorf("it is %q: %v", hidden.Health, err)
		}
		return nil
	})

	s.stop()
	s.serve(flags...)
	s.eventually(time.Minute, "kubectl comes through a service that was away", func() error { return c.hasReady(2) })
	s.run("cluster", "resize", "hidden", "0", "--wait")
	if steps := s.run("cluster", "operations", "hidden"); !strings.Contains(steps, "drain hidden-worker-0") {
		t.Errorf("the journal tells of no drain:\n%s", steps)
	}
	if err := c.hasReady(1); err != nil {
		t.Error(err)
	}
	s.run("cluster", "delete", "hidden", "--wait")
}

// TestATunnelThroughAnotherServer has users call the server whom no agent has
// called.
func TestATunnelThroughAnotherServer(t *testing.T) {
	var doors []string
	f := startFleet(t, 2, func() []string {
		gateway, door := port.Address(t), port.Address(t)
		doors = append(doors, door)
		return []string{"JEROBOAM_GATEWAY_LISTEN=" + gateway, "JEROBOAM_GATEWAY_PEER_URL=https://" + gateway,
			"JEROBOAM_API_LISTEN=" + door, "JEROBOAM_API_DOMAIN=clusters.test:443"}
	})
	asked := f.servers[1]
	asked.template()
	asked.run("cluster", "create", "hidden", "--template", "kubernetes", "--nodes", "0", "--label", "api_access=tunnel", "--merge-labels", "--wait")
	var hidden shown
	if err := asked.read(&hidden, "cluster", "show", "hidden"); err != nil {
		t.Fatal(err)
	}
	asked.wall(hidden.Masters[0])
	c := asked.open("hidden")
	for i, door := range doors {
		asked.run("cluster", "config", "hidden", "--file", c.config, "--server", "https://"+door, "--force")
		if err := c.hasReady(1); err != nil {
			t.Errorf("through server %d: %v", i, err)
		}
	}
	asked.run("cluster", "resize", "hidden", "1", "--wait")
	asked.run("cluster", "delete", "hidden", "--wait")
}

// healthz is the median of how long kubectl takes to ask for /healthz.
func (c cluster) healthz() time.Duration {
	c.t.Helper()
	var took []time.Duration
	for range 11 {
		began := time.Now()
		c.kubectl("get", "--raw", "/healthz")
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2].Round(time.Millisecond / 10)
}

// wall keeps this host from the port of an API until the test ends.
func (s *service) wall(address string) {
	s.t.Helper()
	table := "jeroboam-wall-" + instance(s.state)
	rules := fmt.Sprintf("table ip %s { chain output { type filter hook output priority 0; ip daddr %s tcp dport 6443 drop; }; }", table, address)
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("nft: %v\n%s", err, out)
	}
	s.t.Cleanup(func() {
		if out, err := exec.Command("nft", "delete", "table", "ip", table).CombinedOutput(); err != nil {
			s.t.Errorf("nft: %v\n%s", err, out)
		}
	})
}

// hears has a pod speak and listen.
func (c cluster) hears(t *testing.T) {
	c.apply(c.toolbox("toolbox", "hidden-worker-0"))
	c.kubectl("wait", "--for=condition=Ready", "pod/toolbox", "--timeout=2m")
	c.tells("toolbox")
	much := strings.Repeat("a line of what is sent both ways\n", 100_000)
	out, err := c.tryKubectl(much, "exec", "-i", "toolbox", "--", "cat")
	if err != nil || out != much {
		t.Errorf("of %d bytes %d come back: %v", len(much), len(out), err)
	}
}
