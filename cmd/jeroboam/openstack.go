package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"os"

	"github.com/gophercloud/gophercloud/v2"
	cloudsfile "github.com/gophercloud/gophercloud/v2/openstack/config/clouds"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack"
	"github.com/jeroboam-cloud/jeroboam/cmd/jeroboam/internal/state"
)

// openstackOptions are the login to the cloud: an entry of clouds.yaml, or, if
// none is named, that of the service to Keystone. Only callers that are
// Keystone's have projects there; for others everything is made in the project
// of the login.
func openstackOptions(c config) (openstack.Options, error) {
	own := c.Identity != identityKeystone
	auth, endpoint, trust, err := c.openstackLogin()
	if err != nil {
		return openstack.Options{}, err
	}
	ca, err := c.openstackCA()
	return openstack.Options{Auth: auth, Endpoint: endpoint, TLS: trust, CA: ca, OwnProject: own,
		Roles: c.Roles, GivenRoles: !c.TakeRoles}, err
}

func (c config) openstackLogin() (gophercloud.AuthOptions, gophercloud.EndpointOpts, *tls.Config, error) {
	if c.namesNoOpenstack() && c.Identity == identityKeystone {
		k, err := c.Keystone.options()
		return k.Auth, k.Endpoint, k.TLS, err
	}
	var from []cloudsfile.ParseOption
	if c.Openstack != "" {
		from = append(from, cloudsfile.WithCloudName(c.Openstack))
	}
	auth, endpoint, trust, err := cloudsfile.Parse(from...)
	if err != nil {
		err = badConfig("openstack_cloud", "The cloud of clouds.yaml that machines shall be made in cannot be used.").
			WithRemedy("Name an entry with --openstack-cloud or OS_CLOUD, and check the file (OS_CLIENT_CONFIG_FILE, ./clouds.yaml, ~/.config/openstack/clouds.yaml, /etc/openstack/clouds.yaml).").Wrap(err)
	}
	return auth, endpoint, trust, err
}

func (c config) namesNoOpenstack() bool { return c.Openstack == "" && os.Getenv("OS_CLOUD") == "" }

func openOpenstack(c config, _ *state.Directory, _ *slog.Logger) (place, error) {
	o, err := openstackOptions(c)
	if err != nil {
		return nil, err
	}
	return openstack.New(o), nil
}

// openstackLetsIn logs in once, so that a wrong password stops the start. An
// OpenStack that is away does not: it comes back.
func openstackLetsIn(ctx context.Context, c config) error {
	o, err := openstackOptions(c)
	if err != nil {
		return err
	}
	trial := openstack.New(o)
	defer trial.CloseIdle()
	if err := trial.Login(ctx); jeroboam.KindOf(err) != jeroboam.Unavailable {
		return err
	}
	return nil
}
