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
// machine, or that of a balancer, ends. Those that do not run when it begins
// are told of too.
func (l *Local) Watch(ctx context.Context) <-chan string {
	stopped := make(chan string)
	go func() {
		defer close(stopped)
		w := watcher{local: l, machines: map[process.ID]watched{}}
		defer w.close()
		w.run(ctx, stopped)
	}()
	return stopped
}

// watcher holds an open pidfd of every machine that runs.
type watcher struct {
	local    *Local
	machines map[process.ID]watched
}

type watched struct {
	cluster string
	fd      int
}

func (w *watcher) run(ctx context.Context, stopped chan<- string) {
	changed := w.local.changed.next()
	clusters := w.scan()
	for scanned := time.Now(); ctx.Err() == nil; {
		for cluster := range clusters {
			select {
			case stopped <- cluster:
			case <-ctx.Done():
				return
			}
		}
		clusters = w.wait()
		select {
		case <-changed:
		default:
			if time.Since(scanned) < watchRescan {
				continue
			}
		}
		changed = w.local.changed.next() // before the scan: none is missed
		w.scan()
		scanned = time.Now()
	}
}

// scan opens what runs and is not open yet, and returns the clusters of what
// does not run.
func (w *watcher) scan() map[string]bool {
	dead := map[string]bool{}
	clusters, err := subdirectories(filepath.Join(w.local.dir, "clusters"))
	if err != nil {
		w.local.log.Warn("the machines cannot be watched", "reason", err.Error())
		return nil
	}
	for _, cluster := range clusters {
		for _, dir := range w.local.runners(cluster) {
			if !w.open(cluster, w.local.processOf(dir)) {
				dead[cluster] = true
			}
		}
	}
	return dead
}

// runners lists the directories of a cluster's machines and balancers.
func (l *Local) runners(cluster string) []string {
	var dirs []string
	for _, kind := range []string{"machines", "balancers"} {
		parent := filepath.Join(l.clusterDir(cluster), kind)
		names, err := subdirectories(parent)
		if err != nil {
			continue // the cluster was deleted in the meantime
		}
		for _, name := range names {
			dirs = append(dirs, filepath.Join(parent, name))
		}
	}
	return dirs
}

// open reports whether the process runs and is watched.
func (w *watcher) open(cluster string, id process.ID) bool {
	if _, known := w.machines[id]; known {
		return true
	}
	fd, err := id.Open()
	if err != nil || fd < 0 {
		return false
	}
	w.machines[id] = watched{cluster: cluster, fd: fd}
	return true
}

// wait returns the clusters whose machines ended, after a slice of time at most.
func (w *watcher) wait() map[string]bool {
	ids := make([]process.ID, 0, len(w.machines))
	fds := make([]unix.PollFd, 0, len(w.machines))
	for id, machine := range w.machines {
		ids = append(ids, id)
		fds = append(fds, unix.PollFd{Fd: int32(machine.fd), Events: unix.POLLIN})
	}
	ended := map[string]bool{}
	if n, err := unix.Poll(fds, int(watchSlice/time.Millisecond)); n <= 0 || err != nil {
		return ended // interrupted by a signal, or nothing happened
	}
	for i, id := range ids {
		if fds[i].Revents == 0 {
			continue
		}
		machine := w.machines[id]
		unix.Close(machine.fd)
		delete(w.machines, id)
		id.Alive() // reaps it, if it is our child
		ended[machine.cluster] = true
	}
	return ended
}

func (w *watcher) close() {
	for _, machine := range w.machines {
		unix.Close(machine.fd)
	}
}
