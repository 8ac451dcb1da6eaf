// Package supervise keeps a machine's services running and runs its tasks: in
// their order, with probes, back-off, logs and a record from which the next
// agent takes the running processes on. It knows nothing of the service that
// wants them, of certificates or of bundles.
package supervise

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// States of services and tasks, as jeroboam.ServiceState has them. A task that
// is done is ready.
const (
	waiting  = "waiting"  // for others, or for its gate
	starting = "starting" // for its executable
	up       = "running"  // its process lives; a task's command runs
	ready    = "ready"
	backoff  = "backoff" // it ended, and is started again soon
	failed   = "failed"  // it cannot be started; tried again all the same
	stopped  = "stopped"
)

const (
	restartFirst = 100 * time.Millisecond
	restartLast  = 10 * time.Second
	steadyAfter  = 10 * time.Second // a life that resets the back-off
	defaultStop  = 5 * time.Second  // from TERM to KILL
	trimEvery    = 5 * time.Second  // between looks at the sizes of logs
)

// Options is what a supervisor is made of; all must be set.
type Options struct {
	Starter Starter
	LogDir  string
	Record  string // path of the record of processes and done tasks
	Boot    string // changes with every boot of the machine
	Path    string // PATH of services
	Logger  *slog.Logger
}

// Plan is all that should run.
type Plan struct {
	Services []Service
	Tasks    []Task
}

// Service is a process to keep running.
type Service struct {
	node.Service
	Executable string // path
	// Version names everything the process was started with; another Version
	// means a restart.
	Version string
	// Prepare returns when Executable may be run; nil: at once.
	Prepare func(context.Context) error
}

// Task is a list of commands to run to success, once per Version.
type Task struct {
	Name     string
	Commands []TaskCommand
	Stdin    string
	After    []string
	Gate     *node.Probe
	Version  string
	Prepare  func(context.Context) error
}

// TaskCommand is one command of a task.
type TaskCommand struct {
	Executable string
	Args       []string
}

// State is how everything in the plan is doing, in the plan's order.
type State struct {
	Services []jeroboam.ServiceState
	Tasks    []jeroboam.ServiceState
	Started  bool // every service has been started in its present version
}

// Supervisor runs one plan at a time.
type Supervisor struct {
	Options
	logs   logs
	record *record
	group  sync.WaitGroup // everything that was started here
	quit   chan struct{}

	mu       sync.Mutex
	plan     Plan
	units    map[string]*unit
	leaving  map[string]*unit // in the plan no more, perhaps still stopping
	changed  chan struct{}    // closed and made anew on every change of a state
	detached bool             // processes are to be left running
	closed   bool
}

// New makes a supervisor that runs nothing yet. Processes that an earlier
// agent recorded wait to be taken on by the first Set.
func New(options Options) (*Supervisor, error) {
	record, err := openRecord(options.Record, options.Boot)
	if err != nil {
		return nil, err
	}
	s := &Supervisor{
		Options: options,
		logs:    logs{dir: options.LogDir, max: maxLog},
		record:  record,
		quit:    make(chan struct{}),
		units:   map[string]*unit{},
		leaving: map[string]*unit{},
		changed: make(chan struct{}),
	}
	s.group.Go(s.trimLogs)
	return s, nil
}

// Inherited reports whether an earlier agent left processes running.
func (s *Supervisor) Inherited() bool {
	for _, name := range s.record.names() {
		recorded, _ := s.record.process(name)
		if now, err := readStat(recorded.PID); err == nil && now.start == recorded.Start {
			return true
		}
	}
	return false
}

// Set makes plan the one to run. What is in it as before goes on undisturbed;
// what has another Version is restarted, and what is in it no more is stopped.
// Names are unique among services and tasks together, and After has no cycles.
func (s *Supervisor) Set(plan Plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.plan = plan
	maps.DeleteFunc(s.leaving, func(_ string, u *unit) bool { return u.hasEnded() })
	wanted := map[string]*unit{}
	for _, service := range plan.Services {
		wanted[service.Name] = s.keep(serviceUnit(s, service))
	}
	for _, task := range plan.Tasks {
		wanted[task.Name] = s.keep(taskUnit(s, task))
	}
	for name, u := range s.units {
		if wanted[name] == nil {
			u.cancel()
			s.leaving[name] = u
		}
	}
	s.units = wanted
	s.stopStrangers()
	s.notify()
}

// keep returns the unit that runs under next's name, brought up to date, or
// starts next in its place. The caller holds mu.
func (s *Supervisor) keep(next *unit) *unit {
	present := s.units[next.name]
	if present != nil && present.task == next.task && present.version == next.version {
		present.definition = next.definition
		next.cancel()
		return present
	}
	if present == nil {
		present = s.leaving[next.name]
	}
	if present != nil {
		next.before = func() {
			present.cancel()
			<-present.ended
		}
	}
	s.group.Go(next.run)
	return next
}

// stopStrangers stops recorded processes that the plan knows nothing of: an
// earlier agent's services that have been removed, and its tasks. The caller holds mu.
func (s *Supervisor) stopStrangers() {
	for _, name := range s.record.names() {
		if s.units[name] != nil || s.leaving[name] != nil {
			continue
		}
		recorded, _ := s.record.process(name)
		process, ok := s.Starter.Adopt(recorded.ID)
		if !ok {
			s.note(s.record.ended(name, recorded.ID))
			continue
		}
		s.group.Go(func() {
			halt(process, defaultStop)
			s.note(s.record.ended(name, recorded.ID))
		})
	}
}

// State returns the present state and a channel that is closed on its next change.
func (s *Supervisor) State() (State, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := State{Started: true}
	for _, service := range s.plan.Services {
		u := s.units[service.Name]
		state.Services = append(state.Services, u.state)
		state.Started = state.Started && u.begun
	}
	for _, task := range s.plan.Tasks {
		state.Tasks = append(state.Tasks, s.units[task.Name].state)
	}
	return state, s.changed
}

// Stop stops everything, each service only after those that come after it,
// and waits for it.
func (s *Supervisor) Stop() {
	units := s.close(false)
	var group sync.WaitGroup
	for _, u := range units {
		group.Go(func() {
			for _, other := range units {
				if slices.Contains(other.definition.after, u.name) {
					<-other.ended
				}
			}
			u.cancel()
			<-u.ended
		})
	}
	group.Wait()
	s.group.Wait()
}

// Detach lets go of the services without stopping them, for the next agent to
// take on. Tasks are broken off: it runs them again.
func (s *Supervisor) Detach() {
	for _, u := range s.close(true) {
		u.cancel()
	}
	s.group.Wait()
}

// close refuses further plans and returns the units of the last one.
func (s *Supervisor) close(detach bool) []*unit {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		close(s.quit)
	}
	s.closed, s.detached = true, detach
	return slices.Collect(maps.Values(s.units))
}

// notify tells everybody who waits that a state has changed. The caller holds mu.
func (s *Supervisor) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Supervisor) isDetached() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.detached
}

func (s *Supervisor) trimLogs() {
	ticker := time.NewTicker(trimEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.quit:
			return
		case <-ticker.C:
		}
		s.mu.Lock()
		names := slices.Collect(maps.Keys(s.units))
		s.mu.Unlock()
		for _, name := range names {
			s.note(s.logs.trim(name))
		}
	}
}

// note logs an error that nothing can be done about here.
func (s *Supervisor) note(err error) {
	if err != nil {
		s.Logger.Error("supervision", "err", err)
	}
}
