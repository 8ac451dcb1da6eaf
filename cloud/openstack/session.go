package openstack

import (
	"context"
	"net/http"
	"sync"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"golang.org/x/sync/singleflight"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/together"
)

// Client is what everybody who speaks to this cloud speaks through: it keeps
// the pace.
type Client = http.Client

// Sessions say who acts for a cluster.
type Sessions interface {
	// Session returns a client with a token for the scope's project, the same
	// one for the same login. It renews its token by itself. The zero scope is
	// the service itself. A login that is refused is jeroboam.Invalid.
	Session(ctx context.Context, scope cloud.Scope) (*gophercloud.ProviderClient, error)
}

// logins let the service's own user act in every project.
type logins struct {
	auth    gophercloud.AuthOptions
	own     bool // act in the login's own project only
	client  Client
	flights singleflight.Group

	mu   sync.Mutex
	open map[string]*gophercloud.ProviderClient // by project
}

// Logins let the user of auth act in every project, or, if own, in its own only.
func Logins(auth gophercloud.AuthOptions, own bool, client Client) Sessions {
	auth.AllowReauth = true
	return &logins{auth: auth, own: own, client: client, open: map[string]*gophercloud.ProviderClient{}}
}

// Session implements Sessions.
func (l *logins) Session(ctx context.Context, scope cloud.Scope) (*gophercloud.ProviderClient, error) {
	project := scope.Project
	if l.own {
		project = ""
	}
	if p := l.known(project); p != nil {
		return p, nil
	}
	fresh, err, _ := l.flights.Do(project, func() (any, error) {
		if p := l.known(project); p != nil {
			return p, nil
		}
		p, err := l.login(context.WithoutCancel(ctx), project)
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.open[project] = p
		return p, nil
	})
	if err != nil {
		return nil, err
	}
	return fresh.(*gophercloud.ProviderClient), nil
}

func (l *logins) known(project string) *gophercloud.ProviderClient {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open[project]
}

func (l *logins) login(ctx context.Context, project string) (*gophercloud.ProviderClient, error) {
	p, err := openstack.NewClient(l.auth.IdentityEndpoint)
	if err != nil {
		return nil, refusedLogin(project, err)
	}
	p.UserAgent.Prepend("jeroboam")
	p.HTTPClient = l.client
	auth := l.auth
	if project != "" {
		auth.Scope, auth.TenantID, auth.TenantName = &gophercloud.AuthScope{ProjectID: project}, "", ""
	}
	if err := openstack.Authenticate(ctx, p, auth); err != nil {
		return nil, refusedLogin(project, err)
	}
	return p, nil
}

func refusedLogin(project string, err error) error {
	for _, code := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusBadRequest, http.StatusNotFound} {
		if !gophercloud.ResponseCodeIs(err, code) {
			continue
		}
		if project == "" {
			return jeroboam.Errorf(jeroboam.Invalid, "login", "Keystone refuses this service's login to the cloud.").
				WithRemedy("The operator checks the credentials that clouds.yaml has.").Wrap(err)
		}
		return jeroboam.Errorf(jeroboam.Forbidden, "login", "Keystone does not let this service into the project %s.", project).
			WithRemedy("The operator gives the service's user a role in the project.").Wrap(err)
	}
	return jeroboam.Errorf(jeroboam.Unavailable, "keystone", "Keystone did not answer.").
		WithRemedy("It is asked again by itself.").Wrap(err)
}

// project is the services of the cloud as a session sees them.
type project struct {
	id      string // of the project
	user    string // ID of who acts
	compute *gophercloud.ServiceClient
	network *gophercloud.ServiceClient
	image   *gophercloud.ServiceClient
	volume  *gophercloud.ServiceClient // nil: the cloud has no Cinder

	held    held // what is asked of it
	flavors together.Memo[jeroboam.Flavor]
	images  together.Memo[jeroboam.Image]
	outside together.Memo[string] // IDs of external networks
}

// computeVersion is the least microversion of Nova that has all that is used
// here: tags at boot (2.52), policies of server groups as one word (2.64) and
// types of boot volumes (2.67). OpenStack Stein has it.
const computeVersion = "2.67"

// at returns the services as the scope's session sees them.
func (c *Cloud) at(ctx context.Context, scope cloud.Scope) (*project, error) {
	provider, err := c.sessions.Session(ctx, scope)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	p := c.projects[provider]
	c.mu.Unlock()
	if p != nil {
		return p, nil
	}
	if p, err = c.open(provider); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.projects[provider] = p
	return p, nil
}

// open finds the services in the catalogue that came with the token.
func (c *Cloud) open(provider *gophercloud.ProviderClient) (*project, error) {
	p := &project{}
	p.id, p.user = whoActs(provider)
	for _, s := range []struct {
		client **gophercloud.ServiceClient
		make   func(*gophercloud.ProviderClient, gophercloud.EndpointOpts) (*gophercloud.ServiceClient, error)
		name   string
	}{
		{&p.compute, openstack.NewComputeV2, "Nova"},
		{&p.network, openstack.NewNetworkV2, "Neutron"},
		{&p.image, openstack.NewImageV2, "Glance"},
		{&p.volume, openstack.NewBlockStorageV3, "Cinder"},
	} {
		made, err := s.make(provider, c.options.Endpoint)
		switch {
		case err == nil:
			*s.client = made
		case !absent(err):
			return nil, refuse(s.name, "say which versions it has", err)
		case s.client != &p.volume:
			return nil, jeroboam.Errorf(jeroboam.Invalid, "endpoint", "Keystone's catalogue has no endpoint of %s.", s.name).
				WithRemedy("The operator checks the region and the interface that clouds.yaml names.").Wrap(err)
		}
	}
	p.compute.Microversion = computeVersion
	return p, nil
}
