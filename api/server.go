// Package api is the HTTP side of the service: routes, middleware and one file
// of handlers per resource. Handlers translate; package service decides. The
// shapes of bodies are package wire's.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/identity"
	"github.com/jeroboam-cloud/jeroboam/service"
)

// Options are what the HTTP side is made of.
type Options struct {
	Service *service.Service
	Auth    identity.Authenticator
	// Identity answers below /identity when the service brings its own Keystone.
	Identity http.Handler
	// IdentityURL is where a client without a token is sent, e.g.
	// "http://127.0.0.1:9511/identity/v3"; "" names the service's own.
	IdentityURL string
	Logger      *slog.Logger
	Observers   []Observer // told of each request, in this order
	// TrustedProxies are believed when they say for whom they ask, and under
	// which address: see originOf.
	TrustedProxies []netip.Prefix
	Forwarded      bool          // they write Forwarded (RFC 7239), not X-Forwarded-*
	Origins        []string      // whose pages may call from a browser, e.g. "https://horizon.example"
	ProjectRate    float64       // requests per second of one project; 0: no limit
	StrangerRate   float64       // of one address without a good token; 0: no limit
	Timeout        time.Duration // of one request that is no stream; 0: 30 s
	Beat           time.Duration // between signs of life on a stream; 0: 15 s
	MaxBody        int64         // bytes; 0: 1 MiB
	Now            func() time.Time
	// Stopping is closed when the service is about to end: streams end, and the
	// health check says so. Nil never is.
	Stopping <-chan struct{}
}

type server struct {
	Options
	routes    []route
	projects  *limiter
	strangers *limiter
}

// New returns the handler of the whole API.
func New(o Options) http.Handler {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Beat == 0 {
		o.Beat = 15 * time.Second
	}
	if o.MaxBody == 0 {
		o.MaxBody = 1 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &server{Options: o, routes: routes(), projects: newLimiter(o.ProjectRate, o.Now), strangers: newLimiter(o.StrangerRate, o.Now)}
	return s.observe(http.HandlerFunc(s.serve))
}

// anonymous is the caller of a public route.
func anonymous(ctx context.Context) jeroboam.Caller {
	return jeroboam.Caller{RequestID: requestID(ctx)}
}
