// Package openstack makes machines on OpenStack: servers of Nova on ports of
// Neutron, with volumes of Cinder and images of Glance, and where it has Octavia
// balancers. It needs no Heat.
//
// Every object bears the cluster's mark from the call that makes it (see
// mark.go), so that a crash between two calls leaves nothing that is not found
// again. It keeps no records of its own, and refuses to hide what a service of
// the cloud said: faults carry its words and the id of the request.
package openstack

import (
	"context"
	"crypto/tls"
	"net/http"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/pace"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/together"
)

// Options say which OpenStack it is and who acts in it.
type Options struct {
	// Auth is the login of the service: a user that has a role in every project
	// it shall make clusters in, or any user or application credential with
	// OwnProject.
	Auth     gophercloud.AuthOptions
	Endpoint gophercloud.EndpointOpts // region and interface
	TLS      *tls.Config              // nil: the host's authorities
	CA       string                   // certificates in PEM of the cloud's own authority, for those who have clusters' credentials
	// OwnProject makes every cluster in the project of Auth, whosever it is: for
	// a service whose users are not Keystone's.
	OwnProject bool
	// Roles are those of the clusters' credentials, and those that the service's
	// user gives itself in a project if it is administrator. The first must be
	// had; others are, where Keystone knows them. None: member and
	// load-balancer_member.
	Roles      []string
	GivenRoles bool          // the user gives itself no role
	AtOnce     int           // calls under way; 0: 16
	PerSecond  float64       // calls in the long run; 0: 100
	Watch      time.Duration // between two looks at all machines; 0: 10 s
	// Sessions, if set, log in in place of Auth; they must use the client.
	Sessions func(client Client) Sessions
}

func (o Options) complete() Options {
	if o.Watch == 0 {
		o.Watch = 10 * time.Second
	}
	if len(o.Roles) == 0 {
		o.Roles = DefaultRoles()
	}
	return o
}

// Cloud is one OpenStack. It is safe for concurrent use.
type Cloud struct {
	options  Options
	network  *http.Transport
	pace     *pace.Transport
	sessions Sessions
	turns    together.Turns

	mu       sync.Mutex
	projects map[*gophercloud.ProviderClient]*project
}

var (
	_ cloud.Cloud     = (*Cloud)(nil)
	_ cloud.Addresses = (*Cloud)(nil)
	_ cloud.Catalogue = (*Cloud)(nil)
	_ cloud.Sweeper   = (*Cloud)(nil)
	_ cloud.Watcher   = (*Cloud)(nil)
	_ cloud.Balancers = (*Cloud)(nil)

	_ cloud.Credentials = (*Cloud)(nil)
	_ cloud.Dependents  = (*Cloud)(nil)
)

// New returns an OpenStack that has not been spoken to yet.
func New(o Options) *Cloud {
	o = o.complete()
	network := http.DefaultTransport.(*http.Transport).Clone()
	network.TLSClientConfig = o.TLS
	network.MaxIdleConnsPerHost = 32
	c := &Cloud{options: o, network: network, pace: pace.New(pace.Limits{AtOnce: o.AtOnce, PerSecond: o.PerSecond}, network), projects: map[*gophercloud.ProviderClient]*project{}}
	// A redirect would carry our token to wherever it points.
	client := Client{Transport: c.pace, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	c.sessions = Logins(o, client)
	if o.Sessions != nil {
		c.sessions = o.Sessions(client)
	}
	return c
}

// Capabilities tells what is made use of here, and the labels that are obeyed.
func (c *Cloud) Capabilities() cloud.Capabilities {
	return cloud.Capabilities{Balancers: true, Addresses: true, Volumes: true, FloatingIPs: true, StockImages: true, Labels: Labels(), Credentials: c.givesCredentials()}
}

// Login logs in once, so that a start can tell wrong credentials
// (jeroboam.Invalid) from a Keystone that is away (Unavailable).
func (c *Cloud) Login(ctx context.Context) error {
	_, err := c.at(ctx, cloud.Scope{})
	return err
}

// Calls counts the HTTP requests sent so far.
func (c *Cloud) Calls() int64 { return c.pace.Calls() }

// CloseIdle ends the connections that wait for another question.
func (c *Cloud) CloseIdle() { c.network.CloseIdleConnections() }

// turn waits for the caller's turn at what has the key.
func (c *Cloud) turn(ctx context.Context, key string) (done func(), err error) {
	done, err = c.turns.Take(ctx, key)
	if err != nil {
		err = jeroboam.Errorf(jeroboam.Unavailable, "cloud", "The call was given up.").Wrap(err)
	}
	return done, err
}

// ensuring makes something of a cluster when it is the caller's turn at what has
// the key, remembers whether that failed, and forgets what it makes untrue.
func ensuring[T any](ctx context.Context, c *Cloud, scope cloud.Scope, key string, do func(*project) (T, error)) (made T, err error) {
	done, err := c.turn(ctx, key)
	if err != nil {
		return made, err
	}
	defer done()
	p, err := c.at(ctx, scope)
	if err != nil {
		return made, err
	}
	made, err = do(p)
	p.held.doubts.Note(scope, err)
	p.held.lately.take(scope)
	return made, err
}
