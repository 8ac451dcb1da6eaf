package gateway

import (
	"context"
	"fmt"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

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
				s.say(node.ToAgent{Error: "report: " + jeroboam.CauseOf(err).Text()})
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
		response.Error = jeroboam.CauseOf(err).Text()
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
