// Package daemon starts, finds and stops the service that uses a state directory of
// this host.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jeroboam-cloud/jeroboam"
)

// Files of a state directory that the service and "up" share.
const (
	LockFile     = "lock"      // held by a running service
	PIDFile      = "serve.pid" // of the running service
	LogFile      = "serve.log" // of a service that "up" started
	EndpointFile = "endpoint"  // URL of the running service's API
	FirstFile    = "admin"     // what the first start said: the generated password
	SharedFile   = "shared"    // names the directory shared with other servers; absent: none is
)

// Daemon is the service of a state directory.
type Daemon struct {
	State string // the directory
}

// Path is that of a file in the state directory.
func (d Daemon) Path(name string) string { return filepath.Join(d.State, name) }

// Running reports whether a service holds the state directory.
func (d Daemon) Running() (bool, error) {
	f, err := os.Open(d.Path(LockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, jeroboam.Errorf(jeroboam.Forbidden, "state", "The state in %s cannot be read.", d.State).
			WithRemedy("Run as the user who owns it: root.").Wrap(err)
	}
	defer f.Close()
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// Start runs the service detached from this terminal and waits until its API
// answers. A service that ends instead has said why in its log.
func (d Daemon) Start(ctx context.Context) error {
	if err := os.MkdirAll(d.State, 0o700); err != nil {
		return jeroboam.Errorf(jeroboam.Invalid, "state", "The state directory %s cannot be made.", d.State).
			WithRemedy("Set JEROBOAM_STATE to another one.").Wrap(err)
	}
	_ = os.Remove(d.Path(EndpointFile)) // of a service that was killed
	cmd, exited, err := d.launch()
	if err != nil {
		return err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-exited:
			return d.diedEarly()
		case <-ctx.Done():
			return errors.Join(ctx.Err(), cmd.Process.Signal(unix.SIGTERM))
		case <-tick.C:
			if url := d.Endpoint(); url != "" {
				_, err := Answer(ctx, url+"/healthcheck", 10*time.Second)
				return err
			}
		}
	}
}

// launch starts the process. What it says once, at its first start, goes to a
// file that only its owner can read; everything else to the log.
func (d Daemon) launch() (*exec.Cmd, <-chan struct{}, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	log, err := os.OpenFile(d.Path(LogFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open the log: %w", err)
	}
	defer log.Close()
	first, err := os.OpenFile(d.Path(FirstFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", FirstFile, err)
	}
	defer first.Close()
	cmd := exec.Command(self, "serve", "--state", d.State)
	cmd.Stdout, cmd.Stderr = first, log
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("start the service: %w", err)
	}
	exited := make(chan struct{})
	go func() { // ends with the service, or with this program
		_ = cmd.Wait()
		close(exited)
	}()
	return cmd, exited, nil
}

// diedEarly returns what the log says last.
func (d Daemon) diedEarly() error {
	text, err := os.ReadFile(d.Path(LogFile))
	if err != nil {
		return fmt.Errorf("the service ended at once: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	for at := len(lines) - 1; at >= 0; at-- {
		if detail, ok := strings.CutPrefix(lines[at], "Error: "); ok {
			e := jeroboam.Errorf(jeroboam.Unavailable, "serve", "The service did not start. %s", detail)
			if at+1 < len(lines) {
				e = e.WithRemedy("%s", strings.TrimPrefix(strings.TrimSpace(lines[at+1]), "Remedy: "))
			}
			return e
		}
	}
	return jeroboam.Errorf(jeroboam.Unavailable, "serve", "The service did not start: %s", lines[len(lines)-1]).
		WithRemedy("Read %s.", d.Path(LogFile))
}

// Endpoint is the URL of the running service's API, "" while it has none.
func (d Daemon) Endpoint() string {
	text, err := os.ReadFile(d.Path(EndpointFile))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// Stop ends the service that holds the state directory: by the number it wrote
// down, if that process is still the one.
func (d Daemon) Stop(ctx context.Context) error {
	on, err := d.Running()
	if err != nil || !on {
		return err
	}
	text, err := os.ReadFile(d.Path(PIDFile))
	if err != nil {
		return fmt.Errorf("read the service's process number: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("read the service's process number: %w", err)
	}
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("find process %d: %w", pid, err)
	}
	defer unix.Close(process)
	if !d.serves(pid) {
		return jeroboam.Errorf(jeroboam.Conflict, "serve", "Process %d, which %s names, is not the service.", pid, d.Path(PIDFile)).
			WithRemedy("Stop the service that uses %s by hand.", d.State)
	}
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		if err := unix.PidfdSendSignal(process, signal, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("stop process %d: %w", pid, err)
		}
		if gone(ctx, process, 20*time.Second) {
			return nil
		}
	}
	return jeroboam.Errorf(jeroboam.Timeout, "serve", "Process %d does not end.", pid)
}

// serves reports whether the process holds the lock file of our state open.
func (d Daemon) serves(pid int) bool {
	want, err := filepath.EvalSymlinks(d.Path(LockFile))
	if err != nil {
		return false
	}
	if want, err = filepath.Abs(want); err != nil {
		return false
	}
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && to == want {
			return true
		}
	}
	return false
}

// gone waits until a process has ended.
func gone(ctx context.Context, pidfd int, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for ctx.Err() == nil {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 100)
		if err == nil && n > 0 {
			return true
		}
	}
	return false
}
