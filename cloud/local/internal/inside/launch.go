// Package inside is the first half second of a local machine: the process that
// is already in the machine's namespaces builds its root file system, moves
// into it and becomes the agent. It runs in a process of its own.
package inside

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/jeroboam-cloud/jeroboam/cloud/local/internal/cgroup"
	"github.com/jeroboam-cloud/jeroboam/cloud/local/internal/process"
)

// Files of a machine's directory that both sides know.
const (
	ConfigFile  = "launch.json"
	ProcessFile = "process.json" // process.ID of the machine's first process
	FaultFile   = "fault"        // why the last start failed; empty when it did not
	ConsoleFile = "console.log"
)

// UserDataPath is where an agent finds its node.UserData.
const UserDataPath = "/etc/jeroboam/user-data.json"

// AgentPath is where a machine has its agent.
const AgentPath = "/opt/jeroboam/sbin/jeroboam-agent"

// GatewayPath is where a machine has the directory of the service's socket.
const GatewayPath = "/run/jeroboam"

// Config is all the launcher must know. It holds no secret.
type Config struct {
	Hostname   string   `json:"hostname"`
	UUID       string   `json:"uuid"`
	Address    string   `json:"address"` // IPv4 without the prefix length
	Cgroup     string   `json:"cgroup"`
	CPUs       string   `json:"cpus"` // in the kernel's notation: "0-1"
	MemoryMB   int      `json:"memory_mb"`
	Agent      string   `json:"agent"`       // the agent's binary on the host
	GatewayDir string   `json:"gateway_dir"` // on the host
	BundleDir  string   `json:"bundle_dir"`  // on the host; "" when there is none
	BundleRoot string   `json:"bundle_root"` // in the machine
	UserData   string   `json:"user_data"`   // file on the host
	Nameserver string   `json:"nameserver,omitempty"`
	Hidden     []string `json:"hidden,omitempty"` // host directories the machine must not see
}

// Launch turns the calling process into the machine whose directory it is
// given; it returns only when that failed, and leaves the reason in FaultFile.
func Launch(dir string) error {
	runtime.LockOSThread() // namespaces belong to threads
	fault, err := os.OpenFile(filepath.Join(dir, FaultFile), os.O_CREATE|os.O_WRONLY|os.O_TRUNC|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	defer fault.Close()
	err = launch(dir)
	_, _ = fault.WriteString(err.Error())
	return err
}

func launch(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	if err != nil {
		return err
	}
	var c Config
	if err := json.Unmarshal(data, &c); err != nil {
		return fmt.Errorf("read %s: %w", ConfigFile, err)
	}
	self, err := process.Self()
	if err != nil {
		return err
	}
	if err := self.Save(filepath.Join(dir, ProcessFile)); err != nil {
		return err
	}
	groups, err := cgroup.Detect()
	if err != nil {
		return err
	}
	if err := groups.Enter(c.Cgroup); err != nil {
		return err
	}
	if err := buildRoot(dir, c, groups); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte(c.Hostname)); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	return become(AgentPath)
}

// become executes the agent as this process: PID 1 of the machine.
func become(path string) error {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err == nil {
		files.Cur = files.Max
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
			return fmt.Errorf("raise the limit of open files: %w", err)
		}
	}
	unix.Umask(0o022)
	env := []string{
		"PATH=/opt/jeroboam/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root", "LANG=C.UTF-8", "container=jeroboam",
	}
	err := unix.Exec(path, []string{path}, env)
	return fmt.Errorf("execute %s: %w", path, err)
}

// mount and bind say what they did when they fail.
func mount(source, target, kind string, flags uintptr, options string) error {
	if err := unix.Mount(source, target, kind, flags, options); err != nil {
		return fmt.Errorf("mount %s on %s (%s): %w", kind, target, options, err)
	}
	return nil
}

func bind(source, target string, readOnly bool) error {
	if err := unix.Mount(source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("bind %s on %s: %w", source, target, err)
	}
	if !readOnly {
		return nil
	}
	if err := unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("make %s read-only: %w", target, err)
	}
	return nil
}

// bindFile binds over a file if the machine has it.
func bindFile(source, target string, readOnly bool) error {
	if _, err := os.Stat(target); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return bind(source, target, readOnly)
}
