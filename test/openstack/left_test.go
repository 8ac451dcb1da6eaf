package openstack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
)

// everything lists, as the administrator, all that there is in the project: "kind
// name". Only the security group that Neutron gives every project is left out.
func (h *house) everything() []string {
	h.Helper()
	nova, neutron, cinder := h.keystone.Nova(h.project), h.keystone.Neutron(h.project), h.keystone.Cinder(h.project)
	project := h.keystone.Project(h.project)
	all := []string{}
	for _, kind := range []struct {
		client    *gophercloud.ServiceClient
		key, path string
	}{
		{nova, "servers", "servers"}, {nova, "server_groups", "os-server-groups"}, {cinder, "volumes", "volumes"},
		{neutron, "networks", "networks?project_id=" + project}, {neutron, "subnets", "subnets?project_id=" + project},
		{neutron, "routers", "routers?project_id=" + project}, {neutron, "ports", "ports?project_id=" + project},
		{neutron, "floatingips", "floatingips?project_id=" + project}, {neutron, "security_groups", "security-groups?project_id=" + project},
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
	out, err := names(h.Context(), client, path, key)
	if err != nil {
		h.Fatal(err)
	}
	return out
}

// names are those of what a list has under the key.
func names(ctx context.Context, client *gophercloud.ServiceClient, path, key string) ([]string, error) {
	var list map[string]json.RawMessage
	if err := get(ctx, client, path, &list); err != nil {
		return nil, err
	}
	var objects []struct{ Name string }
	if err := json.Unmarshal(list[key], &objects); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	out := []string{}
	for _, o := range objects {
		out = append(out, o.Name)
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
