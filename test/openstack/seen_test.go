package openstack

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
)

// attached wants exactly these volumes in the project, each attached to a server
// of it: "name size GB". They are looked at as the administrator.
func (h *house) attached(want []string) {
	h.Helper()
	pages, err := volumes.List(h.keystone.Cinder(h.keystone.Operator.Project), volumes.ListOpts{AllTenants: true, TenantID: h.projectID}).AllPages(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	all, err := volumes.ExtractVolumes(pages)
	if err != nil {
		h.Fatal(err)
	}
	names := map[string]string{}
	for _, s := range h.servers() {
		names[s.ID] = s.Name
	}
	got := []string{}
	for _, v := range all {
		got = append(got, fmt.Sprintf("%s %d GB", v.Name, v.Size))
		owner := v.Metadata["jeroboam-machine"]
		if v.Status != "in-use" || len(v.Attachments) != 1 || names[v.Attachments[0].ServerID] == "" || owner == "" {
			h.Errorf("the volume %s is %s, at %+v", v.Name, v.Status, v.Attachments)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		h.Errorf("there are the volumes %q, want %q", got, want)
	}
}

func (h *house) servers() []servers.Server {
	h.Helper()
	pages, err := servers.List(h.keystone.Nova(h.keystone.Operator.Project), servers.ListOpts{AllTenants: true, TenantID: h.projectID}).AllPages(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	all, err := servers.ExtractServers(pages)
	if err != nil {
		h.Fatal(err)
	}
	return all
}

func (h *house) ports() []ports.Port {
	h.Helper()
	pages, err := ports.List(h.keystone.Neutron(h.keystone.Operator.Project), ports.ListOpts{ProjectID: h.projectID}).AllPages(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	all, err := ports.ExtractPorts(pages)
	if err != nil {
		h.Fatal(err)
	}
	return all
}

// text shows a value of the cloud in a failing test.
func text(v any) string {
	out, _ := json.Marshal(v)
	return string(out)
}
