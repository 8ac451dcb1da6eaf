package agent_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/agent"
	"github.com/jeroboam-cloud/jeroboam/node/gateway/gatewaytest"
)

// room is a shell that makes the smallest of machines around the agent: its
// own processes and its own /proc, /var and /etc. $1 is the world's directory,
// $2 the agent.
const room = `set -e
mount --make-rprivate /
mount -t proc proc /proc
mkdir -p "$1/var" "$1/etc/jeroboam" "$1/opt"
cp "$1/user-data.json" "$1/etc/jeroboam/user-data.json"
mount --bind "$1/var" /var
mount --bind "$1/etc" /etc
mount --bind "$1/opt" /opt
exec "$2"`

// TestTheFirstProcessOfAMachine runs the agent's own binary as process 1, and
// prints what it costs.
func TestTheFirstProcessOfAMachine(t *testing.T) {
	if os.Getenv("JEROBOAM_TEST_REAL") == "" || os.Getuid() != 0 {
		t.Skip("it makes namespaces: set JEROBOAM_TEST_REAL=1 and be root")
	}
	w := newWorld(t)
	binary := filepath.Join(t.TempDir(), "jeroboam-agent")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "github.com/jeroboam-cloud/jeroboam/cmd/jeroboam-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	text, err := build.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	stat, err := os.Stat(binary)
	must(t, err)
	certificate := func(name string) node.Certificate {
		return node.Certificate{Name: name, CommonName: name, CertPath: "/etc/pki/" + name + ".crt", KeyPath: "/etc/pki/" + name + ".key"}
	}
	config := node.Config{
		Certificates: []node.Certificate{certificate("a"), certificate("b"), certificate("c"), certificate("d")},
		Services: []node.Service{
			{Name: "one", Command: []string{"sh", "-c", "echo $$ >>" + w.path("one.pids") + "; exec sleep 1000"}},
			{Name: "two", After: []string{"one"}, Command: []string{"sh", "-c", "echo $$ >>" + w.path("two.pids") + "; exec sleep 1000"}},
		},
		// Its grandchild outlives it and becomes process 1's to reap.
		Tasks: []node.Task{{Name: "orphan", Command: []string{"sh", "-c", "setsid sleep 0.2 & exit 0"}}},
	}
	w.SetConfig(machine, config)
	start := time.Now()
	first := w.machine(binary)
	m := w.inForce(config)
	t.Logf("binary %.1f MiB; from the start of the agent to a config of 4 certificates in force: %v", float64(stat.Size())/(1<<20), time.Since(start))
	if m.Report.Cause != nil {
		t.Errorf("cause: %+v", m.Report.Cause)
	}
	pid := child(t, first.Process.Pid)
	eventually(t, "orphans are reaped", func() bool { return zombies(t, pid) == 0 && len(children(t, pid)) == 2 })
	idle(t, pid)

	// The power goes: everything dies with process 1, and comes back.
	must(t, syscall.Kill(atoi(t, pid), syscall.SIGKILL))
	first.Wait()
	w.await(func(m gatewaytest.Machine) bool { return !m.Connected })
	w.stop()
	start = time.Now()
	second := w.machine(binary)
	eventually(t, "it boots without the service", func() bool { return len(w.lines("two.pids")) == 2 })
	t.Logf("from power on to the last service started, without the service: %v", time.Since(start))
	w.serve()
	m = w.await(func(m gatewaytest.Machine) bool { return m.Connected && m.Report.Config == config.Digest() })
	if len(m.Signed) != 4 || m.Hellos[len(m.Hellos)-1].Boot == m.Hellos[0].Boot {
		t.Errorf("signed %v, hellos %+v", m.Signed, m.Hellos)
	}
	start = time.Now()
	must(t, syscall.Kill(atoi(t, child(t, second.Process.Pid)), syscall.SIGTERM))
	if err := second.Wait(); err != nil {
		t.Errorf("power off: %v", err)
	}
	t.Logf("power off: %v", time.Since(start))
}

