package inside

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// devices are the nodes a machine has, by major and minor number (Linux
// allocated devices, Documentation/admin-guide/devices.txt).
var devices = []struct {
	path         string
	mode         uint32
	major, minor uint32
}{
	{"null", 0o666, 1, 3}, {"zero", 0o666, 1, 5}, {"full", 0o666, 1, 7}, {"random", 0o666, 1, 8},
	{"urandom", 0o666, 1, 9}, {"kmsg", 0o600, 1, 11}, {"tty", 0o666, 5, 0}, {"fuse", 0o666, 10, 229},
	{"net/tun", 0o666, 10, 200},
}

var deviceLinks = map[string]string{
	"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
	"stderr": "/proc/self/fd/2", "core": "/proc/kcore", "ptmx": "pts/ptmx",
}

// mountDevices makes a /dev with no disk of the host in it.
func mountDevices(_, root string, _ Config) error {
	dev := filepath.Join(root, "dev")
	const safe = unix.MS_NOSUID | unix.MS_NOEXEC
	if err := mount("tmpfs", dev, "tmpfs", safe, "mode=755,size=64m"); err != nil {
		return err
	}
	for _, name := range []string{"pts", "shm", "mqueue", "net"} {
		if err := os.Mkdir(filepath.Join(dev, name), 0o755); err != nil {
			return err
		}
	}
	for _, device := range devices {
		if err := makeDevice(filepath.Join(dev, device.path), device.path, device.mode, unix.Mkdev(device.major, device.minor)); err != nil {
			return err
		}
	}
	for name, target := range deviceLinks {
		if err := os.Symlink(target, filepath.Join(dev, name)); err != nil {
			return err
		}
	}
	return errors.Join(
		mount("devpts", filepath.Join(dev, "pts"), "devpts", safe, "newinstance,ptmxmode=0666,mode=620"),
		mount("tmpfs", filepath.Join(dev, "shm"), "tmpfs", safe|unix.MS_NODEV, "mode=1777"),
		mountQueues(filepath.Join(dev, "mqueue")))
}

// makeDevice makes a node, or binds the host's where nodes may not be made.
func makeDevice(target, name string, mode uint32, number uint64) error {
	err := unix.Mknod(target, unix.S_IFCHR|mode, int(number))
	if err == nil {
		return os.Chmod(target, fs.FileMode(mode))
	}
	if _, absent := os.Stat(filepath.Join("/dev", name)); absent != nil {
		return nil // the host has none either
	}
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		return fmt.Errorf("make device %s: %w", name, err)
	}
	return bind(filepath.Join("/dev", name), target, false)
}

// mountQueues mounts POSIX message queues, which not every kernel has.
func mountQueues(target string) error {
	err := mount("mqueue", target, "mqueue", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}
