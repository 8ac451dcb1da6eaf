package local

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/cloudtest"
	"github.com/jeroboam-cloud/jeroboam/cloud/local/internal/inside"
)

// patience is how long a test waits for what must happen, on a busy machine too.
const patience = time.Minute

// onlyReal skips a test that makes machines of the kernel's, unless asked for.
func onlyReal(t *testing.T) {
	t.Helper()
	if os.Getenv("JEROBOAM_TEST_REAL") == "" {
		t.Skip("makes real machines as root: set JEROBOAM_TEST_REAL=1")
	}
}

// options of a local cloud whose machines run this test's binary. All is torn
// down when the test ends, and nothing may be left.
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
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := Teardown(ctx, o.State); err != nil {
			t.Errorf("teardown: %v", err)
		}
		same(t, traces(t, o.State), []string{})
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

// traces lists all that an instance has on the host: devices, packet filters,
// mounts, control groups, processes and files.
func traces(t *testing.T, state string) []string {
	t.Helper()
	l := &Local{instance: instanceOf(state), dir: filepath.Join(state, "local")}
	var found []string
	links, err := l.taggedLinks()
	must(t, err)
	for _, names := range links {
		found = append(found, names...)
	}
	for _, command := range [][]string{{"nft", "list", "ruleset"}, {"cat", "/proc/self/mountinfo"}, {"ps", "-eo", "pid,args"}} {
		output, err := exec.Command(command[0], command[1:]...).Output()
		must(t, err)
		for line := range strings.SplitSeq(string(output), "\n") {
			if strings.Contains(line, l.instance) || strings.Contains(line, state) {
				found = append(found, line)
			}
		}
	}
	must(t, filepath.WalkDir("/sys/fs/cgroup", func(path string, _ fs.DirEntry, _ error) error {
		if strings.Contains(path, l.instance) {
			found = append(found, path)
		}
		return nil
	}))
	if _, err := os.Stat(l.dir); err == nil {
		found = append(found, l.dir)
	}
	return found
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Errorf("got  %s\nwant %s", g, w)
	}
}

func TestLocalIsACloud(t *testing.T) {
	onlyReal(t)
	cloudtest.Run(t, func(t *testing.T) cloudtest.Harness {
		o := options(t)
		return cloudtest.Harness{
			Open:   func() cloud.Cloud { return open(t, o) },
			Stop:   func(m cloud.Machine) { kill(t, open(t, o), m) },
			Flavor: "m1.small", Image: "host",
			Full: &cloud.Demand{Machines: []cloud.MachineSpec{{Flavor: jeroboam.Flavor{Name: "huge", VCPUs: 1, MemoryMB: 1 << 30}}}},
		}
	})
}

// kill kills the first process of a machine, as a crash would.
func kill(t *testing.T, l *Local, m cloud.Machine) {
	t.Helper()
	scopes, err := l.Clusters(t.Context())
	must(t, err)
	for _, scope := range scopes {
		must(t, l.processOf(l.dirOf(machineKind, scope.Cluster, m.ID)).Kill(t.Context()))
	}
}

func spec(network cloud.Network, name string) cloud.MachineSpec {
	return cloud.MachineSpec{
		ID: uuid.NewString(), Name: name, Role: jeroboam.RoleWorker, Network: network,
		Flavor:   jeroboam.Flavor{Name: "test", VCPUs: 1, MemoryMB: 256},
		UserData: func() ([]byte, error) { return []byte(`{"token":"once"}`), nil },
	}
}

// boot makes a cluster's network and n machines named NAME-0, ….
func boot(t *testing.T, l *Local, name string, n int) (cloud.Scope, []cloud.Machine) {
	t.Helper()
	scope := cloud.Scope{Cluster: uuid.NewString(), Project: "project", Name: name}
	network, err := l.EnsureNetwork(t.Context(), scope, cloud.NetworkSpec{Name: name})
	must(t, err)
	var machines []cloud.Machine
	for i := range n {
		begin := time.Now()
		machine, err := l.EnsureMachine(t.Context(), scope, spec(network, fmt.Sprintf("%s-%d", name, i)))
		must(t, err)
		t.Logf("%s after %v", machine.Name, time.Since(begin))
		machines = append(machines, machine)
	}
	return scope, machines
}

