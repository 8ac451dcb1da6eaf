// Package passage lets users through to the APIs of clusters that only their
// machines' agents lead to. It reads of a TLS connection the name of the server
// that is asked for, <cluster ID>.<domain>, and passes everything on to that
// cluster unopened: who the user is and what he may do is between him and the
// cluster.
//
// It refuses, without a word, whoever names no such cluster or is slow to say
// which, and it has no certificate and no key.
package passage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
)

// Limits of what strangers and users can cost.
const (
	inAll        = 4096
	perCluster   = 40               // fewer than lead to one machine, so that the service itself still finds a way
	helloLimit   = 5 * time.Second  // for the name
	openLimit    = 15 * time.Second // for the way to the cluster
	acceptPause  = 100 * time.Millisecond
	acceptFaults = 50 // in a row: the listener is broken
)

// Options is what a passage is made of.
type Options struct {
	Domain string // in whose names the clusters are
	// Open connects with a cluster's API, whatever that asks of its callers.
	Open   func(ctx context.Context, cluster string) (net.Conn, error)
	Logger *slog.Logger
}

// Passage passes connections on.
type Passage struct {
	Options
	mu      sync.Mutex
	guests  int            // connections, let through or not yet
	through map[string]int // let through, by cluster
}

// New makes a passage; Serve opens it.
func New(o Options) *Passage { return &Passage{Options: o, through: map[string]int{}} }

// Serve takes users' connections until ctx ends. Then it closes the listener and
// cuts off who is there.
func (p *Passage) Serve(ctx context.Context, l net.Listener) error {
	var group sync.WaitGroup
	defer group.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for faults := 0; faults < acceptFaults; {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("let users in to clusters: %w", err)
		case err != nil: // too many files are open, and the like
			faults++
			p.Logger.Warn("no connection taken", "err", err)
			pause(ctx, acceptPause)
		case !p.enter():
			faults = 0
			_ = conn.Close()
		default:
			faults = 0
			group.Go(func() {
				defer p.leave()
				p.guest(ctx, conn)
			})
		}
	}
	return errors.New("let users in to clusters: the listener takes no connections")
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Guests is how many users' connections there are.
func (p *Passage) Guests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.guests
}

// guest looks after one connection.
func (p *Passage) guest(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	log := p.Logger.With("client", conn.RemoteAddr().String())
	cluster, hello, err := p.ask(conn)
	if err != nil {
		log.Debug("nobody let through", "err", err)
		return
	}
	log = log.With("cluster", cluster)
	way, err := p.way(ctx, cluster)
	if err != nil {
		log.Debug("nobody let through", "kind", jeroboam.KindOf(err), "err", err)
		return
	}
	defer p.free(cluster)
	start := time.Now()
	heard, said := relay(ctx, conn, way, hello)
	log.Info("passage", "dur", time.Since(start), "received", heard, "sent", said)
}

// ask learns which cluster the connection is for, and what was read for that.
func (p *Passage) ask(conn net.Conn) (cluster string, hello []byte, err error) {
	if err := conn.SetDeadline(time.Now().Add(helloLimit)); err != nil {
		return "", nil, err
	}
	name, hello, err := serverName(conn)
	if err != nil {
		return "", nil, err
	}
	cluster, domain, _ := strings.Cut(strings.ToLower(name), ".")
	if domain != strings.ToLower(p.Domain) || !jeroboam.IsUUID(cluster) {
		return "", nil, fmt.Errorf("%q is the name of no cluster", name)
	}
	return cluster, hello, conn.SetDeadline(time.Time{})
}

// way opens the way to a cluster that has room for one more; to be freed.
func (p *Passage) way(ctx context.Context, cluster string) (net.Conn, error) {
	if !p.admit(cluster) {
		return nil, jeroboam.Errorf(jeroboam.QuotaExceeded, "passages", "Too many connections to the cluster are open.")
	}
	ctx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	way, err := p.Open(ctx, cluster)
	if err != nil {
		p.free(cluster)
	}
	return way, err
}

// relay passes on both ways, hello first, until either end hangs up.
func relay(ctx context.Context, user, way net.Conn, hello []byte) (heard, said int64) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		defer cancel()
		n, err := way.Write(hello)
		heard = int64(n)
		if err == nil {
			var rest int64
			rest, _ = io.Copy(way, user)
			heard += rest
		}
	})
	group.Go(func() {
		defer cancel()
		said, _ = io.Copy(user, way)
	})
	<-ctx.Done()
	_, _ = user.Close(), way.Close()
	group.Wait()
	return heard, said
}

func (p *Passage) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.guests >= inAll {
		return false
	}
	p.guests++
	return true
}

func (p *Passage) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.guests--
}

func (p *Passage) admit(cluster string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.through[cluster] >= perCluster {
		return false
	}
	p.through[cluster]++
	return true
}

func (p *Passage) free(cluster string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.through[cluster]--; p.through[cluster] == 0 {
		delete(p.through, cluster)
	}
}
