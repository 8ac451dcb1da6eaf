package inside

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// visible are the entries of host directories that a machine may see: programs
// and what they need. All else is the host's own business.
var visible = map[string][]string{
	"/": {"bin", "boot", "dev", "etc", "gnu", "home", "lib", "lib32", "lib64", "libx32", "media", "mnt", "nix",
		"opt", "proc", "root", "run", "sbin", "srv", "sys", "tmp", "usr", "var"},
	"/var":     {"backups", "cache", "lib", "local", "lock", "log", "mail", "opt", "run", "spool", "tmp"},
	"/var/lib": {"apt", "ca-certificates", "dbus", "dpkg", "locales", "misc", "pam", "systemd", "ucf"},
}

// emptied are host directories that a machine has too, but empty: some hold
// secrets, the others are large.
var emptied = []string{
	"/boot", "/etc/ssh", "/etc/ssl/private", "/media", "/opt/jeroboam", "/var/backups", "/var/cache", "/var/mail", "/var/spool",
}

// shade hides the host from a machine. It writes into the overlay's upper
// directory before that is mounted, in the way the kernel itself notes there
// what was deleted (Documentation/filesystems/overlayfs.rst, "whiteouts and
// opaque directories"). What the machine has made of its own since stays.
func shade(upper string, hidden []string) error {
	for _, dir := range []string{"/", "/var", "/var/lib"} { // parents first
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if slices.Contains(visible[dir], entry.Name()) {
				continue
			}
			if err := whiteOut(upper, filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	for _, path := range slices.Concat(emptied, hidden) {
		if err := empty(upper, path); err != nil {
			return err
		}
	}
	return nil
}

// whiteOut notes that the machine has no such path.
func whiteOut(upper, path string) error {
	if made, err := prepareShade(upper, path); err != nil || !made {
		return err
	}
	if err := unix.Mknod(filepath.Join(upper, path), unix.S_IFCHR, 0); err != nil {
		return fmt.Errorf("hide %s: %w", path, err)
	}
	return nil
}

// empty notes that the machine's directory shows nothing of the host's.
func empty(upper, path string) error {
	if entry, err := os.Lstat(path); err != nil || !entry.IsDir() {
		return nil // nothing to hide
	}
	if made, err := prepareShade(upper, path); err != nil || !made {
		return err
	}
	if err := copyDir(upper, path); err != nil {
		return err
	}
	if err := unix.Setxattr(filepath.Join(upper, path), "trusted.overlay.opaque", []byte("y"), 0); err != nil {
		return fmt.Errorf("hide what is in %s: %w", path, err)
	}
	return nil
}

// prepareShade makes the parents of path in upper as the host has them. It
// returns false when there is nothing to do: the machine has the path already,
// or a parent is hidden, or leads elsewhere and is hidden there.
func prepareShade(upper, path string) (bool, error) {
	parent := "/"
	for name := range strings.SplitSeq(strings.Trim(filepath.Dir(path), "/"), "/") {
		parent = filepath.Join(parent, name)
		if host, err := os.Lstat(parent); err != nil || !host.IsDir() {
			return false, nil
		}
		there, err := os.Lstat(filepath.Join(upper, parent))
		if errors.Is(err, fs.ErrNotExist) {
			err = copyDir(upper, parent)
		} else if err == nil && !there.IsDir() {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	_, err := os.Lstat(filepath.Join(upper, path))
	return errors.Is(err, fs.ErrNotExist), nil
}

// copyDir makes a directory in upper with the host's owner and mode, which the
// machine sees in place of the host's.
func copyDir(upper, path string) error {
	host, err := os.Lstat(path)
	if err != nil {
		return err
	}
	target := filepath.Join(upper, path)
	if err := os.Mkdir(target, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if owner, ok := host.Sys().(*syscall.Stat_t); ok {
		if err := os.Lchown(target, int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	return os.Chmod(target, host.Mode())
}