// ask sends a line to an address and returns the line that comes back.
func ask(address, line string) (string, error) {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	fmt.Fprintln(conn, line)
	answer, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSuffix(answer, "\n"), err
}

// tell has a machine's stand-in do something and returns its answer.
func tell(t *testing.T, m cloud.Machine, format string, args ...any) string {
	t.Helper()
	line := fmt.Sprintf(format, args...)
	for deadline := time.Now().Add(patience); ; { // until it listens
		answer, err := ask(net.JoinHostPort(m.Address, standInPort), line)
		if err == nil {
			text, err := strconv.Unquote(answer)
			must(t, err)
			return text
		}
		if !errors.Is(err, unix.ECONNREFUSED) || time.Now().After(deadline) {
			t.Fatalf("%s: %s: %v", m.Name, line, err)
		}
	}
}

func TestAMachineHasItsOwnIdentityAndSize(t *testing.T) {
	l := open(t, options(t))
	scope, machines := boot(t, l, "demo", 1)
	m := machines[0]
	online := l.groups.Online(l.groupOf(machineKind, scope.Cluster, m.ID), 1)
	plain := strings.ReplaceAll(m.ID, "-", "")
	for _, c := range []struct{ question, want string }{
		{"hostname", "demo-0"},
		{"pid", "1"},
		{"read /etc/machine-id", plain + "\n"},
		{"read /etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n" + m.Address + " demo-0\n"},
		{"read /etc/jeroboam/user-data.json", `{"token":"once"}`},
		{"run /usr/bin/stat -c %a /etc/jeroboam/user-data.json", "exit status 0\n600"},
		{"read /sys/devices/system/cpu/online", online + "\n"},
		{"run /usr/bin/head -1 /proc/meminfo", "exit status 0\nMemTotal:         262144 kB"},
		{"read /proc/sys/vm/overcommit_memory", "1\n"},
		{"read /proc/sys/kernel/panic", "10\n"},
		{"list /root", ""},
		{"list /home", ""},
		{"list /var/lib/kubelet", ""},
		{"list /etc/cni", ""},
		{"list /run", "jeroboam lock"},
		{"list " + l.options.State, "error: open " + l.options.State + ": no such file or directory"},
		{"run /bin/sh -c echo>/proc/meminfo", "exit status 2\n/bin/sh: 1: cannot create /proc/meminfo: Read-only file system"},
		{"run /usr/bin/findmnt -no PROPAGATION /", "exit status 0\nshared"},
	} {
		if got := tell(t, m, "%s", c.question); got != c.want {
			t.Errorf("%s: got %q, want %q", c.question, got, c.want)
		}
	}
}

func TestAMachineInheritsNoOpenFile(t *testing.T) {
	l := open(t, options(t))
	var ends [2]int
	must(t, unix.Pipe(ends[:])) // as a shell leaves them open for what it starts
	defer unix.Close(ends[0])
	defer unix.Close(ends[1])
	pipe, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", ends[1]))
	must(t, err)
	scope, machines := boot(t, l, "files", 1)
	files := tell(t, machines[0], "run /bin/ls -l /proc/1/fd")
	_, err = l.EnsureBalancer(t.Context(), scope, cloud.BalancerSpec{Name: "api", Port: 7000})
	must(t, err)
	id := l.processOf(l.dirOf(balancerKind, scope.Cluster, "api"))
	output, err := exec.Command("ls", "-l", fmt.Sprintf("/proc/%d/fd", id.PID)).Output()
	must(t, err)
	for _, listing := range []string{files, string(output)} {
		if !strings.Contains(listing, inside.ConsoleFile) || strings.Contains(listing, pipe) || strings.Contains(listing, launchLock) {
			t.Errorf("open are, beside %s:\n%s", pipe, listing)
		}
	}
}

