package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
)

// keystone is a Keystone that can be asked.
type keystone struct {
	site  site
	token string // of the administrator
}

// keystone logs in; the error says why there is none.
func (o options) keystone(ctx context.Context) (keystone, error) {
	if o.cloud == "" {
		return keystone{}, errors.New("no cloud is named")
	}
	if _, err := os.Stat(o.clouds); err != nil {
		return keystone{}, fmt.Errorf("there is no %s", o.clouds)
	}
	auth, _, _, err := clouds.Parse(clouds.WithCloudName(o.cloud), clouds.WithLocations(o.clouds))
	if err != nil {
		return keystone{}, err
	}
	token, err := tokenOf(ctx, auth)
	if err != nil {
		return keystone{}, fmt.Errorf("log in to %s: %w", auth.IdentityEndpoint, err)
	}
	at := site{program: o.program, args: []string{"--identity", "keystone", "--keystone-cloud", o.cloud},
		env: []string{"OS_CLIENT_CONFIG_FILE=" + o.clouds}}
	at.login = func(ctx context.Context, s *service, _ string) (err error) {
		s.token, err = tokenOf(ctx, auth)
		return err
	}
	return keystone{at, token}, nil
}

func tokenOf(ctx context.Context, auth gophercloud.AuthOptions) (string, error) {
	p, err := openstack.AuthenticatedClient(ctx, auth)
	if err != nil {
		return "", err
	}
	return p.Token(), nil
}
