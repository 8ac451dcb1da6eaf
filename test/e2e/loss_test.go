package e2e

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestControlPlaneLosesANode kills one of three control-plane machines, power
// cut and all, and wants the API to go on answering and the machine to return.
func TestControlPlaneLosesANode(t *testing.T) {
	s := start(t)
	s.template()
	s.run("cluster", "create", "ha", "--template", "kubernetes", "--masters", "3", "--nodes", "1", "--master-lb", "--wait")
	c := s.open("ha")
	if err := c.hasReady(4); err != nil {
		t.Fatal(err)
	}
	c.kubectl("create", "configmap", "before", "--from-literal=a=b")

	powerOff(t, s.machine("ha", "ha-master-1"))
	for i := range 20 {
		c.eventually(20*time.Second, "the API answers while a control-plane node is down", func() error {
			_, err := c.tryKubectl("", "get", "--raw", "/readyz", "--request-timeout=2s")
			return err
		})
		// A request that was under way to the lost node is the client's to repeat.
		c.eventually(20*time.Second, "the API takes a write while a control-plane node is down", func() error {
			manifest := fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: during-%d}, data: {a: b}}", i)
			_, err := c.tryKubectl(manifest, "apply", "--request-timeout=2s", "-f", "-")
			return err
		})
	}
	c.eventually(2*time.Minute, "the machine is back", func() error {
		out, err := c.tryKubectl("", "get", "--raw", "/readyz/etcd")
		if err != nil {
			return fmt.Errorf("%w %s", err, out)
		}
		return c.hasReady(4)
	})
	s.run("cluster", "delete", "ha", "--wait")
}