// machine starts the agent as process 1 of its namespaces.
func (w *world) machine(binary string) *exec.Cmd {
	w.t.Helper()
	command := exec.Command("unshare", "--pid", "--mount", "--uts", "--fork", "--kill-child", "sh", "-c", room, "room", w.dir, binary)
	log, err := os.OpenFile(w.path("console"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	must(w.t, err)
	defer log.Close()
	command.Stdout, command.Stderr = log, log
	must(w.t, command.Start())
	w.t.Cleanup(func() {
		command.Process.Kill()
		command.Wait()
		if w.t.Failed() {
			w.t.Logf("console:\n%s", w.read("console"))
		}
	})
	return command
}

// idle prints memory and, over some seconds, processor time.
func idle(t *testing.T, pid string) {
	t.Helper()
	status, err := os.ReadFile("/proc/" + pid + "/status")
	must(t, err)
	before := ticks(t, pid)
	const span = 5 * time.Second
	<-time.After(span)
	used := ticks(t, pid) - before
	t.Logf("%s; idle: %d ms of processor in %v", regexp.MustCompile(`VmRSS:\s+\d+ kB`).FindString(string(status)), used*10, span)
	if used > 5 {
		t.Errorf("the idle agent is busy: %d ms in %v", used*10, span)
	}
}

// ticks is the processor time of a process in hundredths of a second.
func ticks(t *testing.T, pid string) int {
	t.Helper()
	data, err := os.ReadFile("/proc/" + pid + "/stat")
	must(t, err)
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	return atoi(t, fields[11]) + atoi(t, fields[12])
}

func children(t *testing.T, pid string) []string {
	t.Helper()
	var all []string
	tasks, err := filepath.Glob("/proc/" + pid + "/task/*/children")
	must(t, err)
	for _, path := range tasks {
		data, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // the thread has ended, and its children are another's
		}
		must(t, err)
		all = append(all, strings.Fields(string(data))...)
	}
	return all
}

func child(t *testing.T, pid int) string {
	t.Helper()
	found := children(t, strconv.Itoa(pid))
	if len(found) != 1 {
		t.Fatalf("children of %d: %v", pid, found)
	}
	return found[0]
}

func zombies(t *testing.T, pid string) (n int) {
	t.Helper()
	for _, c := range children(t, pid) {
		if !alive(c) {
			n++
		}
	}
	return n
}

// TestADiskIsGivenAFileSystemOnceAndMountedAtEveryBoot has a file stand for the
// volume, on a loop device, of which only the serial number is made up.
func TestADiskIsGivenAFileSystemOnceAndMountedAtEveryBoot(t *testing.T) {
	if os.Getenv("JEROBOAM_TEST_REAL") == "" || os.Getuid() != 0 {
		t.Skip("it mounts: set JEROBOAM_TEST_REAL=1 and be root")
	}
	const serial = "2f9a1c4e-77aa-4a83-9b5e-0d6f1f0a9c11"
	w := newWorld(t)
	must(t, os.WriteFile(w.path("volume"), nil, 0o600))
	must(t, os.Truncate(w.path("volume"), 64<<20))
	attach := func() (sys string, detach func()) {
		out, err := exec.Command("losetup", "--find", "--show", w.path("volume")).Output()
		if err != nil {
			t.Skipf("this host gives no loop device: %v", err)
		}
		device := strings.TrimSpace(string(out))
		sys = t.TempDir()
		must(t, os.MkdirAll(filepath.Join(sys, "block", filepath.Base(device)), 0o755))
		must(t, os.WriteFile(filepath.Join(sys, "block", filepath.Base(device), "serial"), []byte(serial[:20]), 0o644))
		detach = sync.OnceFunc(func() {
			if err := syscall.Unmount(w.path("data"), 0); err != nil {
				t.Errorf("unmount: %v", err)
			}
			if text, err := exec.Command("losetup", "--detach", device).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, text)
			}
		})
		t.Cleanup(detach)
		return sys, detach
	}
	keeper := node.Service{Name: "keeper", Command: []string{"sh", "-c", "echo boot >>" + w.path("data/boots") + "; exec sleep 1000"}}
	config := node.Config{
		Disks:       []node.Disk{{Serial: serial, Mount: w.path("data")}},
		Directories: []node.Directory{{Path: w.path("data"), Mode: 0o700}},
		Services:    []node.Service{keeper},
	}
	w.SetConfig(machine, config)
	for boots := range 2 {
		sys, detach := attach()
		off := w.boot(func(o *agent.Options) { o.SysDir = sys })
		w.inForce(config)
		eventually(t, "the service writes to the disk", func() bool { return len(w.lines("data/boots")) == boots+1 })
		if stat, err := os.Stat(w.path("data")); err != nil || stat.Mode().Perm() != 0o700 {
			t.Errorf("the directory is %v (%v)", stat.Mode(), err)
		}
		other := config
		other.Services = append(other.Services, w.sleeper("another"+strconv.Itoa(boots)))
		w.SetConfig(machine, other) // applied again, with the disk in use
		w.inForce(other)
		off()
		detach()
		if w.lines("data/boots") != nil {
			t.Error("the service wrote beside the disk")
		}
		w.SetConfig(machine, config)
	}
}
