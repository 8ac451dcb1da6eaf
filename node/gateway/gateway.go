package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// Limits of what a stranger or a broken agent can cost.
const (
	maxJoinBody     = 64 << 10         // bytes
	joinRate        = 200              // joins a second, in the long run
	joinBurst       = 1000             // joins at once
	requestPatience = 10 * time.Second // for headers, a join's body and a stream's Hello
	callPatience    = 30 * time.Second // for one call of the Registry
	endPatience     = 5 * time.Second  // for Gone, and for the server to end
	pingAfter       = 8 * time.Second  // of silence; a peer that does not answer
	pingPatience    = 5 * time.Second  // within this is dead: 13 s in all
)

// Options is what a gateway is made of. All but Agent, Autoscaler, Logger and Now must be set.
type Options struct {
	Registry  Registry
	Authority Authority
	// Bundles tells where the bundle of a digest (64 hex digits) is unpacked.
	Bundles func(digest string) (dir string, ok bool)
	// Agent is the agent every machine should run; one that says hello with
	// another digest is told to upgrade. The zero Upgrade asks nobody.
	Agent node.Upgrade
	// Names are what the gateway's certificate is good for besides
	// node.GatewayName: host names and addresses by which a machine that has no
	// agent yet fetches one.
	Names []string
	// Autoscaler answers node.PathAutoscaler; AutoscalerOf tells it who calls.
	// nil: nobody does.
	Autoscaler http.Handler
	Logger     *slog.Logger
	Now        func() time.Time
}

// Gateway serves the join protocol.
type Gateway struct {
	Options
	joins       *bucket
	certificate *serverCertificate
	tunnels     tunnels
	peers       *http.Client

	mu       sync.Mutex
	sessions map[string]*session // by machine
	came     chan struct{}       // closed and made anew when there is one more
	began    time.Time
	calls    sync.WaitGroup // grows under mu, and only while Serve's context lives
}

// New makes a gateway; Serve opens it.
func New(options Options) *Gateway {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	certificate := &serverCertificate{authority: options.Authority, names: options.Names, now: options.Now}
	return &Gateway{
		Options:     options,
		joins:       newBucket(joinRate, joinBurst, options.Now),
		certificate: certificate,
		tunnels:     tunnels{awaited: map[string]*awaited{}, held: map[string]int{}},
		peers:       peers(options.Authority, certificate, options.Now),
		sessions:    map[string]*session{},
		came:        make(chan struct{}),
		began:       options.Now(),
	}
}

// Serve answers agents on the listeners (TCP or unix; TLS is spoken over both)
// until ctx ends, and closes them. It returns after every stream has ended and
// the Registry has heard of it. One Serve at a time: it alone reads
// Registry.Changed.
func (g *Gateway) Serve(ctx context.Context, listeners ...net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer g.peers.CloseIdleConnections()
	server := g.server(ctx)
	group, ctx := errgroup.WithContext(ctx)
	for _, listener := range listeners {
		group.Go(func() error {
			err := server.ServeTLS(listener, "", "")
			if errors.Is(err, http.ErrServerClosed) {
				return nil
			}
			return fmt.Errorf("serve agents on %s: %w", listener.Addr(), err)
		})
	}
	group.Go(func() error {
		g.dispatch(ctx)
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		cancel() // the calls' context is the outer one
		return g.end(server)
	})
	return group.Wait()
}

// Connected is how many agents have a stream open.
func (g *Gateway) Connected() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.sessions)
}

// end waits for the calls under way, whose context has ended, and closes the
// server, which cuts off the ones that hang on their peer. Shutdown would keep
// every HTTP/2 connection open for a second.
func (g *Gateway) end(server *http.Server) error {
	g.mu.Lock() // every call has been counted or will be refused
	g.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		g.calls.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(endPatience):
	}
	err := server.Close()
	<-ended
	return err
}

// count lets Serve wait for every call.
func (g *Gateway) count(ctx context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		if ctx.Err() != nil {
			g.mu.Unlock()
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		g.calls.Add(1)
		g.mu.Unlock()
		defer g.calls.Done()
		next.ServeHTTP(w, r)
	})
}

