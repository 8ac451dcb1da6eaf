// Package openstack makes machines on OpenStack: servers of Nova on ports of
// Neutron, with volumes of Cinder and images of Glance. It needs no Heat.
//
// Every object bears the cluster's mark from the call that makes it (see
// mark.go), so that a crash between two calls leaves nothing that is not found
// again. It keeps no records of its own, and refuses to hide what a service of
// the cloud said: faults carry its words and the id of the request.
package openstack

import (
	"context"
	"crypto/tls"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servergroups"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// Options say which OpenStack it is and who acts in it.
type Options struct {
	// Auth is the login of the service: a user that has a role in every project
	// it shall make clusters in, or any user or application credential with
	// OwnProject.
	Auth     gophercloud.AuthOptions
	Endpoint gophercloud.EndpointOpts // region and interface
	TLS      *tls.Config              // nil: the host's authorities
	// OwnProject makes every cluster in the project of Auth, whosever it is: for
	// a service whose users are not Keystone's.
	OwnProject bool
	Pace       Pace
	Watch      time.Duration // between two looks at all machines; 0: 10 s
	// Sessions, if set, log in in place of Auth; they must use the client.
	Sessions func(client Client) Sessions
}

// Cloud is one OpenStack. It is safe for concurrent use.
type Cloud struct {
	options  Options
	pace     *paced
	sessions Sessions
	turns    turns

	mu       sync.Mutex
	projects map[*gophercloud.ProviderClient]*project

	// What many ask at once is asked once.
	servers  joined[[]servers.Server]
	ports    joined[[]ports.Port]
	floating joined[[]floatingips.FloatingIP]
	volumes  joined[[]volumes.Volume]
	groups   joined[[]servergroups.ServerGroup]
	flavors  joined[[]flavors.Flavor]
}

var (
	_ cloud.Cloud     = (*Cloud)(nil)
	_ cloud.Catalogue = (*Cloud)(nil)
	_ cloud.Sweeper   = (*Cloud)(nil)
	_ cloud.Watcher   = (*Cloud)(nil)
)

// New returns an OpenStack that has not been spoken to yet.
func New(o Options) *Cloud {
	if o.Watch == 0 {
		o.Watch = 10 * time.Second
	}
	c := &Cloud{options: o, pace: newPaced(o.Pace, o.TLS), projects: map[*gophercloud.ProviderClient]*project{}}
	c.sessions = newLogins(o.Auth, o.OwnProject, c.pace.client())
	if o.Sessions != nil {
		c.sessions = o.Sessions(c.pace.client())
	}
	return c
}

// Capabilities tells what is made use of here, and the labels that are obeyed.
func (c *Cloud) Capabilities() cloud.Capabilities {
	return cloud.Capabilities{Volumes: true, FloatingIPs: true, StockImages: true, Labels: Labels()}
}

// Login logs in once, so that a start can tell wrong credentials
// (jeroboam.Invalid) from a Keystone that is away (Unavailable).
func (c *Cloud) Login(ctx context.Context) error {
	_, err := c.at(ctx, cloud.Scope{})
	return err
}

// Calls counts the HTTP requests sent so far.
func (c *Cloud) Calls() int64 { return c.pace.calls.Load() }

// CloseIdle ends the connections that wait for another question.
func (c *Cloud) CloseIdle() { c.pace.transport.CloseIdleConnections() }
