package openstack

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/simagent"
)

// hypervisor boots what the fake one only says it has booted: an agent for each
// active server, from the server's own user-data.
type hypervisor struct {
	nova    *gophercloud.ServiceClient // as administrator
	project string                     // whose servers they are
	fleet   *simagent.Fleet
	gateway string            // whose machines are booted
	running map[string]string // machine ID by server ID
}

// between two looks at all servers.
const lookEvery = 500 * time.Millisecond

func (h *hypervisor) run(ctx context.Context, wrong func(error)) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		if err := h.look(ctx); err != nil && ctx.Err() == nil {
			wrong(err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// look asks for no more than IDs: for details Nova asks Neutron.
func (h *hypervisor) look(ctx context.Context) error {
	pages, err := servers.ListSimple(h.nova, servers.ListOpts{Status: "ACTIVE", AllTenants: true, TenantID: h.project}).AllPages(ctx)
	if err != nil {
		return err
	}
	all, err := servers.ExtractServers(pages)
	if err != nil {
		return err
	}
	active := map[string]bool{}
	for _, s := range all {
		if active[s.ID] = true; h.running[s.ID] == "" {
			if err := h.boot(ctx, s.ID); err != nil {
				return fmt.Errorf("boot %s: %w", s.Name, err)
			}
		}
	}
	for server, machine := range h.running {
		if !active[server] {
			h.fleet.Lose(machine)
			delete(h.running, server)
		}
	}
	return nil
}

func (h *hypervisor) boot(ctx context.Context, id string) error {
	s, err := servers.Get(ctx, h.nova, id).Extract()
	if gophercloud.ResponseCodeIs(err, 404) {
		return nil // it is gone already
	}
	if err != nil {
		return err
	}
	if s.Userdata == nil {
		return fmt.Errorf("there is no user-data")
	}
	u, err := birth(*s.Userdata)
	if err != nil {
		return err
	}
	if u.Gateway != h.gateway {
		return fmt.Errorf("its gateway is %q", u.Gateway)
	}
	h.running[s.ID] = u.Machine
	h.fleet.Start(simagent.Machine{ID: u.Machine, Cluster: s.Metadata["jeroboam-cluster"], Name: s.Name,
		Role: s.Metadata["jeroboam-role"], Token: u.Token})
	return nil
}

// birth reads what Fedora CoreOS would write to the disk.
func birth(userData string) (u node.UserData, err error) {
	text, err := base64.StdEncoding.DecodeString(userData)
	if err != nil {
		return u, err
	}
	var ignition struct {
		Storage struct {
			Files []struct {
				Path     string
				Contents struct{ Source string }
			}
		}
	}
	if err := json.Unmarshal(text, &ignition); err != nil {
		return u, err
	}
	for _, f := range ignition.Storage.Files {
		inline, ok := strings.CutPrefix(f.Contents.Source, "data:;base64,")
		if !ok || !strings.HasSuffix(f.Path, "/user-data.json") {
			continue
		}
		data, err := base64.StdEncoding.DecodeString(inline)
		if err != nil {
			return u, err
		}
		return u, json.Unmarshal(data, &u)
	}
	return u, fmt.Errorf("no user-data.json in %s", text)
}
