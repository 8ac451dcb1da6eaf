package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
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
)

// host is what a service could leave behind on the machine it runs on.
type host struct {
	Interfaces []string
	Tables     []string // of nftables
	Mounts     []string
	Cgroups    []string
	Processes  []string // executables of ours, or living in our directories
	Namespaces []string // named network namespaces
}

// snapshot looks at everything that outlives a process. Processes are those
// whose executable or root lies under one of the directories.
func snapshot(t testing.TB, directories ...string) host {
	t.Helper()
	return host{
		Interfaces: interfaces(t),
		Tables:     tables(t),
		Mounts:     mounts(t, directories),
		Cgroups:    cgroups(),
		Processes:  processes(directories),
		Namespaces: names("/run/netns"),
	}
}

// minus lists what h has and before had not, each with the word for its kind.
func (h host) minus(before host) []string {
	var left []string
	add := func(kind string, now, then []string) {
		for _, x := range now {
			if !slices.Contains(then, x) {
				left = append(left, kind+" "+x)
			}
		}
	}
	add("interface", h.Interfaces, before.Interfaces)
	add("nftables table", h.Tables, before.Tables)
	add("mount", h.Mounts, before.Mounts)
	add("cgroup", h.Cgroups, before.Cgroups)
	add("process", h.Processes, before.Processes)
	add("network namespace", h.Namespaces, before.Namespaces)
	return left
}

// instance names what the local cloud makes for a state directory.
func instance(state string) string {
	sum := sha256.Sum256([]byte(state))
	return hex.EncodeToString(sum[:])[:8]
}

// settle waits for the kernel to finish what a kill began, then fails the test
// for whatever is still there. On a host where others make machines meanwhile,
// JEROBOAM_TEST_SHARED=1 looks only at what bears this service's name.
func settle(t testing.TB, before host, directories ...string) {
	t.Helper()
	mine := func(line string) bool {
		return slices.ContainsFunc(directories, func(d string) bool { return strings.Contains(line, d) || strings.Contains(line, instance(d)) })
	}
	var left []string
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		left = snapshot(t, directories...).minus(before)
		if os.Getenv("JEROBOAM_TEST_SHARED") != "" {
			left = slices.DeleteFunc(left, func(line string) bool { return !mine(line) })
		}
		if len(left) == 0 {
			return
		}
		pause(100 * time.Millisecond)
	}
	t.Errorf("left behind on the host:\n  %s", strings.Join(left, "\n  "))
}

func interfaces(t testing.TB) []string {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatalf("list interfaces: %v", err)
	}
	var out []string
	for _, i := range all {
		alias, _ := os.ReadFile(filepath.Join("/sys/class/net", i.Name, "ifalias")) // none, or gone
		out = append(out, strings.TrimSpace(i.Name+" "+string(alias)))
	}
	return out
}

func tables(t testing.TB) []string {
	t.Helper()
	out, err := exec.Command("nft", "list", "tables").Output()
	if err != nil {
		t.Fatalf("nft list tables: %v", err)
	}
	return lines(out)
}

func mounts(t testing.TB, directories []string) []string {
	t.Helper()
	data, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, line := range lines(data) {
		target := strings.Fields(line)[1]
		if under(target, append(directories, "/run/jeroboam", "/run/netns")) {
			out = append(out, target)
		}
	}
	return out
}

func cgroups() []string {
	var out []string
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || !strings.Contains(path, "/jeroboam") {
			return nil
		}
		out = append(out, path)
		if strings.HasPrefix(d.Name(), "machine-") {
			return fs.SkipDir // what is in it goes with it
		}
		return nil
	})
	return out
}

func processes(directories []string) []string {
	var out []string
	for _, entry := range names("/proc") {
		pid, err := strconv.Atoi(entry)
		if err != nil || pid == os.Getpid() {
			continue
		}
		exe, _ := os.Readlink(filepath.Join("/proc", entry, "exe"))
		line, _ := os.ReadFile(filepath.Join("/proc", entry, "cmdline"))
		command := string(bytes.ReplaceAll(line, []byte{0}, []byte(" ")))
		if under(exe, directories) || slices.ContainsFunc(directories, func(d string) bool { return strings.Contains(command, d+"/") }) {
			out = append(out, entry+" "+command)
		}
	}
	return out
}

func names(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func under(path string, directories []string) bool {
	return slices.ContainsFunc(directories, func(d string) bool { return path == d || strings.HasPrefix(path, d+"/") })
}

func lines(text []byte) []string {
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}

// pause is how a test of other processes waits between two looks.
func pause(d time.Duration) { <-time.After(d) }

// nsenter is a command inside namespaces of the process.
func nsenter(pid int, namespace string, command ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--target", strconv.Itoa(pid), namespace, "--"}, command...)...)
}
