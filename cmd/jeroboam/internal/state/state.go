// Package state is the directory that a service owns while it runs.
package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cli/daemon"
)

// version is the layout of the state directory. A program refuses a
// directory of another layout instead of guessing.
const version = 1

// leastSpace is how much must be free before a service starts: a database that
// meets a full disk in the middle of a cluster's creation helps nobody.
const leastSpace = 64 << 20 // bytes

// Directory is one that a service owns while it runs.
type Directory struct {
	Own    string // the directory itself
	Common string // what the servers of one database on this host have in common; else Own
	lock   *os.File
	fresh  bool // no version was there before
	made   bool // the directory itself was not
	used   bool // the start got far enough to be kept
}

// Path is that of something of the service's own.
func (s *Directory) Path(parts ...string) string {
	return filepath.Join(append([]string{s.Own}, parts...)...)
}

// Shared is the path of what other servers of the database use, too.
func (s *Directory) Shared(parts ...string) string {
	return filepath.Join(append([]string{s.Common}, parts...)...)
}

// Share makes dir, unless it is "", the place of what servers have in common.
func (s *Directory) Share(dir string) error {
	if dir == "" {
		if err := os.Remove(s.Path(daemon.SharedFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Error(s.Own, err)
		}
		return nil
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("shared directory: %w", err)
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return Error(abs, err)
	}
	s.Common = abs
	return s.Write(daemon.SharedFile, abs)
}

// SharedDir is what the service of a state directory shares with others, or
// the directory itself.
func SharedDir(state string) string {
	if text, err := os.ReadFile(filepath.Join(state, daemon.SharedFile)); err == nil {
		return strings.TrimSpace(string(text))
	}
	return state
}

// Starting waits until no other server of the shared directory is starting:
// what one of them makes there first, the others find.
func (s *Directory) Starting() (done func(), err error) {
	lock, err := os.OpenFile(s.Shared("start.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, Error(s.Common, err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(Error(s.Common, err), lock.Close())
	}
	return func() { lock.Close() }, nil //nolint:errcheck // nothing was written to it
}

// Open takes the directory for this process alone, making it first if
// need be. Whatever it refuses it leaves as it was.
func Open(dir string) (*Directory, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	s := &Directory{Own: abs, Common: abs}
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return nil, Error(abs, err)
	}
	if err := s.claim(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// check looks at what is there and changes nothing.
func (s *Directory) check() error {
	text, err := os.ReadFile(s.Path("version"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.fresh = true
		return s.empty()
	case err != nil:
		return Error(s.Own, err)
	}
	if found := strings.TrimSpace(string(text)); found != strconv.Itoa(version) {
		return jeroboam.Errorf(jeroboam.Conflict, "state-version", "The state in %s has version %q; this program keeps version %d.", s.Own, found, version).
			WithRemedy("Use the program that made it, or name another directory with --state.")
	}
	return nil
}

// empty refuses a directory that is somebody else's.
func (s *Directory) empty() error {
	entries, err := os.ReadDir(s.Own)
	if errors.Is(err, fs.ErrNotExist) {
		s.made = true
		return nil
	}
	if err != nil {
		return Error(s.Own, err)
	}
	for _, e := range entries {
		if !ownBeforeStart(e.Name()) {
			return jeroboam.Errorf(jeroboam.Conflict, "state-foreign", "%s is no state directory: it holds %q and no version.", s.Own, e.Name()).
				WithRemedy("Name an empty or a new directory with --state.")
		}
	}
	return nil
}

// ownBeforeStart names what may lie in a state directory that was never used:
// "up" opens the log, and what the first start says, before the service runs.
func ownBeforeStart(name string) bool {
	return slices.Contains([]string{daemon.LogFile, daemon.LockFile, daemon.FirstFile, "version.new"}, name)
}

func (s *Directory) claim() error {
	lock, err := os.OpenFile(s.Path(daemon.LockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return Error(s.Own, err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.Join(s.taken(), lock.Close())
	}
	s.lock = lock
	if err := s.roomy(); err != nil {
		return err
	}
	return errors.Join(s.Write("version", version), s.Write(daemon.PIDFile, os.Getpid()))
}

// Write puts one line into a file that others read: they see all of it or none.
func (s *Directory) Write(name string, line any) error {
	fresh := s.Path(name + ".new")
	if err := os.WriteFile(fresh, fmt.Appendln(nil, line), 0o600); err != nil {
		return Error(s.Own, err)
	}
	if err := os.Rename(fresh, s.Path(name)); err != nil {
		return Error(s.Own, err)
	}
	return nil
}

func (s *Directory) taken() error {
	who := ""
	if pid, err := os.ReadFile(s.Path(daemon.PIDFile)); err == nil {
		who = " (process " + strings.TrimSpace(string(pid)) + ")"
	}
	return jeroboam.Errorf(jeroboam.Conflict, "state-taken", "Another \"jeroboam serve\"%s uses the state in %s.", who, s.Own).
		WithRemedy("Stop that one first, or name another directory with --state.")
}

func (s *Directory) roomy() error {
	var fs unix.Statfs_t
	if err := unix.Statfs(s.Own, &fs); err != nil {
		return Error(s.Own, err)
	}
	if free := fs.Bavail * uint64(fs.Bsize); free < leastSpace {
		return diskFull(s.Own, fmt.Sprintf("has only %d MiB free, and the service wants %d", free>>20, leastSpace>>20))
	}
	return nil
}

// Keep says that the start succeeded: from here on the directory stays.
func (s *Directory) Keep() { s.used = true }

// Close gives the directory up. One that was new and never used goes again.
func (s *Directory) Close() error {
	if s.lock == nil {
		return nil
	}
	if s.fresh && !s.used {
		return errors.Join(s.removeFresh(), s.lock.Close())
	}
	return errors.Join(os.Remove(s.Path(daemon.PIDFile)), s.lock.Close())
}

func (s *Directory) removeFresh() error {
	entries, err := os.ReadDir(s.Own)
	if err != nil {
		return fmt.Errorf("remove the unused state: %w", err)
	}
	for _, e := range entries {
		if e.Name() == daemon.LogFile { // holds the reason
			continue
		}
		if err := os.RemoveAll(s.Path(e.Name())); err != nil {
			return fmt.Errorf("remove the unused state: %w", err)
		}
	}
	if s.made {
		_ = os.Remove(s.Own) // stays if the log does
	}
	return nil
}

// Error says why a directory cannot be used.
func Error(dir string, err error) error {
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return diskFull(dir, "is full")
	case errors.Is(err, fs.ErrPermission):
		return jeroboam.Errorf(jeroboam.Forbidden, "state", "The state directory %s is not writable for this user.", dir).
			WithRemedy("Run as the user who owns it, or name another directory with --state.").Wrap(err)
	}
	return jeroboam.Errorf(jeroboam.Invalid, "state", "The state directory %s cannot be used.", dir).
		WithRemedy("Name another directory with --state.").Wrap(err)
}

func diskFull(dir, how string) error {
	return jeroboam.Errorf(jeroboam.Unavailable, "disk-full", "The file system of %s %s.", dir, how).
		WithRemedy("Make room on it, or name a directory on another one with --state.")
}