// TestKubeletAndAgentAreKilled wants both back within seconds.
func TestKubeletAndAgentAreKilled(t *testing.T) {
	s := start(t)
	s.template()
	s.run("cluster", "create", "hard", "--template", "kubernetes", "--nodes", "1", "--wait")
	c := s.open("hard")
	worker := s.machine("hard", "hard-worker-0")

	kubelet := within(t, worker, "kubelet")
	began := time.Now()
	if err := syscall.Kill(kubelet, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c.eventually(time.Minute, "another kubelet runs", func() error {
		pid, err := findWithin(worker, "kubelet")
		if err == nil && pid == kubelet {
			err = errNotYet
		}
		return err
	})
	t.Logf("kubelet back after %v", time.Since(began).Round(time.Millisecond))

	began = time.Now()
	powerOff(t, worker)
	c.eventually(2*time.Minute, "another agent runs and its node is Ready", func() error {
		again, err := s.findMachine("hard", "hard-worker-0")
		if err == nil && again.init == worker.init {
			err = errNotYet // the kernel has not ended it yet
		}
		if err != nil {
			return err
		}
		if _, err := findWithin(again, "kubelet"); err != nil {
			return err
		}
		return c.hasReady(2)
	})
	t.Logf("agent and node back after %v", time.Since(began).Round(time.Millisecond))
	s.run("cluster", "delete", "hard", "--wait")
}

// TestProjectsAreApart runs the clusters of two projects side by side: neither
// project sees the other's cluster, no machine reaches the other's machines.
func TestProjectsAreApart(t *testing.T) {
	s := start(t)
	s.run("template", "create", "kubernetes", "--coe", "kubernetes", "--image", "host", "--flavor", "m1.medium", "--master-flavor", "m1.medium", "--public")
	theirs := filepath.Join(s.state, "other")
	s.letIn("other", "member", theirs)
	s.run("cluster", "create", "one", "--template", "kubernetes", "--nodes", "1")
	if out, err := output(s.commandOf(theirs, "cluster", "create", "two", "--template", "kubernetes", "--nodes", "1", "--wait")); err != nil {
		t.Fatalf("the other project's create: %v %s", err, out)
	}
	s.run("cluster", "watch", "one")
	if out, err := output(s.commandOf(theirs, "cluster", "show", "one")); err == nil {
		t.Errorf("the other project sees the first one's cluster:\n%s", out)
	}
	one, two := s.machine("one", "one-worker-0"), s.machine("two", "two-master-0")

	if err := dialFrom(one, s.apiAddress("one")); err != nil {
		t.Errorf("a machine cannot reach its own API: %v", err)
	}
	for _, to := range []string{s.apiAddress("two"), net.JoinHostPort(two.Address, "10250")} {
		if err := dialFrom(one, to); err == nil {
			t.Errorf("a machine of one cluster reaches %s of another", to)
		}
	}
	if err := dialFrom(one, s.listen); err == nil {
		t.Errorf("a machine reaches the service's API at %s", s.listen)
	}
	s.run("cluster", "delete", "one", "--wait")
	if out, err := output(s.commandOf(theirs, "cluster", "config", "two", "--file", filepath.Join(theirs, "two.kubeconfig"))); err != nil {
		t.Fatalf("the other project's kubeconfig: %v %s", err, out)
	}
	config := filepath.Join(theirs, "two.kubeconfig")
	if err := (cluster{service: s, name: "two", config: config}).hasReady(2); err != nil {
		t.Errorf("deleting one cluster hurt the other: %v", err)
	}
	if out, err := output(s.commandOf(theirs, "cluster", "delete", "two", "--wait")); err != nil {
		t.Errorf("the other project's delete: %v %s", err, out)
	}
}

// apiAddress is host:port of a cluster's API.
func (s *service) apiAddress(name string) string {
	s.t.Helper()
	var c struct {
		APIAddress string `json:"api_address"`
	}
	if err := s.read(&c, "cluster", "show", name); err != nil {
		s.t.Fatal(err)
	}
	u, err := url.Parse(c.APIAddress)
	if err != nil {
		s.t.Fatal(err)
	}
	return u.Host
}

// machine is what the service and the kernel say of one machine.
type machine struct {
	UUID    string `json:"uuid"`
	Name    string `json:"name"`
	Address string `json:"address"`
	init    int    // pid of its first process, on the host
}

func (s *service) machine(cluster, name string) machine {
	s.t.Helper()
	m, err := s.findMachine(cluster, name)
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

func (s *service) findMachine(cluster, name string) (machine, error) {
	var list struct {
		Machines []machine `json:"machines"`
	}
	if err := s.read(&list, "cluster", "machines", cluster); err != nil {
		return machine{}, err
	}
	for _, m := range list.Machines {
		if m.Name == name {
			var err error
			m.init, err = s.initOf(m)
			return m, err
		}
	}
	return machine{}, fmt.Errorf("cluster %s has no machine %s", cluster, name)
}

// initOf finds the first process of a machine by the host name it sees.
func (s *service) initOf(m machine) (int, error) {
	for _, entry := range names("/proc") {
		var pid int
		if _, err := fmt.Sscan(entry, &pid); err != nil {
			continue
		}
		if first(pid) && hostname(pid) == m.Name {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("no first process of %s runs", m.Name)
}

// first reports whether the process is number 1 of a pid namespace below ours.
func first(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	for _, line := range lines(status) {
		if ids, ok := strings.CutPrefix(line, "NSpid:"); ok {
			f := strings.Fields(ids)
			return len(f) > 1 && f[len(f)-1] == "1"
		}
	}
	return false
}

func hostname(pid int) string {
	out, _ := output(nsenter(pid, "--uts", "hostname"))
	return strings.TrimSpace(out)
}

func powerOff(t testing.TB, m machine) {
	t.Helper()
	if err := syscall.Kill(m.init, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// within is the host's pid of a program that runs in the machine.
func within(t testing.TB, m machine, program string) int {
	t.Helper()
	pid, err := findWithin(m, program)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func findWithin(m machine, program string) (int, error) {
	space, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", m.init))
	if err != nil {
		return 0, err
	}
	for _, entry := range names("/proc") {
		var pid int
		if _, err := fmt.Sscan(entry, &pid); err != nil {
			continue
		}
		command, _ := os.ReadFile("/proc/" + entry + "/cmdline")
		name, _, _ := strings.Cut(string(command), "\x00")
		if s, _ := os.Readlink("/proc/" + entry + "/ns/pid"); s == space && strings.HasSuffix(name, program) {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("no %s runs in %s", program, m.Name)
}

// dialFrom opens a TCP connection out of the machine's network.
func dialFrom(m machine, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	_, err = output(nsenter(m.init, "--net", "bash", "-c", fmt.Sprintf("exec timeout 2 bash -c 'exec 3<>/dev/tcp/%s/%s'", host, port)))
	return err
}
