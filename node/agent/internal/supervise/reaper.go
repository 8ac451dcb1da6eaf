package supervise

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Reaper starts every child of the agent and is the only one that waits for
// them. As a machine's first process it also reaps the orphans that the kernel
// hands to it.
type Reaper struct {
	orphans bool
	signals chan os.Signal
	stopped sync.WaitGroup

	mu       sync.Mutex // held while a child is forked and while children are waited for
	children map[int]*child
	adopted  map[int]*child // not our children: an earlier agent's, watched through a pidfd
}

// NewReaper starts reaping. With orphans set it waits for every child of the
// process: nothing else in the process may then start one.
func NewReaper(orphans bool) *Reaper {
	r := &Reaper{
		orphans: orphans, signals: make(chan os.Signal, 1),
		children: map[int]*child{}, adopted: map[int]*child{},
	}
	signal.Notify(r.signals, syscall.SIGCHLD)
	r.stopped.Go(func() {
		r.reap() // those that ended before we listened
		for range r.signals {
			r.reap()
		}
	})
	return r
}

// Close stops reaping; what runs is left running.
func (r *Reaper) Close() {
	signal.Stop(r.signals)
	close(r.signals)
	r.mu.Lock()
	for _, c := range r.adopted {
		c.pidfd.Close() // ends its watch
	}
	r.mu.Unlock()
	r.stopped.Wait()
}

// Start executes a command.
func (r *Reaper) Start(command Command) (Process, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", command.Path, err)
	}
	defer null.Close()
	in, out := command.Stdin, command.Output
	if in == nil {
		in = null
	}
	if out == nil {
		out = null
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	pid, err := syscall.ForkExec(command.Path, command.Args, &syscall.ProcAttr{
		Dir:   "/",
		Env:   command.Env,
		Files: []uintptr{in.Fd(), out.Fd(), out.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", command.Path, err)
	}
	c := &child{reaper: r, id: ID{PID: pid}, done: make(chan struct{})}
	c.id.Start, _ = StartTime(pid) // it is there until we wait for it
	r.children[pid] = c
	return c, nil
}

// Adopt takes on a process that an earlier agent started: our own child when
// that agent became us by execve, a stranger when it died.
func (r *Reaper) Adopt(id ID) (Process, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, err := readStat(id.PID)
	if err != nil || now.start != id.Start {
		return nil, false
	}
	for _, present := range []*child{r.children[id.PID], r.adopted[id.PID]} {
		if present != nil && present.id == id {
			return present, true
		}
	}
	c := &child{reaper: r, id: id, done: make(chan struct{})}
	if now.parent == os.Getpid() {
		r.children[id.PID] = c
		if now.zombie {
			r.collect(c)
		}
		return c, true
	}
	if now.zombie || !r.watch(c) {
		return nil, false
	}
	r.adopted[id.PID] = c
	return c, true
}

// watch notices the end of a process that is not our child. The caller holds mu.
func (r *Reaper) watch(c *child) bool {
	fd, err := unix.PidfdOpen(c.id.PID, unix.PIDFD_NONBLOCK)
	if err != nil {
		return false
	}
	c.pidfd = os.NewFile(uintptr(fd), "pidfd")
	// The number may have gone to another between the look and the open.
	if again, err := readStat(c.id.PID); err != nil || again.start != c.id.Start {
		c.pidfd.Close()
		return false
	}
	r.stopped.Go(func() {
		ended := waitReadable(c.pidfd)
		r.mu.Lock()
		defer r.mu.Unlock()
		c.pidfd.Close()
		if ended {
			delete(r.adopted, c.id.PID)
			c.end(Exit{})
		}
	})
	return true
}

// waitReadable waits until a pidfd says that its process has ended; false when
// the file was closed.
func waitReadable(file *os.File) bool {
	conn, err := file.SyscallConn()
	if err != nil {
		return false
	}
	return conn.Read(func(fd uintptr) bool {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(poll, 0)
		return err == nil && n == 1
	}) == nil
}

func (r *Reaper) reap() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.orphans {
		for _, c := range r.children {
			r.collect(c)
		}
		return
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil || pid == 0:
			return
		default:
			if c := r.children[pid]; c != nil {
				delete(r.children, pid)
				c.end(exitOf(status))
			}
		}
	}
}

// collect waits for one child if it has ended. The caller holds mu.
func (r *Reaper) collect(c *child) {
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(c.id.PID, &status, syscall.WNOHANG, nil)
	for err == syscall.EINTR {
		pid, err = syscall.Wait4(c.id.PID, &status, syscall.WNOHANG, nil)
	}
	if err == nil && pid == 0 {
		return
	}
	delete(r.children, c.id.PID)
	if err != nil {
		c.end(Exit{})
		return
	}
	c.end(exitOf(status))
}

// child is a Process of a Reaper.
type child struct {
	reaper *Reaper
	id     ID
	pidfd  *os.File // of an adopted stranger
	done   chan struct{}
	exit   Exit
}

func (c *child) ID() ID                { return c.id }
func (c *child) Done() <-chan struct{} { return c.done }

func (c *child) Exit() Exit {
	<-c.done
	return c.exit
}

func (c *child) Signal(sig syscall.Signal) {
	c.reaper.mu.Lock()
	defer c.reaper.mu.Unlock()
	select {
	case <-c.done:
	default:
		_ = syscall.Kill(-c.id.PID, sig) // gone already: its end is on the way
	}
}

// end notes the end and kills what the process left in its group: a shell
// script's children would hold its port. The caller holds the reaper's mu.
func (c *child) end(exit Exit) {
	_ = syscall.Kill(-c.id.PID, syscall.SIGKILL)
	c.exit = exit
	close(c.done)
}
