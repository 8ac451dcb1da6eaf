package openstack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
)

// everything lists, as the administrator, all that there is of the project, even
// when that is gone itself: "kind name". Only the security group that Neutron
// gives every project is left out.
func (h *house) everything() []string {
	h.Helper()
	nova, neutron, cinder := h.keystone.Nova(h.keystone.Operator.Project), h.keystone.Neutron(h.keystone.Operator.Project), h.keystone.Cinder(h.keystone.Operator.Project)
	nova.Microversion = "2.67"
	of := "?project_id=" + h.projectID
	all := []string{}
	for _, kind := range []struct {
		client    *gophercloud.ServiceClient
		key, path string
	}{
		{nova, "servers", "servers" + of + "&all_tenants=1"}, {nova, "server_groups", "os-server-groups?all_projects=1"},
		{cinder, "volumes", "volumes" + of + "&all_tenants=1"}, {cinder, "snapshots", "snapshots" + of + "&all_tenants=1"},
		{neutron, "networks", "networks" + of}, {neutron, "subnets", "subnets" + of},
		{neutron, "routers", "routers" + of}, {neutron, "ports", "ports" + of},
		{neutron, "floatingips", "floatingips" + of}, {neutron, "security_groups", "security-groups" + of},
		{h.keystone.Octavia(h.keystone.Operator.Project), "loadbalancers", "lbaas/loadbalancers" + of},
		{h.keystone.Admin(), "application_credentials", "users/" + h.admin() + "/application_credentials"},
	} {
		for _, name := range h.names(kind.client, kind.path, kind.key) {
			if kind.key != "security_groups" || name != "default" {
				all = append(all, kind.key+" "+name)
			}
		}
	}
	for _, name := range h.keypairs(nova) {
		all = append(all, "keypairs "+name)
	}
	slices.Sort(all)
	return all
}

func (h *house) names(client *gophercloud.ServiceClient, path, key string) []string {
	h.Helper()
	out, err := names(h.Context(), client, path, key, h.projectID)
	if err != nil {
		h.Fatal(err)
	}
	return out
}

// admin is the ID of the service's user.
func (h *house) admin() string {
	h.Helper()
	login, ok := h.keystone.Admin().ProviderClient.GetAuthResult().(tokens.CreateResult)
	if !ok {
		h.Fatal("the administrator has not logged in")
	}
	u, err := login.ExtractUser()
	if err != nil {
		h.Fatal(err)
	}
	return u.ID
}

// names are those of what a list has under the key, of one
// project or, if none is named, of all.
func names(ctx context.Context, client *gophercloud.ServiceClient, path, key, project string) ([]string, error) {
	var list map[string]json.RawMessage
	if err := get(ctx, client, path, &list); err != nil {
		return nil, err
	}
	var objects []struct {
		Name    string
		Project string `json:"project_id"` // "": that which was asked about
	}
	if err := json.Unmarshal(list[key], &objects); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	out := []string{}
	for _, o := range objects {
		if project == "" || o.Project == "" || o.Project == project {
			out = append(out, o.Name)
		}
	}
	return out, nil
}

// keypairs are those that the service's user has for clusters of this test.
func (h *house) keypairs(nova *gophercloud.ServiceClient) []string {
	h.Helper()
	var list struct {
		Keypairs []struct{ Keypair struct{ Name string } }
	}
	h.get(nova, "os-keypairs", &list)
	out := []string{}
	for _, k := range list.Keypairs {
		if slices.ContainsFunc(h.clusters, func(id string) bool { return strings.Contains(k.Keypair.Name, id) }) {
			out = append(out, k.Keypair.Name)
		}
	}
	return out
}

func (h *house) get(client *gophercloud.ServiceClient, path string, into any) {
	h.Helper()
	if err := get(h.Context(), client, path, into); err != nil {
		h.Fatal(err)
	}
}

func get(ctx context.Context, client *gophercloud.ServiceClient, path string, into any) error {
	response, err := client.Get(ctx, client.ServiceURL(path), nil, &gophercloud.RequestOpts{OkCodes: []int{http.StatusOK}, KeepResponseBody: true})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
