package cgroup

import (
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Enter puts the calling process into the group and the calling thread into a
// cgroup namespace whose root the group is. The caller has locked the thread
// and executes another program from it.
func (t Tree) Enter(group string) error {
	if err := t.Join(group); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("new cgroup namespace: %w", err)
	}
	if !t.V2 {
		return nil
	}
	// A version 2 group with processes of its own cannot pass controllers on:
	// the machine's first process and its services live in a leaf.
	leaf := path.Join(group, "init")
	if err := os.Mkdir(path.Join(t.Hierarchies[0].Mount, leaf), 0o755); err != nil && !os.IsExist(err) {
		return err
	}
	if err := t.Join(leaf); err != nil {
		return err
	}
	return delegate(path.Join(t.Hierarchies[0].Mount, group))
}

const mountFlags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// Mount gives a machine its own view: target is its /sys/fs/cgroup. The
// calling thread is in the machine's cgroup namespace.
func (t Tree) Mount(target string) error {
	if t.V2 {
		return mount("cgroup2", target, "cgroup2", "")
	}
	if err := mount("tmpfs", target, "tmpfs", "mode=755"); err != nil {
		return err
	}
	for _, h := range t.Hierarchies {
		name := strings.TrimPrefix(h.Name, "name=")
		dir := path.Join(target, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if err := mount("cgroup", dir, "cgroup", h.Name); err != nil {
			return err
		}
		if !strings.Contains(name, ",") {
			continue
		}
		for part := range strings.SplitSeq(name, ",") {
			if err := os.Symlink(name, path.Join(target, part)); err != nil {
				return err
			}
		}
	}
	return nil
}

func mount(source, target, kind, options string) error {
	if err := unix.Mount(source, target, kind, mountFlags, options); err != nil {
		return fmt.Errorf("mount %s (%s) on %s: %w", kind, options, target, err)
	}
	return nil
}
