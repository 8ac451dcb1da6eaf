package supervise

import (
	"errors"
	"fmt"
	"time"
)

func taskUnit(s *Supervisor, task Task) *unit {
	u := newUnit(s, task.Name, task.Version, definition{
		after: task.After, gate: task.Gate, prepare: task.Prepare, task: task,
	})
	u.task = true
	return u
}

// runTask runs the commands to success, once per version.
func (u *unit) runTask() {
	u.clear()
	if u.s.record.isDone(u.name, u.version) {
		u.set(ready, "")
		return
	}
	pauses := Backoff{First: restartFirst, Last: restartLast}
	for {
		start := time.Now()
		err := u.try()
		if err == nil {
			u.s.note(u.s.record.done(u.name, u.version))
			u.set(ready, "")
			u.s.Logger.Info("task done", "task", u.name, "dur", time.Since(start))
			return
		}
		if u.ctx.Err() != nil {
			u.set(stopped, "")
			return
		}
		pause := pauses.Next()
		u.restarted()
		u.set(backoff, err.Error())
		u.s.Logger.Warn("task failed", "task", u.name, "dur", pause, "err", err)
		if !Sleep(u.ctx, pause) {
			u.set(stopped, "")
			return
		}
	}
}

// clear stops a run of the task that an earlier agent left.
func (u *unit) clear() {
	recorded, ok := u.s.record.process(u.name)
	if !ok {
		return
	}
	if process, ok := u.s.Starter.Adopt(recorded.ID); ok {
		halt(process, defaultStop)
	}
	u.s.note(u.s.record.ended(u.name, recorded.ID))
}

func (u *unit) try() error {
	if err := u.admit(); err != nil {
		return err
	}
	u.set(up, "")
	task := u.get().task
	for _, command := range task.Commands {
		if err := u.command(task, command); err != nil {
			return err
		}
	}
	return nil
}

func (u *unit) command(task Task, command TaskCommand) error {
	run := Command{Path: command.Executable, Args: command.Args, Env: environment(u.s.Path, nil)}
	if task.Stdin != "" {
		file, err := stdin(task.Stdin)
		if err != nil {
			return fmt.Errorf("write the task's input: %w", err)
		}
		defer file.Close()
		run.Stdin = file
	}
	process, from, err := u.start(run)
	if err != nil {
		return err
	}
	select {
	case <-process.Done():
	case <-u.ctx.Done():
		halt(process, defaultStop)
	}
	u.s.note(u.s.record.ended(u.name, process.ID()))
	if exit := process.Exit(); !exit.Success() {
		return errors.New(u.explain(exit, from))
	}
	return u.ctx.Err()
}
