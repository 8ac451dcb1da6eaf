package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// keyedLocks is a mutex per key. The zero value is ready.
type keyedLocks struct {
	mu   sync.Mutex
	held map[string]*keyedLock
}

type keyedLock struct {
	mu    sync.Mutex
	users int
}

// lock returns the function that unlocks.
func (k *keyedLocks) lock(key string) func() {
	k.mu.Lock()
	if k.held == nil {
		k.held = map[string]*keyedLock{}
	}
	entry := k.held[key]
	if entry == nil {
		entry = &keyedLock{}
		k.held[key] = entry
	}
	entry.users++
	k.mu.Unlock()

	entry.mu.Lock()
	return func() {
		entry.mu.Unlock()
		k.mu.Lock()
		defer k.mu.Unlock()
		if entry.users--; entry.users == 0 {
			delete(k.held, key)
		}
	}
}

// hostDir is where services with different state directories agree.
const (
	hostDir  = "/run/jeroboam"
	hostLock = hostDir + "/local.lock"
)

// lockHost keeps other services of the host from changing what they share with
// us: which networks are taken, and whether the host forwards.
func (l *Local) lockHost(ctx context.Context) (unlock func(), err error) {
	for {
		if err := os.MkdirAll(hostDir, 0o755); err != nil {
			return nil, failed("host-lock", "The directory "+hostDir+" cannot be made.", err)
		}
		file, err := lockFile(ctx, hostLock)
		if errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil {
			continue // another instance was the last to leave, just now
		}
		if err != nil {
			return nil, failed("host-lock", "Another service holds the lock of this host.", err)
		}
		return func() { file.Close() }, nil
	}
}

// lockFile opens and locks a file, made if need be. The lock ends when the
// last process that has the open file closes it; a child may be given it.
func lockFile(ctx context.Context, path string) (*os.File, error) {
	for {
		file, err := tryLock(path)
		if file != nil || err != nil {
			return file, err
		}
		// The kernel can wait for us, but not for a context.
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("lock %s: %w", path, ctx.Err())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// tryLock returns neither file nor error when the lock is not to be had now.
func tryLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil && sameFile(file, path) {
		return file, nil
	}
	file.Close()
	if err == nil || errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
		return nil, nil
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}

// sameFile reports whether the path still leads to the open file: who had the
// lock before may have removed it.
func sameFile(file *os.File, path string) bool {
	opened, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(opened, there)
}

// broadcast tells any number of listeners that something changed. The zero
// value is ready.
type broadcast struct {
	mu   sync.Mutex
	wake chan struct{}
}

// next returns the channel that the next call of send closes.
func (b *broadcast) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wake == nil {
		b.wake = make(chan struct{})
	}
	return b.wake
}

func (b *broadcast) send() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wake != nil {
		close(b.wake)
	}
	b.wake = nil
}
