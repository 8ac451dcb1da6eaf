package proxy

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"
)

// dialTimeout is how long a backend may take to accept: it is on the same host.
const dialTimeout = time.Second

// pool is the backends and what is known of their health. The zero value has
// none.
type pool struct {
	mu       sync.Mutex
	backends []*backend
	next     int
}

type backend struct {
	address string
	down    bool
	gone    bool                  // left the pool
	conns   map[net.Conn]struct{} // closed when the backend leaves the pool
}

// set replaces the backends; what is known of those that stay is kept, the
// connections of those that leave are closed.
func (p *pool) set(addresses []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var kept []*backend
	for _, b := range p.backends {
		if slices.Contains(addresses, b.address) {
			kept = append(kept, b)
			continue
		}
		b.gone = true
		for conn := range b.conns {
			conn.Close()
		}
	}
	for _, address := range addresses {
		if !slices.ContainsFunc(kept, func(b *backend) bool { return b.address == address }) {
			kept = append(kept, &backend{address: address, conns: map[net.Conn]struct{}{}})
		}
	}
	p.backends = kept
}

// candidates lists the backends in the order to try them: the healthy ones in
// turn, then the others, which may be better than their reputation.
func (p *pool) candidates() []*backend {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.backends)
	var up, down []*backend
	for i := range n {
		b := p.backends[(p.next+i)%n]
		if b.down {
			down = append(down, b)
		} else {
			up = append(up, b)
		}
	}
	if n > 0 {
		p.next = (p.next + 1) % n
	}
	return append(up, down...)
}

// dial connects to the first backend that accepts. The connection is known to
// the pool until release.
func (p *pool) dial(ctx context.Context) (conn net.Conn, release func(), err error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	err = net.ErrClosed // of a pool without backends
	for _, b := range p.candidates() {
		conn, err = dialer.DialContext(ctx, "tcp", b.address)
		p.mark(b, err != nil)
		if err == nil {
			return conn, p.hold(b, conn), nil
		}
	}
	return nil, nil, err
}

func (p *pool) hold(b *backend, conn net.Conn) func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	b.conns[conn] = struct{}{}
	if b.gone { // while it was dialled
		conn.Close()
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(b.conns, conn)
	}
}

func (p *pool) mark(b *backend, down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b.down = down
	if !down {
		return
	}
	for conn := range b.conns { // a dead machine's connections would hang for minutes
		conn.Close()
	}
}

// check tries every backend once, side by side.
func (p *pool) check(ctx context.Context) {
	var wait sync.WaitGroup
	for _, b := range p.candidates() {
		wait.Go(func() {
			dialer := net.Dialer{Timeout: dialTimeout}
			conn, err := dialer.DialContext(ctx, "tcp", b.address)
			if err == nil {
				conn.Close()
			}
			if ctx.Err() == nil {
				p.mark(b, err != nil)
			}
		})
	}
	wait.Wait()
}
