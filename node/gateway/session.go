package gateway

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
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
	control := http.NewResponseController(w)
	s := &session{
		gateway: g, machine: machine, leaf: r.TLS.PeerCertificates[0],
		log:     g.Logger.With("machine", machine),
		control: control, out: node.NewWriter(w, node.MaxToAgent, control.Flush),
		changed: make(chan struct{}, 1), reports: make(chan node.Report, 1),
		signing: make(chan struct{}, maxSigning),
		cancel:  cancel, ended: make(chan struct{}),
	}
	_ = control.SetReadDeadline(time.Now().Add(requestPatience))
	in := node.NewReader(r.Body, node.MaxToService)
	hello, err := readHello(in, machine)
	if err != nil {
		g.refuse(w, r, machine, err)
		return
	}
	_ = control.SetReadDeadline(time.Time{})

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
	if err = control.Flush(); err == nil {
		err = s.run(ctx, in, hello, first)
	}
	s.log.Info("agent gone", "dur", g.Now().Sub(start), "err", err)
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

// passReports hands reports on, the newest last; a slow Registry skips some.
func (s *session) passReports(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case report := <-s.reports:
			call, cancel := context.WithTimeout(ctx, callPatience)
			err := s.gateway.Registry.Report(call, s.machine, report)
			cancel()
			if err != nil && ctx.Err() == nil {
				s.log.Warn("report refused", "kind", jeroboam.KindOf(err), "err", err)
				s.say(node.ToAgent{Error: "report: " + detail(err)})
			}
		}
	}
}

func (s *session) sign(ctx context.Context, request node.SignRequest) {
	call, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	response := node.SignResponse{Name: request.Name}
	certificate, err := s.certificate(call, request)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		s.log.Warn("certificate refused", "certificate", request.Name, "kind", jeroboam.KindOf(err), "err", err)
		response.Error = detail(err)
	}
	response.Certificate = certificate
	s.say(node.ToAgent{Signed: &response})
}

func (s *session) certificate(ctx context.Context, request node.SignRequest) (string, error) {
	if request.Name != "" {
		return s.gateway.Registry.Sign(ctx, s.machine, request)
	}
	csr, err := parseRequest(request.CSR, s.machine)
	if err != nil {
		return "", err
	}
	// The token is bound to the key: a machine that slept past its identity's
	// life joins again with it.
	if fingerprint(csr.RawSubjectPublicKeyInfo) != fingerprint(s.leaf.RawSubjectPublicKeyInfo) {
		return "", jeroboam.Errorf(jeroboam.Forbidden, "csr", "An identity is renewed with its own key.")
	}
	return s.gateway.Authority.identity(csr, s.gateway.Now())
}

// offer is the Registry's answer to Config.
type offer struct {
	config node.Config
	ready  bool
	err    error
}

func (s *session) offer(ctx context.Context) offer {
	ctx, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	config, ready, err := s.gateway.Registry.Config(ctx, s.machine)
	return offer{config: config, ready: ready, err: err}
}

// pushConfigs sends the config whenever it is ready and not what the agent has.
func (s *session) pushConfigs(ctx context.Context, hello node.Hello, next offer) error {
	if want := s.gateway.Agent; want.SHA256 != "" && want.SHA256 != hello.Digest {
		s.say(node.ToAgent{Upgrade: &want})
	}
	has, retry := hello.Config, firstRetry
	for {
		var again <-chan time.Time
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case jeroboam.KindOf(next.err) == jeroboam.NotFound:
			s.say(node.ToAgent{Error: "the machine is no more"})
			return fmt.Errorf("config: %w", next.err)
		case next.err != nil:
			s.log.Warn("no config", "kind", jeroboam.KindOf(next.err), "err", next.err)
			again, retry = time.After(retry), min(2*retry, callPatience)
		case next.ready && next.config.Digest() != has:
			if err := s.out.Write(node.ToAgent{Config: &next.config}); err != nil {
				return fmt.Errorf("push config: %w", err)
			}
			has, retry = next.config.Digest(), firstRetry
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.changed:
		case <-again:
		}
		next = s.offer(ctx)
	}
}

func (s *session) wake() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// say sends a message whose loss the agent makes good by connecting again.
func (s *session) say(message node.ToAgent) {
	if err := s.out.Write(message); err != nil {
		s.log.Debug("message not sent", "err", err)
		s.cancel()
	}
}

// detail is what of an error the agent may log.
func detail(err error) string {
	cause := jeroboam.CauseOf(err)
	if cause.Remedy == "" {
		return cause.Detail
	}
	return cause.Detail + " " + cause.Remedy
}
