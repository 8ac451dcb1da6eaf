package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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

// magnumTemplate is of what the testbed has.
const magnumTemplate = `{"name": "jeroboam-bench", "coe": "kubernetes", "image_id": "fedora-coreos", "keypair_id": "testbed", "external_network_id": "public",
	"flavor_id": "m1.small", "master_flavor_id": "m1.small", "network_driver": "flannel"}`

// measureMagnum asks a Magnum that holds a hundred clusters what both know.
// What it makes in it, it takes away.
func (o options) measureMagnum(ctx context.Context, k keystone) (_ column, err error) {
	if o.magnum == "" {
		return column{}, errors.New("no address is given")
	}
	t := target{address: o.magnum, token: k.token}
	if err := t.call(ctx, http.MethodGet, "/v1/clusters?limit=1", "", nil); err != nil {
		return column{}, err
	}
	if err := magnumClones(ctx, "fill", fmt.Sprint(sideBySideOf)); err != nil {
		return column{}, err
	}
	defer func() {
		tidy := context.WithoutCancel(ctx)
		err = errors.Join(err, magnumClones(tidy, "clean"), dropTemplates(tidy, t))
	}()
	var list struct{ Clusters []struct{ UUID string } }
	if err := t.call(ctx, http.MethodGet, "/v1/clusters?limit=1", "", &list); err != nil {
		return column{}, err
	}
	if len(list.Clusters) == 0 {
		return column{}, errors.New("its clusters are of another project than the administrator's")
	}
	fmt.Printf("\n%d clusters stored, Magnum at %s\n", sideBySideOf, o.magnum)
	all := append(reading(holding{cluster: list.Clusters[0].UUID}),
		request{name: createTemplate, method: http.MethodPost, path: "/v1/clustertemplates", body: magnumTemplate})
	figures, err := measureCases(ctx, os.Stdout, t, all, []int{compared}, o.duration, nil)
	return column{"Magnum", figures}, err
}

// dropTemplates deletes those that were created.
func dropTemplates(ctx context.Context, t target) error {
	var list struct {
		Templates []struct{ UUID, Name string } `json:"clustertemplates"`
	}
	if err := t.call(ctx, http.MethodGet, "/v1/clustertemplates?limit=1000", "", &list); err != nil {
		return err
	}
	for _, made := range list.Templates {
		if made.Name != "jeroboam-bench" {
			continue
		}
		if err := t.call(ctx, http.MethodDelete, "/v1/clustertemplates/"+made.UUID, "", nil); err != nil {
			return err
		}
	}
	return nil
}
