package main

import (
	"cmp"
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
)

// stateVersion is the layout of the state directory. A program refuses a
// directory of another layout instead of guessing.
const stateVersion = 1

// leastSpace is how much must be free before a service starts: a database that
// meets a full disk in the middle of a cluster's creation helps nobody.
const leastSpace = 64 << 20 // bytes

// logFile is where "up" lets a detached service write.
const logFile = "serve.log"

// sharedFile names, in a state directory, the one it shares with other servers.
const sharedFile = "shared"

// state is the directory a service owns while it runs.
type state struct {
	dir    string
	common string // what the servers of one database on this host have in common; else dir
	lock   *os.File
	fresh  bool // no version was there before
	made   bool // the directory itself was not
	used   bool // the start got far enough to be kept
}

func (s *state) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// shared is the path of what other servers of the database use, too.
func (s *state) shared(parts ...string) string {
	return filepath.Join(append([]string{s.common}, parts...)...)
}

// share makes dir, unless it is "", the place of what servers have in common.
func (s *state) share(dir string) error {
	if dir == "" {
		if err := os.Remove(s.path(sharedFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return stateError(s.dir, err)
		}
		return nil
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("shared directory: %w", err)
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return stateError(abs, err)
	}
	s.common = abs
	return s.write(sharedFile, abs)
}

// sharedDir is what the service of a state directory shares with others, or
// the directory itself.
func sharedDir(state string) string {
	if text, err := os.ReadFile(filepath.Join(state, sharedFile)); err == nil {
		return strings.TrimSpace(string(text))
	}
	return state
}

// common is the directory of what the service of these settings shares, or its own.
func (c config) common() string { return cmp.Or(c.Shared, sharedDir(c.State)) }

// starting waits until no other server of the shared directory is starting:
// what one of them makes there first, the others find.
func (s *state) starting() (done func(), err error) {
	lock, err := os.OpenFile(s.shared("start.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, stateError(s.common, err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(stateError(s.common, err), lock.Close())
	}
	return func() { lock.Close() }, nil //nolint:errcheck // nothing was written to it
}

// openState takes the directory for this process alone, making it first if
// need be. Whatever it refuses it leaves as it was.
func openState(dir string) (*state, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	s := &state{dir: abs, common: abs}
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return nil, stateError(abs, err)
	}
	if err := s.claim(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// check looks at what is there and changes nothing.
func (s *state) check() error {
	text, err := os.ReadFile(s.path("version"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.fresh = true
		return s.empty()
	case err != nil:
		return stateError(s.dir, err)
	}
	if found := strings.TrimSpace(string(text)); found != strconv.Itoa(stateVersion) {
		return jeroboam.Errorf(jeroboam.Conflict, "state-version", "The state in %s has version %q; this program keeps version %d.", s.dir, found, stateVersion).
			WithRemedy("Use the program that made it, or name another directory with --state.")
	}
	return nil
}

// empty refuses a directory that is somebody else's.
func (s *state) empty() error {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		s.made = true
		return nil
	}
	if err != nil {
		return stateError(s.dir, err)
	}
	for _, e := range entries {
		if !ownBeforeStart(e.Name()) {
			return jeroboam.Errorf(jeroboam.Conflict, "state-foreign", "%s is no state directory: it holds %q and no version.", s.dir, e.Name()).
				WithRemedy("Name an empty or a new directory with --state.")
		}
	}
	return nil
}

// ownBeforeStart names what may lie in a state directory that was never used:
// "up" opens the log, and what the first start says, before the service runs.
func ownBeforeStart(name string) bool {
	return slices.Contains([]string{logFile, "lock", "admin", "version.new"}, name)
}

func (s *state) claim() error {
	lock, err := os.OpenFile(s.path("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return stateError(s.dir, err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.Join(s.taken(), lock.Close())
	}
	s.lock = lock
	if err := s.roomy(); err != nil {
		return err
	}
	return errors.Join(s.write("version", stateVersion), s.write("serve.pid", os.Getpid()))
}

// write puts one line into a file that others read: they see all of it or none.
func (s *state) write(name string, line any) error {
	fresh := s.path(name + ".new")
	if err := os.WriteFile(fresh, fmt.Appendln(nil, line), 0o600); err != nil {
		return stateError(s.dir, err)
	}
	if err := os.Rename(fresh, s.path(name)); err != nil {
		return stateError(s.dir, err)
	}
	return nil
}

func (s *state) taken() error {
	who := ""
	if pid, err := os.ReadFile(s.path("serve.pid")); err == nil {
		who = " (process " + strings.TrimSpace(string(pid)) + ")"
	}
	return jeroboam.Errorf(jeroboam.Conflict, "state-taken", "Another \"jeroboam serve\"%s uses the state in %s.", who, s.dir).
		WithRemedy("Stop that one first, or name another directory with --state.")
}

func (s *state) roomy() error {
	var fs unix.Statfs_t
	if err := unix.Statfs(s.dir, &fs); err != nil {
		return stateError(s.dir, err)
	}
	if free := fs.Bavail * uint64(fs.Bsize); free < leastSpace {
		return diskFull(s.dir, fmt.Sprintf("has only %d MiB free, and the service wants %d", free>>20, leastSpace>>20))
	}
	return nil
}

// keep says that the start succeeded: from here on the directory stays.
func (s *state) keep() { s.used = true }

// close gives the directory up. One that was new and never used goes again.
func (s *state) close() error {
	if s.lock == nil {
		return nil
	}
	if s.fresh && !s.used {
		return errors.Join(s.removeFresh(), s.lock.Close())
	}
	return errors.Join(os.Remove(s.path("serve.pid")), s.lock.Close())
}

func (s *state) removeFresh() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("remove the unused state: %w", err)
	}
	for _, e := range entries {
		if e.Name() == logFile { // holds the reason
			continue
		}
		if err := os.RemoveAll(s.path(e.Name())); err != nil {
			return fmt.Errorf("remove the unused state: %w", err)
		}
	}
	if s.made {
		_ = os.Remove(s.dir) // stays if the log does
	}
	return nil
}

func stateError(dir string, err error) error {
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
