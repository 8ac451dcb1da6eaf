package inside

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jeroboam-cloud/jeroboam/cloud/local/internal/cgroup"
)

// Directories under a machine's own.
const (
	upperDir = "upper" // what the machine changed of the host's root
	workDir  = "work"
	rootDir  = "root" // mount point
	diskDir  = "disk" // the machine's own directories
	etcDir   = "generated"
)

// ownDirs are a machine's own: directories of the host's file system, not of
// the overlay, because a container runtime cannot nest an overlay on one and
// because nothing of the host's may shine through.
var ownDirs = []struct {
	path string
	mode os.FileMode
}{
	{"/etc/cni", 0o755}, {"/etc/kubernetes", 0o755}, {"/home", 0o755}, {"/opt/jeroboam", 0o755},
	{"/mnt", 0o755}, {"/root", 0o700}, {"/srv", 0o755}, {"/tmp", 0o777 | os.ModeSticky}, {"/var/lib/cni", 0o755},
	{"/var/lib/containerd", 0o711}, {"/var/lib/docker", 0o711}, {"/var/lib/etcd", 0o700},
	{"/var/lib/jeroboam", 0o755}, {"/var/lib/kubelet", 0o755}, {"/var/log", 0o755},
	{"/var/tmp", 0o777 | os.ModeSticky},
}

// Directories lists what a machine's directory must hold before Launch.
func Directories() []string {
	dirs := []string{upperDir, workDir, rootDir, diskDir, etcDir}
	for _, own := range ownDirs {
		dirs = append(dirs, diskOf(own.path))
	}
	return dirs
}

func diskOf(path string) string {
	return filepath.Join(diskDir, strings.ReplaceAll(strings.Trim(path, "/"), "/", "-"))
}

// buildRoot builds the machine's root file system in a mount namespace of its
// own and moves the process into it: nothing is ever mounted on the host's side.
func buildRoot(dir string, c Config, groups cgroup.Tree) error {
	root := filepath.Join(dir, rootDir)
	if err := mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := shade(filepath.Join(dir, upperDir), c.Hidden); err != nil {
		return err
	}
	if err := MountOverlay(root, filepath.Join(dir, upperDir), filepath.Join(dir, workDir)); err != nil {
		return err
	}
	steps := []func(string, string, Config) error{mountSystem, mountOwn, mountDevices, writeFiles, tuneKernel, mountShared}
	for _, step := range steps {
		if err := step(dir, root, c); err != nil {
			return err
		}
	}
	if err := groups.Mount(filepath.Join(root, "sys/fs/cgroup")); err != nil {
		return err
	}
	return pivot(root)
}

// MountOverlay mounts on root the host's root file system with changes in
// upper; work is an empty directory beside it.
func MountOverlay(root, upper, work string) error {
	escape := strings.NewReplacer(`\`, `\\`, `,`, `\,`)
	options := "lowerdir=/,upperdir=" + escape.Replace(upper) + ",workdir=" + escape.Replace(work)
	return mount("overlay", root, "overlay", 0, options)
}

// mountSystem mounts what every Linux has, and the parts of the host's programs
// that lie on file systems of their own.
func mountSystem(_, root string, _ Config) error {
	const safe = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	mounts := []struct {
		kind, target string
		flags        uintptr
		options      string
	}{
		{"proc", "proc", safe, ""},
		{"sysfs", "sys", safe, ""},
		{"tmpfs", "run", unix.MS_NOSUID | unix.MS_NODEV, "mode=755"},
	}
	for _, m := range mounts {
		target := filepath.Join(root, m.target)
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		if err := mount(m.kind, target, m.kind, m.flags, m.options); err != nil {
			return err
		}
	}
	programs, err := programMounts()
	if err != nil {
		return err
	}
	for _, path := range programs {
		if err := bind(path, filepath.Join(root, path), true); err != nil {
			return err
		}
	}
	return os.MkdirAll(filepath.Join(root, "run/lock"), 0o755)
}

// programMounts lists mount points of the host below the directories that hold
// programs: an overlay of the root file system does not show them.
func programMounts() ([]string, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var paths []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 {
			continue
		}
		top := strings.SplitN(strings.TrimPrefix(fields[4], "/"), "/", 2)[0]
		if slices.Contains([]string{"usr", "bin", "sbin", "lib", "lib32", "lib64", "opt", "nix"}, top) {
			paths = append(paths, fields[4])
		}
	}
	return paths, nil
}

// mountOwn gives the machine its own directories.
func mountOwn(dir, root string, _ Config) error {
	for _, own := range ownDirs {
		source, target := filepath.Join(dir, diskOf(own.path)), filepath.Join(root, own.path)
		if err := os.Chmod(source, own.mode); err != nil {
			return err
		}
		if err := makeDir(target); err != nil {
			return err
		}
		if err := bind(source, target, false); err != nil {
			return err
		}
	}
	return nil
}

// mountShared shows the machine the agent, the service's socket and the
// bundles. It comes after the machine's own directories, which hold them.
func mountShared(_, root string, c Config) error {
	shared := []struct {
		source, target string
		readOnly       bool
	}{{c.GatewayDir, GatewayPath, true}, {c.BundleDir, c.BundleRoot, true}}
	for _, s := range shared {
		if s.source == "" {
			continue
		}
		target := filepath.Join(root, s.target)
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		if err := bind(s.source, target, s.readOnly); err != nil {
			return err
		}
	}
	agent := filepath.Join(root, AgentPath)
	if err := os.MkdirAll(filepath.Dir(agent), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(agent, nil, 0o755); err != nil {
		return err
	}
	return bind(c.Agent, agent, true)
}

// makeDir makes a directory where the host has none, and where it has a link
// or a file puts the directory in its place.
func makeDir(path string) error {
	if entry, err := os.Lstat(path); err == nil && !entry.IsDir() {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return os.MkdirAll(path, 0o755)
}

// pivot makes root the root of this process and leaves nothing of the host's
// mounts behind. Mounts are shared from here on: a kubelet needs that.
func pivot(root string) error {
	if err := unix.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot into %s: %w", root, err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the host's root: %w", err)
	}
	return errors.Join(unix.Chdir("/"), mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""))
}
