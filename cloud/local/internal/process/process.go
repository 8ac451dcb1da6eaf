// Package process names processes so that they are found again after the
// service was started anew, and never mistaken for another with the same PID.
package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ID names one process of one boot of the host.
type ID struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks since boot, field 22 of /proc/PID/stat
	Boot  string `json:"boot"`  // /proc/sys/kernel/random/boot_id
}

// Self returns the identity of the calling process as the mounted /proc tells
// it: in a new PID namespace that is the PID the host knows.
func Self() (ID, error) {
	link, err := os.Readlink("/proc/self")
	if err != nil {
		return ID{}, err
	}
	pid, err := strconv.Atoi(link)
	if err != nil {
		return ID{}, fmt.Errorf("/proc/self is %q: %w", link, err)
	}
	return Of(pid)
}

// Of returns the identity of the process that has the PID now.
func Of(pid int) (ID, error) {
	start, _, err := stat(pid)
	if err != nil {
		return ID{}, err
	}
	boot, err := bootID()
	return ID{PID: pid, Start: start, Boot: boot}, err
}

// Save writes the identity to a file, whole or not at all.
func (id ID) Save(path string) error {
	data, err := json.Marshal(id)
	if err != nil {
		return err
	}
	temp := path + ".new"
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

// Load reads what Save wrote; a file that is absent or damaged names no process.
func Load(path string) ID {
	var id ID
	data, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(data, &id) != nil {
		return ID{}
	}
	return id
}

// Alive reports whether the process still runs. A zombie does not; one that
// is our own child is reaped here.
func (id ID) Alive() bool {
	if id.PID <= 0 {
		return false
	}
	start, state, err := stat(id.PID)
	if err != nil || start != id.Start {
		return false
	}
	if boot, err := bootID(); err != nil || boot != id.Boot {
		return false
	}
	if state == 'Z' || state == 'X' {
		id.reap()
		return false
	}
	return true
}

// Signal sends a signal to the process and to no other.
func (id ID) Signal(signal unix.Signal) error {
	fd, err := id.Open()
	if err != nil || fd < 0 {
		return err
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, signal, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("signal process %d: %w", id.PID, err)
	}
	return nil
}

// Open returns a file descriptor of the process, which polls as readable when
// it ends, or -1 when it does not run.
func (id ID) Open() (int, error) {
	if !id.Alive() {
		return -1, nil
	}
	fd, err := unix.PidfdOpen(id.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return -1, nil
	}
	if err != nil {
		return -1, fmt.Errorf("open process %d: %w", id.PID, err)
	}
	if !id.Alive() { // the PID may have changed hands before it was opened
		unix.Close(fd)
		return -1, nil
	}
	return fd, nil
}

// Kill ends the process and returns when it is gone.
func (id ID) Kill(ctx context.Context) error {
	fd, err := id.Open()
	if err != nil || fd < 0 {
		return err
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill process %d: %w", id.PID, err)
	}
	defer id.reap()
	return waitFor(ctx, fd)
}

// waitFor returns when the process of a pidfd has ended.
func waitFor(ctx context.Context, fd int) error {
	const slice = 50 * time.Millisecond // how late a cancelled context is noticed
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(slice/time.Millisecond))
		switch {
		case n > 0:
			return nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("wait for a process: %w", err)
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

// reap collects the exit of a child; of another's child it does nothing.
func (id ID) reap() {
	_, _ = unix.Wait4(id.PID, nil, unix.WNOHANG, nil)
}

func stat(pid int) (start uint64, state byte, err error) {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, 0, err
	}
	// The command's name, in parentheses, may itself hold spaces and parentheses.
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	const stateField, startField = 0, 19 // of proc(5), counted after the name
	if len(fields) <= startField {
		return 0, 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	start, err = strconv.ParseUint(fields[startField], 10, 64)
	return start, fields[stateField][0], err
}

func bootID() (string, error) {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(data)), err
}
