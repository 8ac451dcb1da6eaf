package gateway

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

const (
	maxSigning = 8           // certificates signed for one machine at a time
	firstRetry = time.Second // after the Registry failed to make a config; doubles
)

// session is one agent's stream. Reports and configs go through boxes of one
// place each: only the newest counts.
type session struct {
	gateway *Gateway
	machine string
	leaf    *x509.Certificate // the agent's identity
	log     *slog.Logger
	control *http.ResponseController
	out     *node.Writer
	changed chan struct{}
	dials   chan string // IDs of tunnels to ask for
	reports chan node.Report
	signing chan struct{} // a place for each request under way
	cancel  context.CancelFunc
	ended   chan struct{}

	replaced bool // by a newer stream, which then speaks for the machine; under Gateway.mu
}

// stream serves one agent until it goes, the gateway ends, or the machine's
// next stream takes over.
func (g *Gateway) stream(w http.ResponseWriter, r *http.Request) {
	machine := caller(r)
	if machine == "" {
		g.refuse(w, r, "", noIdentity)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	s := g.newSession(w, r, machine, cancel)
	in := node.NewReader(r.Body, node.MaxToService)
	_ = s.control.SetReadDeadline(time.Now().Add(requestPatience))
	hello, err := readHello(in, machine)
	if err != nil {
		g.refuse(w, r, machine, err)
		return
	}
	_ = s.control.SetReadDeadline(time.Time{})

	g.enter(s)
	defer g.leave(s)
	if err := s.hello(ctx, hello); err != nil {
		g.refuse(w, r, machine, err)
		return
	}
	defer s.gone(ctx)
	first := s.offer(ctx)
	if jeroboam.KindOf(first.err) == jeroboam.NotFound {
		g.refuse(w, r, machine, first.err)
		return
	}
	start := g.Now()
	s.log.Info("agent connected", "agent", hello.Agent)
	w.WriteHeader(http.StatusOK)
	if err = s.control.Flush(); err == nil {
		err = s.run(ctx, in, hello, first)
	}
	s.log.Info("agent gone", "dur", g.Now().Sub(start), "err", err)
}

func (g *Gateway) newSession(w http.ResponseWriter, r *http.Request, machine string, cancel context.CancelFunc) *session {
	control := http.NewResponseController(w)
	return &session{
		gateway: g, machine: machine, leaf: r.TLS.PeerCertificates[0],
		log:     g.Logger.With("machine", machine),
		control: control, out: node.NewWriter(w, node.MaxToAgent, control.Flush),
		changed: make(chan struct{}, 1), dials: make(chan string), reports: make(chan node.Report, 1),
		signing: make(chan struct{}, maxSigning),
		cancel:  cancel, ended: make(chan struct{}),
	}
}

// readHello reads the first message, which must be the machine's Hello.
func readHello(in *node.Reader, machine string) (node.Hello, error) {
	var first node.ToService
	if err := in.Read(&first); err != nil {
		return node.Hello{}, jeroboam.Errorf(jeroboam.Invalid, "hello", "The stream's first message cannot be read.").Wrap(err)
	}
	if first.Hello == nil {
		return node.Hello{}, jeroboam.Errorf(jeroboam.Invalid, "hello", "A stream begins with a Hello.")
	}
	if first.Hello.Machine != machine {
		return node.Hello{}, jeroboam.Errorf(jeroboam.Forbidden, "hello", "The Hello is of another machine than the certificate.")
	}
	return *first.Hello, nil
}

// enter makes s the machine's session. It waits until the one before has
// ended, so that the Registry never hears an old stream after a new one.
func (g *Gateway) enter(s *session) {
	g.mu.Lock()
	before := g.sessions[s.machine]
	g.sessions[s.machine] = s
	close(g.came)
	g.came = make(chan struct{})
	if before != nil {
		before.replaced = true
		before.cancel()
	}
	g.mu.Unlock()
	if before != nil {
		<-before.ended
	}
}

func (g *Gateway) leave(s *session) {
	g.mu.Lock()
	if g.sessions[s.machine] == s {
		delete(g.sessions, s.machine)
	}
	g.mu.Unlock()
	close(s.ended)
}

// hello tells the Registry who came.
func (s *session) hello(ctx context.Context, hello node.Hello) error {
	ctx, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	return s.gateway.Registry.Hello(ctx, hello)
}

// gone tells the Registry, also when the stream ends because the service does.
func (s *session) gone(ctx context.Context) {
	s.gateway.mu.Lock()
	replaced := s.replaced
	s.gateway.mu.Unlock()
	if replaced {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endPatience)
	defer cancel()
	if err := s.gateway.Registry.Gone(ctx, s.machine); err != nil {
		s.log.Warn("leave not noted", "kind", jeroboam.KindOf(err), "err", err)
	}
}

// run reads the agent's messages and writes ours, until either ends. All it
// started has ended when it returns.
func (s *session) run(ctx context.Context, in *node.Reader, hello node.Hello, first offer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var group sync.WaitGroup
	group.Go(func() { cancel(s.pushConfigs(ctx, hello, first)) })
	group.Go(func() { s.passReports(ctx) })
	group.Go(func() { s.passDials(ctx) })
	group.Go(func() { cancel(s.read(ctx, in, &group)) })
	<-ctx.Done()
	// A read or a write that waits for the agent does not see ctx.
	_ = s.control.SetReadDeadline(time.Now())
	_ = s.control.SetWriteDeadline(time.Now())
	group.Wait()
	if err := context.Cause(ctx); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func (s *session) read(ctx context.Context, in *node.Reader, group *sync.WaitGroup) error {
	for {
		var message node.ToService
		if err := in.Read(&message); err != nil {
			return err
		}
		switch {
		case message.Sign != nil:
			select {
			case s.signing <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			group.Go(func() {
				defer func() { <-s.signing }()
				s.sign(ctx, *message.Sign)
			})
		case message.Report != nil:
			replace(s.reports, *message.Report)
		case message.NoDial != nil:
			s.gateway.tunnels.refuse(s.machine, *message.NoDial)
		default:
			s.say(node.ToAgent{Error: "this message is not understood"})
		}
	}
}

// replace puts the newest value into a box of one place. One goroutine puts.
func replace[T any](box chan T, value T) {
	select {
	case <-box:
	default:
	}
	box <- value
}
