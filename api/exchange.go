package api

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/identity"
)

// Exchange is a request and what became of it. When it begins, everything
// above Route is known; when it has ended, the rest is, too.
type Exchange struct {
	Request *http.Request // as it came; its body is not for observers
	ID      string        // of this request: "req-<uuid>"
	Global  string        // the id that the client brought, if it looks like one
	Client  netip.Addr    // who asks; behind a trusted proxy, whom that one names
	Began   time.Time

	Route     string            // its path in the table of routes; IdentityRoute, or "" for none
	Vars      map[string]string // the values of the route's {x}
	Caller    jeroboam.Caller   // zero: nobody, or nobody known
	Made      string            // ID of what a POST made, else ""
	Rehearsal bool              // nothing was to be changed: only what a change would do was asked
	Stream    bool              // it lasted as long as the client liked
	Status    int
	Err       error // why it was refused, or failed
	Duration  time.Duration

	// Trace is the W3C traceparent of the request, set by an observer that
	// traces: what the request causes later refers to it.
	Trace string
}

// Address is Client as text, "" if it is not known.
func (x *Exchange) Address() string {
	if !x.Client.IsValid() {
		return ""
	}
	return x.Client.String()
}

// IdentityRoute stands for every path of the service's own Keystone.
const IdentityRoute = "/identity"

// Observer is told of a request when it begins, and by the function it returns
// when it has ended. The request goes on in the context it returns.
type Observer func(ctx context.Context, x *Exchange) (context.Context, func())

type contextKey struct{}

func exchangeOf(ctx context.Context) *Exchange {
	x, _ := ctx.Value(contextKey{}).(*Exchange)
	return x
}

func requestID(ctx context.Context) string { return exchangeOf(ctx).ID }

// begin makes the exchange of a request and tells the observers of it; end
// tells them how it went.
func (s *server) begin(r *http.Request) (next *http.Request, x *Exchange, end func()) {
	x = &Exchange{Request: r, ID: newRequestID(), Global: cleanID(r.Header.Get(requestHeader)), Client: s.originOf(r).client,
		Began: s.Now(), Status: http.StatusOK}
	ctx := context.WithValue(r.Context(), contextKey{}, x)
	ctx = identity.Learn(ctx, func(c jeroboam.Caller) { x.Caller = c })
	ends := make([]func(), len(s.Observers))
	for i, o := range s.Observers {
		ctx, ends[i] = o(ctx, x)
	}
	return r.WithContext(ctx), x, func() {
		x.Duration = s.Now().Sub(x.Began)
		for _, end := range ends {
			end()
		}
	}
}