func (g *Gateway) server(ctx context.Context) *http.Server {
	agents := x509.NewCertPool()
	agents.AddCert(g.Authority.Certificate)
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	protocols.SetHTTP1(true) // what fetches the first agent may not know better
	return &http.Server{
		Handler:     g.count(ctx, g.routes()),
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnState: func(conn net.Conn, state http.ConnState) {
			if state == http.StateNew && ctx.Err() != nil {
				conn.Close() // Close does not find one that is accepted while it looks
			}
		},
		ReadHeaderTimeout: requestPatience,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		Protocols:         protocols,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: streamsPerAgent, MaxReceiveBufferPerStream: streamBuffer, MaxReceiveBufferPerConnection: agentBuffer,
			SendPingTimeout: pingAfter, PingTimeout: pingPatience},
		ErrorLog: slog.NewLogLogger(g.Logger.Handler(), slog.LevelDebug),
		TLSConfig: &tls.Config{
			MinVersion:     tls.VersionTLS13,
			GetCertificate: g.certificate.get,
			ClientAuth:     tls.VerifyClientCertIfGiven,
			ClientCAs:      agents,
			Time:           g.Now,
		},
	}
}

func (g *Gateway) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+node.PathJoin, g.join)
	mux.HandleFunc("POST "+node.PathStream, fullDuplex(g.stream))
	mux.HandleFunc("POST "+node.PathTunnels+"{id}", fullDuplex(g.tunnel))
	mux.HandleFunc("POST "+pathMachines+"{machine}", fullDuplex(g.peer))
	mux.HandleFunc("GET "+node.PathBundles+"{digest}/{path...}", g.bundle)
	mux.HandleFunc("GET "+node.PathAgents+"{digest}", g.firstAgent)
	if g.Autoscaler != nil {
		mux.Handle("POST "+node.PathAutoscaler, g.Autoscaler)
	}
	return mux
}

// fullDuplex refuses a stream over HTTP/1, whose answer would end its request.
func fullDuplex(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor < 2 {
			http.Error(w, "A stream needs HTTP/2.", http.StatusHTTPVersionNotSupported)
			return
		}
		next(w, r)
	}
}

// dispatch tells sessions of changed configs.
func (g *Gateway) dispatch(ctx context.Context) {
	changed := g.Registry.Changed()
	for {
		select {
		case <-ctx.Done():
			return
		case machine, open := <-changed:
			if !open {
				return
			}
			g.mu.Lock()
			s := g.sessions[machine]
			g.mu.Unlock()
			if s != nil {
				s.wake()
			}
		}
	}
}

// caller is the machine of the client certificate, "" when there is none or it
// is not an agent's.
func caller(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return ""
	}
	subject := r.TLS.PeerCertificates[0].Subject
	if len(subject.Organization) > 0 {
		return ""
	}
	return subject.CommonName
}

var noIdentity = jeroboam.Errorf(jeroboam.Unauthenticated, "identity", "This needs an agent's certificate.").
	WithRemedy("Join first.")

// refuse answers with the error's status and its public part.
func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, machine string, err error) {
	kind := jeroboam.KindOf(err)
	g.Logger.Warn("agent refused", "machine", machine, "path", r.URL.Path, "kind", kind, "err", err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status(kind))
	if err := json.NewEncoder(w).Encode(jeroboam.CauseOf(err)); err != nil {
		g.Logger.Debug("answer not sent", "machine", machine, "err", err)
	}
}

// status of an error. 410 tells an agent that its machine is no more, so that
// it need not hurry to ask again.
func status(kind jeroboam.Kind) int {
	switch kind {
	case jeroboam.Invalid:
		return http.StatusBadRequest
	case jeroboam.Unauthenticated:
		return http.StatusUnauthorized
	case jeroboam.Forbidden:
		return http.StatusForbidden
	case jeroboam.NotFound:
		return http.StatusGone
	case jeroboam.Conflict:
		return http.StatusConflict
	case jeroboam.QuotaExceeded:
		return http.StatusTooManyRequests
	case jeroboam.Unavailable, jeroboam.Timeout:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}
