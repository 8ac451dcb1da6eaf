package supervise

import (
	"context"
	"sync"
	"time"
)

func serviceUnit(s *Supervisor, service Service) *unit {
	return newUnit(s, service.Name, service.Version, definition{
		after: service.After, gate: service.Gate, ready: service.Ready, stop: service.Stop,
		prepare: service.Prepare, service: service,
	})
}

// runService keeps the process running until the unit is cancelled.
func (u *unit) runService() {
	pauses := Backoff{First: restartFirst, Last: restartLast}
	process, from := u.inherit()
	for {
		var state, message, short string
		if process == nil {
			var err error
			if process, from, err = u.startService(); err != nil {
				state, message, short = failed, err.Error(), err.Error()
			}
		}
		start := time.Now()
		if process != nil {
			if !u.attend(process) {
				return
			}
			state, message, short = backoff, u.explain(process.Exit(), from), process.Exit().String()
			process = nil
		}
		if u.ctx.Err() != nil {
			u.set(stopped, "")
			return
		}
		if time.Since(start) >= steadyAfter {
			pauses.Reset()
		}
		pause := pauses.Next()
		u.restarted()
		u.set(state, message)
		u.s.Logger.Warn("service ended", "service", u.name, "state", state, "dur", pause, "err", short)
		if !Sleep(u.ctx, pause) {
			u.set(stopped, "")
			return
		}
	}
}

// inherit takes on the process an earlier agent recorded, or stops it when it
// is of another version.
func (u *unit) inherit() (Process, int64) {
	recorded, ok := u.s.record.process(u.name)
	if !ok {
		return nil, 0
	}
	process, ok := u.s.Starter.Adopt(recorded.ID)
	if !ok {
		u.s.note(u.s.record.ended(u.name, recorded.ID))
		return nil, 0
	}
	u.s.mu.Lock()
	u.state.Restarts = recorded.Restarts
	u.s.mu.Unlock()
	if recorded.Version == u.version {
		return process, 0
	}
	_ = u.prepare() // the old one runs on meanwhile
	if u.s.isDetached() {
		return nil, 0
	}
	halt(process, u.get().stop)
	u.s.note(u.s.record.ended(u.name, recorded.ID))
	return nil, 0
}

func (u *unit) startService() (Process, int64, error) {
	if err := u.admit(); err != nil {
		return nil, 0, err
	}
	service := u.get().service
	return u.start(Command{
		Path: service.Executable,
		Args: service.Command,
		Env:  environment(u.s.Path, service.Env),
	})
}

// attend watches a process until it ends. When the unit is cancelled it stops
// the process, or leaves it to the next agent and reports false.
func (u *unit) attend(process Process) bool {
	u.set(up, "")
	probing := u.probeReady()
	defer probing()
	select {
	case <-process.Done():
	case <-u.ctx.Done():
		if u.s.isDetached() {
			return false
		}
		halt(process, u.get().stop)
	}
	u.s.note(u.s.record.ended(u.name, process.ID()))
	return true
}

// probeReady sets the state to ready as soon as the probe passes, and returns
// what ends and awaits the probing.
func (u *unit) probeReady() func() {
	probe := u.get().ready
	if probe == nil {
		u.set(ready, "")
		return func() {}
	}
	ctx, cancel := context.WithCancel(u.ctx)
	var group sync.WaitGroup
	group.Go(func() {
		if until(ctx, *probe, u.patiently(up, "not ready: ")) == nil {
			u.set(ready, "")
		}
	})
	return func() {
		cancel()
		group.Wait()
	}
}
