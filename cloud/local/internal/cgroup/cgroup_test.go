package cgroup

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestHierarchiesAreReadFromMounts(t *testing.T) {
	for _, c := range []struct {
		name, line string
		want       Hierarchy
		version    int
	}{
		{"a controller of version 1", "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory",
			Hierarchy{"memory", "/sys/fs/cgroup/memory"}, 1},
		{"two controllers together", "35 31 0:32 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct",
			Hierarchy{"cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct"}, 1},
		{"systemd's own", "35 31 0:32 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/lib/systemd/systemd-cgroups-agent,name=systemd",
			Hierarchy{"name=systemd", "/sys/fs/cgroup/systemd"}, 1},
		{"version 2", "35 31 0:32 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate", Hierarchy{"", "/sys/fs/cgroup"}, 2},
		{"another file system", "35 31 0:32 / /tmp rw - tmpfs tmpfs rw", Hierarchy{}, 0},
		{"no mount at all", "nonsense", Hierarchy{}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, version := parseMount(c.line)
			if got != c.want || version != c.version {
				t.Errorf("got %+v, version %d", got, version)
			}
		})
	}
}

func TestLimitsBecomeFiles(t *testing.T) {
	limits := Limits{CPUs: 2, MemoryMB: 512, Pids: 100}
	one := func(names ...string) Tree {
		var tree Tree
		for _, name := range names {
			tree.Hierarchies = append(tree.Hierarchies, Hierarchy{Name: name})
		}
		return tree
	}
	for _, c := range []struct {
		name   string
		tree   Tree
		limits Limits
		want   string
	}{
		{"version 2", Tree{V2: true, Hierarchies: []Hierarchy{{}}}, limits, "[map[cpu.max:200000 100000 memory.max:536870912 pids.max:100]]"},
		{"version 1 pins, if it can", one("cpu,cpuacct", "cpuset", "memory", "pids"), limits,
			"[map[] map[] map[memory.limit_in_bytes:536870912] map[pids.max:100]]"},
		{"version 1 without cpuset has a quota", one("cpu", "memory"), limits,
			"[map[cpu.cfs_quota_us:200000] map[memory.limit_in_bytes:536870912]]"},
		{"no limits", one("cpu", "memory", "pids"), Limits{}, "[map[] map[] map[]]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []map[string]string
			for _, h := range c.tree.Hierarchies {
				got = append(got, c.tree.settings(h, c.limits))
			}
			if fmt.Sprint(got) != c.want {
				t.Errorf("got  %v\nwant %s", got, c.want)
			}
		})
	}
}

func TestCPUListsAreReadAsTheyAreWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cpus := rapid.SliceOfNDistinct(rapid.IntRange(0, 70), 1, 70, rapid.ID[int]).Draw(t, "cpus")
		slices.Sort(cpus)
		got, err := parseList(formatList(cpus))
		if err != nil || !slices.Equal(got, cpus) {
			t.Fatalf("%v became %q and then %v (%v)", cpus, formatList(cpus), got, err)
		}
	})
	if got := formatList([]int{5, 0, 1, 2, 7, 8}); got != "0-2,5,7-8" {
		t.Error(got)
	}
	if _, err := parseList("many"); err == nil {
		t.Error("nonsense was read")
	}
}

func TestAGroupHoldsItsProcessesToTheirNumberAndRemoveEndsThem(t *testing.T) {
	if os.Getenv("JEROBOAM_TEST_REAL") == "" {
		t.Skip("makes real control groups as root: set JEROBOAM_TEST_REAL=1")
	}
	tree, err := Detect()
	if err != nil {
		t.Fatal(err)
	}
	group := fmt.Sprintf("jeroboam-test-%d/cluster/machine", os.Getpid())
	if err := tree.Make(group, Limits{CPUs: 1, MemoryMB: 64, Pids: 4}); err != nil {
		t.Fatal(err)
	}
	join := []string{"-c", `for f in "$@"; do echo 0 >$f; done; for i in 1 2 3 4 5 6; do sleep 60 & done`, "sh"}
	for _, h := range tree.Hierarchies {
		join = append(join, path.Join(h.Mount, group, "cgroup.procs"))
	}
	said := path.Join(t.TempDir(), "output") // not a pipe: those left would hold it open
	file, err := os.Create(said)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	command := exec.Command("sh", join...)
	command.Stderr = file
	err = command.Run()
	output := read(said)
	if err == nil || !strings.Contains(output, "fork") {
		t.Errorf("six processes were let in: %v, %s", err, output)
	}
	if n := len(tree.Processes(group)); n != 3 { // four, less the shell that has ended
		t.Errorf("%d processes are left", n)
	}
	top := strings.Split(group, "/")[0]
	if err := tree.Remove(t.Context(), top); err != nil {
		t.Fatal(err)
	}
	if left := tree.Children(top); len(left) > 0 {
		t.Error(left)
	}
	if err := tree.Remove(t.Context(), top); err != nil { // absent is success
		t.Error(err)
	}
}
