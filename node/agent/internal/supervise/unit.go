package supervise

import (
	"context"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// unit is a service or a task, and the one goroutine that runs it.
type unit struct {
	s       *Supervisor
	name    string
	task    bool
	version string
	before  func() // stops the unit this one replaces; nil: there is none
	ctx     context.Context
	cancel  context.CancelFunc
	ended   chan struct{}

	// Under Supervisor.mu:
	definition definition
	state      jeroboam.ServiceState
	begun      bool // it was started once, or taken on
}

// definition is what may change without a restart.
type definition struct {
	after   []string
	gate    *node.Probe
	ready   *node.Probe
	stop    time.Duration
	prepare func(context.Context) error
	service Service
	task    Task
}

func newUnit(s *Supervisor, name, version string, d definition) *unit {
	ctx, cancel := context.WithCancel(context.Background())
	if d.prepare == nil {
		d.prepare = func(context.Context) error { return nil }
	}
	return &unit{
		s: s, name: name, version: version, definition: d,
		ctx: ctx, cancel: cancel, ended: make(chan struct{}),
		state: jeroboam.ServiceState{Name: name, State: waiting},
	}
}

// run is the unit's life, until it is cancelled; a task ends when it is done.
func (u *unit) run() {
	defer close(u.ended)
	defer u.cancel()
	if u.before != nil {
		// The old one runs on while the new one's executable is on its way.
		_ = u.prepare()
		u.before()
	}
	if u.task {
		u.runTask()
		return
	}
	u.runService()
}

func (u *unit) hasEnded() bool {
	select {
	case <-u.ended:
		return true
	default:
		return false
	}
}

// get returns the definition in force.
func (u *unit) get() definition {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	return u.definition
}

func (u *unit) prepare() error { return u.get().prepare(u.ctx) }

// set changes the state and tells those who wait for it.
func (u *unit) set(state, message string) {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	if u.state.State == state && u.state.Message == message {
		return
	}
	u.state.State, u.state.Message = state, message
	u.begun = u.begun || state == up || state == ready
	u.s.notify()
}

func (u *unit) restarted() {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	u.state.Restarts++
}

// admit returns when the unit may be started: the others are ready, the gate
// has passed and the executable is there. It fails only when the unit is
// cancelled or the executable cannot be had.
func (u *unit) admit() error {
	if err := u.awaitOthers(); err != nil {
		return err
	}
	if gate := u.get().gate; gate != nil {
		u.set(waiting, "for its gate")
		err := until(u.ctx, *gate, u.patiently(waiting, "for its gate: "))
		if err != nil {
			return err
		}
	}
	u.set(starting, "")
	return u.prepare()
}

// patiently makes the report of a probe that fails: not of the first seconds,
// in which failing is what it should do, and then now and again, because the
// words may be others every time (port numbers).
func (u *unit) patiently(state, prefix string) func(error) {
	next := time.Now().Add(probeQuiet)
	return func(err error) {
		if now := time.Now(); now.After(next) {
			u.set(state, prefix+err.Error())
			next = now.Add(probeReport)
		}
	}
}

// awaitOthers waits until all in After are ready.
func (u *unit) awaitOthers() error {
	for {
		u.s.mu.Lock()
		missing := u.missing()
		changed := u.s.changed
		u.s.mu.Unlock()
		if len(missing) == 0 {
			return u.ctx.Err()
		}
		u.set(waiting, "for "+strings.Join(missing, ", "))
		select {
		case <-changed:
		case <-u.ctx.Done():
			return u.ctx.Err()
		}
	}
}

// missing names those in After that are not ready. The caller holds mu.
func (u *unit) missing() []string {
	return slices.DeleteFunc(slices.Clone(u.definition.after), func(name string) bool {
		other := u.s.units[name]
		return other != nil && other.state.State == ready
	})
}

// start executes a command of the unit with its log as output, and records the
// process. It also tells where in the log its output begins.
func (u *unit) start(command Command) (Process, int64, error) {
	log, size, err := u.s.logs.open(u.name)
	if err != nil {
		return nil, 0, err
	}
	defer log.Close()
	command.Output = log
	process, err := u.s.Starter.Start(command)
	if err != nil {
		return nil, 0, err
	}
	u.s.mu.Lock()
	restarts := u.state.Restarts
	u.s.mu.Unlock()
	u.s.note(u.s.record.started(u.name, running{ID: process.ID(), Version: u.version, Restarts: restarts}))
	return process, size, nil
}

// halt asks a process to end, and kills its group when it does not in time.
func halt(process Process, patience time.Duration) {
	if patience <= 0 {
		patience = defaultStop
	}
	process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-process.Done():
	case <-timer.C:
		process.Signal(syscall.SIGKILL)
		<-process.Done()
	}
}

// explain is the message of a process that ended: how, and its last words.
func (u *unit) explain(exit Exit, from int64) string {
	text := exit.String()
	if tail := u.s.logs.tail(u.name, from); tail != "" {
		text += ":\n" + tail
	}
	return text
}

// environment of a child: little, the same wherever the agent runs.
func environment(path string, extra map[string]string) []string {
	env := map[string]string{"PATH": path, "HOME": "/root", "LANG": "C.UTF-8"}
	for key, value := range extra {
		env[key] = value
	}
	list := make([]string, 0, len(env))
	for key, value := range env {
		list = append(list, key+"="+value)
	}
	slices.Sort(list)
	return list
}

// stdin is a file that holds text, for a command to read.
func stdin(text string) (*os.File, error) {
	file, err := os.CreateTemp("", "jeroboam-stdin-")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(file.Name()) // it lives as long as it is open
	if _, err := file.WriteString(text); err != nil {
		file.Close()
		return nil, err
	}
	if _, err := file.Seek(0, 0); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}
