package supervise

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// Command is what to execute. The child gets a session and a process group of
// its own, and nothing of ours but the files named here.
type Command struct {
	Path   string   // of the executable
	Args   []string // Args[0] is the name it sees itself called by
	Env    []string
	Stdin  *os.File // nil: /dev/null
	Output *os.File // stdout and stderr; nil: /dev/null
}

// Process is a running child.
type Process interface {
	// ID names the process for as long as the machine runs: its PID and the
	// time it started, in clock ticks since the kernel did.
	ID() ID
	// Signal sends a signal to the whole process group; one that has ended gets none.
	Signal(syscall.Signal)
	// Done is closed when the process has ended; Exit tells how, after that.
	Done() <-chan struct{}
	Exit() Exit
}

// ID is a PID that is not mistaken for a later process of the same number.
type ID struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"`
}

// Starter starts processes, and takes on those that an earlier agent started.
type Starter interface {
	Start(Command) (Process, error)
	// Adopt reports false when the process is no more.
	Adopt(ID) (Process, bool)
}

// Exit is how a process ended.
type Exit struct {
	Known  bool // false for an adopted process that was not our child
	Code   int
	Signal syscall.Signal // 0: it exited by itself
}

// Success reports a clean end.
func (e Exit) Success() bool { return e.Known && e.Code == 0 && e.Signal == 0 }

func (e Exit) String() string {
	switch {
	case !e.Known:
		return "ended"
	case e.Signal != 0:
		return "killed by signal " + strconv.Itoa(int(e.Signal)) + " (" + e.Signal.String() + ")"
	default:
		return "exited with status " + strconv.Itoa(e.Code)
	}
}

func exitOf(status syscall.WaitStatus) Exit {
	if status.Signaled() {
		return Exit{Known: true, Signal: status.Signal()}
	}
	return Exit{Known: true, Code: status.ExitStatus()}
}

// stat is the part of /proc/<pid>/stat that tells processes apart.
type stat struct {
	zombie bool
	parent int
	start  uint64
}

// readStat reads /proc/<pid>/stat (proc_pid_stat(5)). The second field, the
// name, may hold anything, so counting starts behind its last parenthesis.
func readStat(pid int) (stat, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, err
	}
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 20 {
		return stat{}, fmt.Errorf("read /proc/%d/stat: not understood", pid)
	}
	parent, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return stat{}, fmt.Errorf("read /proc/%d/stat: %w", pid, err)
	}
	start, err := strconv.ParseUint(string(fields[19]), 10, 64)
	if err != nil {
		return stat{}, fmt.Errorf("read /proc/%d/stat: %w", pid, err)
	}
	return stat{zombie: fields[0][0] == 'Z', parent: parent, start: start}, nil
}

// StartTime is when a process started, in clock ticks since the kernel did.
func StartTime(pid int) (uint64, error) {
	s, err := readStat(pid)
	return s.start, err
}
