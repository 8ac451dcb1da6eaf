package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Limits is what a group may use; zero means no limit.
type Limits struct {
	CPUs     int
	MemoryMB int
	Pids     int
	Slot     int // any number: spreads groups that are pinned over the host's CPUs
}

// Make makes the group and those above it, and sets its limits. group is a
// path relative to the hierarchies' mounts.
func (t Tree) Make(group string, limits Limits) error {
	for _, h := range t.Hierarchies {
		if err := t.makeIn(h, group); err != nil {
			return fmt.Errorf("make control group %s in %s: %w", group, h.Mount, err)
		}
		if h.has("cpuset") && limits.CPUs > 0 {
			if err := pin(path.Join(h.Mount, group), limits); err != nil {
				return err
			}
		}
		for file, value := range t.settings(h, limits) {
			if err := write(path.Join(h.Mount, group, file), value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t Tree) makeIn(h Hierarchy, group string) error {
	dir := h.Mount
	for name := range strings.SplitSeq(group, "/") {
		if t.V2 {
			if err := delegate(dir); err != nil {
				return err
			}
		}
		dir = path.Join(dir, name)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if h.has("cpuset") {
			if err := inheritCPUs(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// delegate lets the children of a version 2 group have the controllers that
// the group itself has.
func delegate(dir string) error {
	on := strings.Fields(read(path.Join(dir, "cgroup.subtree_control")))
	for _, name := range strings.Fields(read(path.Join(dir, "cgroup.controllers"))) {
		if slices.Contains(on, name) {
			continue
		}
		// Some controllers (cpu with real-time tasks, rdma) are refused: Missing
		// and the limits themselves tell when a needed one was.
		_ = write(path.Join(dir, "cgroup.subtree_control"), "+"+name)
	}
	return nil
}

// inheritCPUs gives a version 1 cpuset group what its parent has: an empty one
// takes no process.
func inheritCPUs(dir string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		if read(path.Join(dir, file)) != "" {
			continue
		}
		if err := write(path.Join(dir, file), read(path.Join(path.Dir(dir), file))); err != nil {
			return err
		}
	}
	return nil
}

const periodMicroseconds = 100_000

// settings are the files to write in a hierarchy. With version 1 a group with a
// CPU quota refuses children with a greater one, as pods have whose limit is
// above what their node has: there the group is pinned to CPUs instead.
func (t Tree) settings(h Hierarchy, limits Limits) map[string]string {
	files := map[string]string{}
	set := func(controller, one, two string, value int64, format string) {
		switch {
		case value == 0:
		case t.V2:
			files[two] = fmt.Sprintf(format, value)
		case h.has(controller) && one != "":
			files[one] = strconv.FormatInt(value, 10)
		}
	}
	quota := "cpu.cfs_quota_us"
	if slices.Contains(t.Controllers(), "cpuset") {
		quota = ""
	}
	set("memory", "memory.limit_in_bytes", "memory.max", int64(limits.MemoryMB)<<20, "%d")
	set("pids", "pids.max", "pids.max", int64(limits.Pids), "%d")
	set("cpu", quota, "cpu.max", int64(limits.CPUs)*periodMicroseconds, "%d "+strconv.Itoa(periodMicroseconds))
	return files
}

// Join puts the calling process into the group.
func (t Tree) Join(group string) error {
	for _, h := range t.Hierarchies {
		if err := write(path.Join(h.Mount, group, "cgroup.procs"), "0"); err != nil {
			return err
		}
	}
	return nil
}

// Processes lists the PIDs in the group and below it.
func (t Tree) Processes(group string) []int {
	var pids []int
	for _, h := range t.Hierarchies {
		for _, dir := range subtree(path.Join(h.Mount, group)) {
			for field := range strings.FieldsSeq(read(path.Join(dir, "cgroup.procs"))) {
				if pid, err := strconv.Atoi(field); err == nil && pid > 0 && !slices.Contains(pids, pid) {
					pids = append(pids, pid)
				}
			}
		}
	}
	return pids
}

// Children lists the names of the groups directly below the group, sorted.
func (t Tree) Children(group string) []string {
	var names []string
	for _, h := range t.Hierarchies {
		entries, _ := os.ReadDir(path.Join(h.Mount, group))
		for _, entry := range entries {
			if entry.IsDir() {
				names = append(names, entry.Name())
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Remove kills every process in the group and removes the group with all
// below it; absent is success.
func (t Tree) Remove(ctx context.Context, group string) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		for _, pid := range t.Processes(group) {
			_ = unix.Kill(pid, unix.SIGKILL) // it may have ended by itself
		}
		err := t.removeNow(group)
		if err == nil {
			return nil
		}
		// A group is busy until its last process is reaped; the kernel tells no one.
		select {
		case <-ctx.Done():
			return fmt.Errorf("remove control group %s: %w", group, errors.Join(err, ctx.Err()))
		case <-time.After(pause):
		}
	}
}

func (t Tree) removeNow(group string) error {
	var errs []error
	for _, h := range t.Hierarchies {
		dirs := subtree(path.Join(h.Mount, group))
		slices.Reverse(dirs) // children before parents
		for _, dir := range dirs {
			if err := unix.Rmdir(dir); err != nil && !errors.Is(err, unix.ENOENT) {
				errs = append(errs, fmt.Errorf("remove %s: %w", dir, err))
			}
		}
	}
	return errors.Join(errs...)
}

// Prune removes the group if it has no child and no process.
func (t Tree) Prune(group string) {
	for _, h := range t.Hierarchies {
		_ = unix.Rmdir(path.Join(h.Mount, group))
	}
}

// subtree lists a directory and all below it, parents first.
func subtree(dir string) []string {
	var dirs []string
	_ = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fs.SkipDir // removed in the meantime
		}
		if entry.IsDir() {
			dirs = append(dirs, name)
		}
		return nil
	})
	return dirs
}

func write(file, value string) error {
	if err := os.WriteFile(file, []byte(value), 0o644); err != nil {
		return fmt.Errorf("set %s to %s: %w", file, value, err)
	}
	return nil
}
