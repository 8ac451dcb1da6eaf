package keystone

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"golang.org/x/sync/singleflight"

	"github.com/jeroboam-cloud/jeroboam"
)

// login keeps this service's own token fresh.
type login struct {
	auth      gophercloud.AuthOptions
	endpoint  gophercloud.EndpointOpts
	transport *http.Transport
	flights   singleflight.Group
	current   atomic.Pointer[session]
	refusal   atomic.Pointer[refusal]
}

// refusal is that Keystone refused the login itself. It is not asked again for
// a while: it may lock users who are refused often.
type refusal struct {
	err   error
	until time.Time
}

func newLogin(o Options) *login {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = o.TLS
	transport.MaxConnsPerHost, transport.MaxIdleConnsPerHost = 32, 32
	o.Auth.AllowReauth = false // renewed here, before it ends
	return &login{auth: o.Auth, endpoint: o.Endpoint, transport: transport}
}

// session returns a session with a token that will last for the next requests.
func (l *login) session(ctx context.Context, now time.Time) (*session, error) {
	s := l.current.Load()
	if s != nil && now.Before(s.renew) {
		return s, nil
	}
	fresh, err := l.replace(ctx, s, now)
	if err != nil && s != nil && now.Before(s.expires) {
		return s, nil // too early to need another
	}
	return fresh, err
}

// replace logs in unless somebody else has replaced old already.
func (l *login) replace(ctx context.Context, old *session, now time.Time) (*session, error) {
	fresh, err, _ := l.flights.Do("", func() (any, error) {
		if s := l.current.Load(); s != old {
			return s, nil
		}
		if r := l.refusal.Load(); r != nil && now.Before(r.until) {
			return nil, r.err
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		s, err := l.open(ctx, now)
		if err == nil {
			l.current.Store(s)
			return s, nil
		}
		err = refusedLogin(err)
		if jeroboam.KindOf(err) == jeroboam.Invalid {
			l.refusal.Store(&refusal{err, now.Add(Refused)})
		}
		return nil, err
	})
	if err != nil {
		return nil, err
	}
	return fresh.(*session), nil
}

// open logs in and finds out where to ask.
func (l *login) open(ctx context.Context, now time.Time) (*session, error) {
	provider, err := openstack.NewClient(l.auth.IdentityEndpoint)
	if err != nil {
		return nil, err
	}
	provider.UserAgent.Prepend("jeroboam")
	// A redirect would carry our token to wherever it points.
	provider.HTTPClient = http.Client{Transport: l.transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if err := openstack.Authenticate(ctx, provider, l.auth); err != nil {
		return nil, err
	}
	keystone, err := openstack.NewIdentityV3(provider, l.endpoint)
	if err != nil {
		return nil, err
	}
	return newSession(keystone, now)
}