func TestADiskOutlivesItsMachinesProcesses(t *testing.T) {
	l := open(t, options(t))
	scope, machines := boot(t, l, "disk", 1)
	m := machines[0]
	for _, path := range []string{"/etc/kept", "/var/lib/kubelet/kept", "/work"} {
		same(t, tell(t, m, "write %s", path), "")
	}
	kill(t, l, m)
	again, err := l.EnsureMachine(t.Context(), scope, cloud.MachineSpec{ID: m.ID, Name: m.Name})
	must(t, err)
	same(t, again, m)
	for _, path := range []string{"/etc/kept", "/var/lib/kubelet/kept", "/work"} {
		same(t, tell(t, m, "read %s", path), "written")
	}
}

func TestClustersCannotReachEachOther(t *testing.T) {
	mine, other := open(t, options(t)), open(t, options(t)) // two services on one host
	one, ones := boot(t, mine, "one", 2)
	two, twos := boot(t, mine, "two", 1)
	_, threes := boot(t, other, "three", 1)
	for _, scope := range []cloud.Scope{one, two} {
		_, err := mine.EnsureBalancer(t.Context(), scope, cloud.BalancerSpec{Name: "api", Port: 7001, Backends: []string{ones[0].Address}})
		must(t, err)
	}
	port := func(address string) string { return net.JoinHostPort(address, standInPort) }
	gateway := func(m cloud.Machine) string { return m.Address[:strings.LastIndex(m.Address, ".")] + ".1" }
	listener, err := net.Listen("tcp", ":0") // on every address of the host
	must(t, err)
	defer listener.Close()
	hostPort := func(m cloud.Machine) string {
		return net.JoinHostPort(gateway(m), strconv.Itoa(listener.Addr().(*net.TCPAddr).Port))
	}
	for _, c := range []struct {
		name    string
		from    cloud.Machine
		to      string
		reaches bool
	}{
		{"a machine of its own cluster", ones[0], port(ones[1].Address), true},
		{"the host by its own bridge", ones[0], hostPort(ones[0]), true},
		{"a machine of another cluster", ones[0], port(twos[0].Address), false},
		{"and back", twos[0], port(ones[0].Address), false},
		{"the host by another cluster's bridge", ones[0], hostPort(twos[0]), false},
		{"another cluster's balancer", ones[0], strings.TrimSuffix(gateway(twos[0]), "1") + "2:7001", false},
		{"a machine of another service", ones[0], port(threes[0].Address), false},
		{"a machine of another service, back", threes[0], port(ones[0].Address), false},
		{"the host by another service's bridge", threes[0], hostPort(ones[0]), false},
	} {
		if got := tell(t, c.from, "dial %s", c.to); (got == "connected") != c.reaches {
			t.Errorf("%s reaches %s (%s): %s, want %v", c.from.Name, c.name, c.to, got, c.reaches)
		}
	}
}

func TestAMachineHasNoMoreThanItsFlavor(t *testing.T) {
	l := open(t, options(t))
	_, machines := boot(t, l, "limits", 1)
	same(t, tell(t, machines[0], "run %s use 400", inside.AgentPath), "signal: killed")
	same(t, tell(t, machines[0], "hostname"), "limits-0") // the machine itself lives on
	same(t, tell(t, machines[0], "run %s use 50", inside.AgentPath), "exit status 0")
}

