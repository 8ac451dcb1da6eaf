package local

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/cloudtest"
)

// onlyReal skips a test that makes machines of the kernel's, unless asked for.
func onlyReal(t *testing.T) {
	t.Helper()
	if os.Getenv("JEROBOAM_TEST_REAL") == "" {
		t.Skip("makes real machines as root: set JEROBOAM_TEST_REAL=1")
	}
}

// options of a local cloud whose machines run this test's binary. All is torn
// down when the test ends.
func options(t *testing.T) Options {
	t.Helper()
	onlyReal(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	o := Options{
		State: filepath.Join(dir, "state"), AgentPath: self, SelfPath: self,
		GatewayDir: filepath.Join(dir, "gateway"), BundleDir: filepath.Join(dir, "bundles"),
	}
	for _, path := range []string{o.GatewayDir, o.BundleDir} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := Teardown(ctx, o.State); err != nil {
			t.Errorf("teardown: %v", err)
		}
	})
	return o
}

func open(t *testing.T, o Options) *Local {
	t.Helper()
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLocalIsACloud(t *testing.T) {
	onlyReal(t)
	cloudtest.Run(t, func(t *testing.T) cloudtest.Harness {
		o := options(t)
		return cloudtest.Harness{
			Open:   func() cloud.Cloud { return open(t, o) },
			Stop:   func(m cloud.Machine) { kill(t, open(t, o), m) },
			Flavor: "m1.small", Image: "host",
			Full: &cloud.Demand{Machines: []jeroboam.Flavor{{Name: "huge", VCPUs: 1, MemoryMB: 1 << 30}}},
		}
	})
}

// kill kills the first process of a machine, as a crash would.
func kill(t *testing.T, l *Local, m cloud.Machine) {
	t.Helper()
	scopes, err := l.Clusters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, scope := range scopes {
		if err := l.processOf(l.machineDir(scope.Cluster, m.ID)).Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// boot makes a cluster's network and n machines named NAME-0, ….
func boot(t *testing.T, l *Local, name string, n int) (cloud.Scope, []cloud.Machine) {
	t.Helper()
	scope := cloud.Scope{Cluster: uuid.NewString(), Project: "project", Name: name}
	network, err := l.EnsureNetwork(t.Context(), scope, cloud.NetworkSpec{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	var machines []cloud.Machine
	for i := range n {
		machine, err := l.EnsureMachine(t.Context(), scope, cloud.MachineSpec{
			ID: uuid.NewString(), Name: fmt.Sprintf("%s-%d", name, i), Role: jeroboam.RoleWorker, Network: network,
			Flavor:   jeroboam.Flavor{Name: "test", VCPUs: 1, MemoryMB: 512},
			UserData: func() ([]byte, error) { return []byte(`{"token":"once"}`), nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		machines = append(machines, machine)
	}
	return scope, machines
}

// tell has a machine's stand-in do something and returns its answer.
func tell(t *testing.T, m cloud.Machine, format string, args ...any) string {
	t.Helper()
	var conn net.Conn
	var err error
	for deadline := time.Now().Add(10 * time.Second); conn == nil; { // until it listens
		if conn, err = net.Dial("tcp", net.JoinHostPort(m.Address, standInPort)); err != nil && time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	defer conn.Close()
	fmt.Fprintf(conn, format+"\n", args...)
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatalf("%s: %v", fmt.Sprintf(format, args...), err)
	}
	answer, err := strconv.Unquote(line[:len(line)-1])
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return answer
}

func TestAMachineIsAMachine(t *testing.T) {
	l := open(t, options(t))
	begin := time.Now()
	_, machines := boot(t, l, "demo", 1)
	t.Logf("network and machine after %v", time.Since(begin))
	m := machines[0]
	for _, q := range []string{"hostname", "pid", "read /proc/meminfo", "read /etc/hosts", "read /etc/resolv.conf", "list /", "list /dev", "list /sys/fs/cgroup",
		"list /root", "list /var/lib", "list /etc/jeroboam", "read /proc/self/mountinfo", "read /proc/1/cgroup", "list /proc", "run /usr/sbin/ip a", "run /usr/sbin/ip r"} {
		t.Logf("%s:\n%s", q, tell(t, m, "%s", q))
	}
}
