package openstack

import (
	"cmp"
	"context"
	"net/http"
	"sync"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"golang.org/x/sync/singleflight"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/preflight"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/together"
)

// Client is what everybody who speaks to this cloud speaks through: it keeps
// the pace.
type Client = http.Client

// Sessions say who acts for a cluster.
type Sessions interface {
	// Session returns a client with a token for the scope's project, the same
	// one for the same login. It renews its token by itself. The zero scope is
	// the service itself. A login that is refused is jeroboam.Invalid, one to a
	// project Forbidden for the reason "login".
	Session(ctx context.Context, scope cloud.Scope) (*gophercloud.ProviderClient, error)
}

// logins let the service's own user act in every project.
type logins struct {
	auth    gophercloud.AuthOptions
	own     bool     // act in the login's own project only
	roles   []string // that the user gives itself in a project; none: it takes what it finds
	must    string   // role that it cannot do without
	client  Client
	flights singleflight.Group

	mu   sync.Mutex
	open map[string]*gophercloud.ProviderClient // by project
}

// Logins let the service's user act in every project, or, with OwnProject, in
// its own only.
func Logins(o Options, client Client) Sessions {
	o = o.complete()
	l := &logins{auth: o.Auth, own: o.OwnProject, must: o.Roles[0], client: client, open: map[string]*gophercloud.ProviderClient{}}
	l.auth.AllowReauth = true
	if !o.GivenRoles && !o.OwnProject {
		l.roles = o.Roles
	}
	return l
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

// login lets the user into a project with all the roles that it should have
// there, as far as it can give them to itself.
func (l *logins) login(ctx context.Context, project string) (*gophercloud.ProviderClient, error) {
	p, err := l.enter(ctx, project)
	if project == "" || len(l.roles) == 0 || err != nil && !fault.ShutOut(err) {
		return p, err
	}
	switch given, why := l.giveRoles(ctx, project, p); {
	case given:
		return l.enter(ctx, project)
	case err != nil && why != nil:
		return nil, why
	}
	return p, err
}

func (l *logins) enter(ctx context.Context, project string) (*gophercloud.ProviderClient, error) {
	p, err := openstack.NewClient(l.auth.IdentityEndpoint)
	if err != nil {
		return nil, l.refused(project, err)
	}
	p.UserAgent.Prepend("jeroboam")
	p.HTTPClient = l.client
	auth := l.auth
	if project != "" {
		auth.Scope, auth.TenantID, auth.TenantName = &gophercloud.AuthScope{ProjectID: project}, "", ""
	}
	if err := openstack.Authenticate(ctx, p, auth); err != nil {
		return nil, l.refused(project, err)
	}
	if renew := p.ReauthFunc; renew != nil {
		p.ReauthFunc = func(ctx context.Context) error { return l.renewed(project, p, renew(ctx)) }
	}
	return p, nil
}

// renewed forgets a login that is not let in any more: the next one tries again
// from the start.
func (l *logins) renewed(project string, p *gophercloud.ProviderClient, err error) error {
	if err == nil {
		return nil
	}
	err = l.refused(project, err)
	l.mu.Lock()
	defer l.mu.Unlock()
	if fault.ShutOut(err) && l.open[project] == p {
		delete(l.open, project)
	}
	return err
}

func (l *logins) refused(project string, err error) error {
	for _, code := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusBadRequest, http.StatusNotFound} {
		if !gophercloud.ResponseCodeIs(err, code) {
			continue
		}
		if project == "" {
			return jeroboam.Errorf(jeroboam.Invalid, fault.ReasonLogin, "Keystone refuses this service's login to the cloud.").
				WithRemedy("The operator checks the credentials that clouds.yaml has.").Wrap(err)
		}
		return jeroboam.Errorf(jeroboam.Forbidden, fault.ReasonLogin, "Keystone does not let this service into the project %s.", project).
			WithRemedy("The operator gives it a role there: openstack role add --user %s --project %s %s.",
				cmp.Or(l.auth.Username, l.auth.UserID, "<user>"), project, l.must).Wrap(err)
	}
	return jeroboam.Errorf(jeroboam.Unavailable, "keystone", "Keystone did not answer.").
		WithRemedy("It is asked again by itself.").Wrap(err)
}

// project is the services of the cloud as a session sees them.
type project struct {
	id      string // of the project
	user    string // ID of who acts
	abroad  bool   // the session is of another project: see lookAfter
	compute *gophercloud.ServiceClient
	network *gophercloud.ServiceClient
	image   *gophercloud.ServiceClient
	volume  *gophercloud.ServiceClient // nil: the cloud has no Cinder
	balance *gophercloud.ServiceClient // nil: the cloud has no Octavia
	share   *gophercloud.ServiceClient // nil: the cloud has no Manila

	held    held // what is asked of it
	flavors together.Memo[jeroboam.Flavor]
	images  together.Memo[jeroboam.Image]
	outside together.Memo[string] // IDs of external networks
	placing together.Memo[string] // IDs of server groups
	memory  preflight.Memory
}

// computeVersion is the least microversion of Nova that has all that is used
// here: tags at boot (2.52), policies of server groups as one word (2.64) and
// types of boot volumes (2.67). OpenStack Stein has it.
const computeVersion = "2.67"

// shareVersion is the least that Manila's driver for Kubernetes works with.
const shareVersion = "2.37"

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
	acts := actorOf(provider)
	p := &project{id: acts.Project.ID, user: acts.User.ID}
	for _, s := range []struct {
		client **gophercloud.ServiceClient
		make   func(*gophercloud.ProviderClient, gophercloud.EndpointOpts) (*gophercloud.ServiceClient, error)
		name   string
		must   bool
	}{
		{&p.compute, openstack.NewComputeV2, "Nova", true},
		{&p.network, openstack.NewNetworkV2, "Neutron", true},
		{&p.image, openstack.NewImageV2, "Glance", true},
		{&p.volume, openstack.NewBlockStorageV3, "Cinder", false},
		{&p.balance, openstack.NewLoadBalancerV2, "Octavia", false},
		{&p.share, openstack.NewSharedFileSystemV2, "Manila", false},
	} {
		made, err := s.make(provider, c.options.Endpoint)
		switch {
		case err == nil:
			*s.client = made
		case !fault.Absent(err):
			return nil, fault.Refuse(s.name, "say which versions it has", err)
		case s.must:
			return nil, jeroboam.Errorf(jeroboam.Invalid, "endpoint", "Keystone's catalogue has no endpoint of %s.", s.name).
				WithRemedy("The operator checks the region and the interface that clouds.yaml names.").Wrap(err)
		}
	}
	p.compute.Microversion = computeVersion
	if p.share != nil {
		p.share.Microversion = shareVersion
	}
	return p, nil
}