func TestTeardownNeedsNoReadableRecord(t *testing.T) {
	o := options(t)
	l := open(t, o)
	scope, machines := boot(t, l, "damaged", 2)
	_, err := l.EnsureBalancer(t.Context(), scope, cloud.BalancerSpec{Name: "api", Port: 7000})
	must(t, err)
	if len(traces(t, o.State)) == 0 {
		t.Error("a running cluster has no traces: this test sees nothing")
	}
	must(t, os.WriteFile(l.networkFile(scope.Cluster), []byte("{"), 0o600))
	must(t, os.WriteFile(l.recordOf(machineKind, scope.Cluster, machines[0].ID), []byte("no JSON"), 0o600))
	must(t, os.RemoveAll(l.dirOf(machineKind, scope.Cluster, machines[1].ID)))
	begin := time.Now()
	must(t, Teardown(t.Context(), o.State))
	t.Logf("torn down after %v", time.Since(begin))
	same(t, traces(t, o.State), []string{})
}

func TestABalancerPassesOverADeadBackend(t *testing.T) {
	o := options(t)
	l := open(t, o)
	scope, machines := boot(t, l, "api", 3)
	balancerSpec := cloud.BalancerSpec{Name: "api", Port: 7000}
	for _, m := range machines {
		tell(t, m, "hostname") // it listens
		balancerSpec.Backends = append(balancerSpec.Backends, m.Address)
	}
	b, err := l.EnsureBalancer(t.Context(), scope, balancerSpec)
	must(t, err)
	answers := func() []string {
		var names []string
		for range 12 {
			name, err := ask(net.JoinHostPort(b.Address, standInPort), "hostname")
			if err != nil {
				name = err.Error() // a connection to a backend that is just taken away is cut
			}
			names = append(names, name)
		}
		slices.Sort(names)
		return slices.Compact(names)
	}
	same(t, answers(), []string{`"api-0"`, `"api-1"`, `"api-2"`})
	kill(t, l, machines[1])
	for { // until its kernel side is gone too: what it still accepts, it does not answer
		c, err := net.DialTimeout("tcp", net.JoinHostPort(machines[1].Address, standInPort), time.Second)
		if err != nil {
			break
		}
		c.Close()
	}
	same(t, answers(), []string{`"api-0"`, `"api-2"`})
	// A service that starts again finds it running, and what it is told counts at once.
	balancerSpec.Backends = []string{machines[2].Address}
	_, err = open(t, o).EnsureBalancer(t.Context(), scope, balancerSpec)
	must(t, err)
	for deadline := time.Now().Add(patience); !slices.Equal(answers(), []string{`"api-2"`}); {
		if time.Now().After(deadline) {
			t.Fatalf("the balancer still uses %v", answers())
		}
	}
}

func TestABalancerThatDiesIsStartedAgain(t *testing.T) {
	l := open(t, options(t))
	scope, machines := boot(t, l, "revived", 1)
	tell(t, machines[0], "hostname") // it listens
	b, err := l.EnsureBalancer(t.Context(), scope, cloud.BalancerSpec{Name: "api", Port: 7000, Backends: []string{machines[0].Address}})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	stopped := l.Watch(ctx)
	must(t, l.processOf(l.dirOf(balancerKind, scope.Cluster, "api")).Kill(ctx))
	for deadline := time.Now().Add(patience); ; {
		name, err := ask(net.JoinHostPort(b.Address, standInPort), "hostname")
		if err == nil {
			same(t, name, `"revived-0"`)
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	cancel()
	for cluster := range stopped {
		t.Errorf("the watcher told of %s, which has lost no machine", cluster)
	}
}

func TestDeletingThreeMachinesIsQuick(t *testing.T) {
	l := open(t, options(t))
	scope, machines := boot(t, l, "quick", 3)
	begin := time.Now()
	for _, m := range machines {
		must(t, l.Delete(t.Context(), scope, cloud.Object{Kind: jeroboam.KindMachine, Name: m.Name, ID: m.ID}))
	}
	took := time.Since(begin)
	t.Logf("deleted after %v", took)
	if took > 10*time.Second { // nobody waits until those end by themselves who do not want to
		t.Errorf("deleting took %v", took)
	}
}
