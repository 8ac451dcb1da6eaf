// Package heir listens where one server of a host listens at a time.
package heir

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pause is between two looks whether the socket has become free.
const pause = 50 * time.Millisecond

// Heir listens on a socket that one server of this host has at a time: who
// holds the lock. The kernel frees it when its holder ends, however that was,
// and the next one listens in its place; agents only connect again.
type Heir struct {
	path string
	lock *os.File

	mu     sync.Mutex
	socket net.Listener // nil: somebody else has it
	closed chan struct{}
	once   sync.Once
}

// Listen listens at once if nobody else does: on the unix socket of that path, under the lock of that file.
func Listen(path, lock string) (*Heir, error) {
	f, err := os.OpenFile(lock, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("listen for agents: %w", err)
	}
	h := &Heir{path: path, lock: f, closed: make(chan struct{})}
	if _, err := h.take(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return h, nil
}

// take returns the socket; nil without an error: somebody else has it.
func (h *Heir) take() (net.Listener, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.closed:
		return nil, net.ErrClosed
	default:
	}
	if h.socket != nil {
		return h.socket, nil
	}
	err := unix.Flock(int(h.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("lock the socket of agents: %w", err)
	}
	// Left by a server that was killed: the lock says that it is gone.
	if err := os.Remove(h.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listen for agents: %w", err)
	}
	if h.socket, err = net.Listen("unix", h.path); err != nil {
		return nil, fmt.Errorf("listen for agents: %w", err)
	}
	return h.socket, nil
}

// Accept implements net.Listener: it waits for the socket, then for an agent.
func (h *Heir) Accept() (net.Conn, error) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		socket, err := h.take()
		if err != nil {
			return nil, err
		}
		if socket != nil {
			return socket.Accept()
		}
		select {
		case <-tick.C:
		case <-h.closed:
			return nil, net.ErrClosed
		}
	}
}

// Close implements net.Listener. The socket is gone before the lock is free.
func (h *Heir) Close() error {
	err := net.ErrClosed
	h.once.Do(func() {
		close(h.closed)
		h.mu.Lock()
		defer h.mu.Unlock()
		err = nil
		if h.socket != nil {
			err = h.socket.Close()
		}
		err = errors.Join(err, h.lock.Close())
	})
	return err
}

// Addr implements net.Listener.
func (h *Heir) Addr() net.Addr { return &net.UnixAddr{Name: h.path, Net: "unix"} }
