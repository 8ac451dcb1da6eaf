package local

import (
	"context"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jeroboam-cloud/jeroboam/cloud/local/internal/process"
)

const (
	watchSlice  = 500 * time.Millisecond // how late a new machine is noticed
	watchRescan = 10 * time.Second       // how late one that another Local started is
)

// Watch implements cloud.Watcher: the kernel tells when the first process of a
// machine ends. Machines that do not run when it begins are told of too. A
// balancer that ends is the cloud's own affair: it is started again here.
func (l *Local) Watch(ctx context.Context) <-chan string {
	stopped := make(chan string)
	go func() {
		defer close(stopped)
		w := watcher{local: l, running: map[process.ID]watched{}}
		defer w.close()
		w.run(ctx, stopped)
	}()
	return stopped
}

// runner is a machine or a balancer.
type runner struct {
	cluster  string
	dir      string
	balancer string // its name; "" for a machine
}

// watcher holds an open pidfd of everything that runs.
type watcher struct {
	local   *Local
	running map[process.ID]watched
}

type watched struct {
	runner
	fd int
}

func (w *watcher) run(ctx context.Context, stopped chan<- string) {
	changed := w.local.changed.next()
	ended := w.scan()
	for scanned := time.Now(); ctx.Err() == nil; {
		w.report(ctx, ended, stopped)
		ended = w.wait()
		select {
		case <-changed:
		default:
			if time.Since(scanned) < watchRescan {
				continue
			}
		}
		changed = w.local.changed.next() // before the scan: none is missed
		for _, r := range w.scan() {
			if r.balancer != "" { // a machine that does not run was told of when it ended
				ended = append(ended, r)
			}
		}
		scanned = time.Now()
	}
}

// report tells of clusters whose machines ended, each once, and starts
// balancers again.
func (w *watcher) report(ctx context.Context, ended []runner, stopped chan<- string) {
	told := map[string]bool{}
	for _, r := range ended {
		if r.balancer != "" {
			if err := w.local.reviveBalancer(ctx, r.cluster, r.balancer); err != nil {
				w.local.log.Warn("balancer not started again", "cluster", r.cluster, "reason", err.Error())
			}
			continue
		}
		if told[r.cluster] {
			continue
		}
		told[r.cluster] = true
		select {
		case stopped <- r.cluster:
		case <-ctx.Done():
			return
		}
	}
}

// scan opens what runs and is not open yet, and returns what does not run.
func (w *watcher) scan() []runner {
	clusters, err := subdirectories(filepath.Join(w.local.dir, "clusters"))
	if err != nil {
		w.local.log.Warn("the machines cannot be watched", "reason", err.Error())
		return nil
	}
	var dead []runner
	for _, cluster := range clusters {
		for _, r := range w.local.runners(cluster) {
			if !w.open(r) {
				dead = append(dead, r)
			}
		}
	}
	return dead
}

// runners lists a cluster's machines and balancers.
func (l *Local) runners(cluster string) []runner {
	var all []runner
	for _, k := range []kind{machineKind, balancerKind} {
		names, err := subdirectories(l.dirOf(k, cluster, ""))
		if err != nil {
			continue // the cluster was deleted in the meantime
		}
		for _, name := range names {
			r := runner{cluster: cluster, dir: l.dirOf(k, cluster, name)}
			if k == balancerKind {
				r.balancer = name
			}
			all = append(all, r)
		}
	}
	return all
}

// open reports whether the runner runs and is watched.
func (w *watcher) open(r runner) bool {
	id := w.local.processOf(r.dir)
	if _, known := w.running[id]; known {
		return true
	}
	fd, err := id.Open()
	if err != nil || fd < 0 {
		return false
	}
	w.running[id] = watched{runner: r, fd: fd}
	return true
}

// wait returns what ended, after a slice of time at most.
func (w *watcher) wait() []runner {
	ids := make([]process.ID, 0, len(w.running))
	fds := make([]unix.PollFd, 0, len(w.running))
	for id, r := range w.running {
		ids = append(ids, id)
		fds = append(fds, unix.PollFd{Fd: int32(r.fd), Events: unix.POLLIN})
	}
	if n, err := unix.Poll(fds, int(watchSlice/time.Millisecond)); n <= 0 || err != nil {
		return nil // interrupted by a signal, or nothing happened
	}
	var ended []runner
	for i, id := range ids {
		if fds[i].Revents == 0 {
			continue
		}
		r := w.running[id]
		unix.Close(r.fd)
		delete(w.running, id)
		id.Alive() // reaps it, if it is our child
		ended = append(ended, r.runner)
	}
	return ended
}

func (w *watcher) close() {
	for _, r := range w.running {
		unix.Close(r.fd)
	}
}
