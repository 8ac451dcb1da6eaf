package openstack

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/instanceactions"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/keypairs"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/mark"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/volume"
)

// machine is one machine being ensured.
type machine struct {
	*Cloud
	project *project
	scope   cloud.Scope
	spec    cloud.MachineSpec
}

// EnsureMachine makes the machine, starts a stopped one, or finds it. A server
// that failed is deleted, and told of; the next call makes another on the same
// port, so with the same address.
func (c *Cloud) EnsureMachine(ctx context.Context, scope cloud.Scope, spec cloud.MachineSpec) (cloud.Machine, error) {
	return ensuring(ctx, c, scope, scope.Cluster+"/"+spec.Name, func(p *project) (cloud.Machine, error) {
		return machine{Cloud: c, project: p, scope: scope, spec: spec}.ensure(ctx)
	})
}

func (m machine) ensure(ctx context.Context) (cloud.Machine, error) {
	have, err := m.find(ctx)
	switch {
	case err != nil:
		return cloud.Machine{}, err
	case have == nil:
		return m.make(ctx)
	case have.Metadata[mark.KeyMachine] != m.spec.ID:
		return cloud.Machine{}, jeroboam.Errorf(jeroboam.Conflict, "name", "Another machine is called %s.", m.spec.Name)
	case leaving(*have):
		return cloud.Machine{}, fault.Deleting("machine " + m.spec.Name)
	case have.Status == "ERROR":
		return cloud.Machine{}, m.discard(ctx, *have)
	}
	return m.resume(ctx, *have)
}

// find returns the one server of the machine's name, nil for none. Of two, made
// because an answer was lost, the older goes: only the token of the newer is
// good.
func (m machine) find(ctx context.Context) (*servers.Server, error) {
	all, err := m.project.serversOf(ctx, m.scope)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(s servers.Server) bool { return s.Name != m.spec.Name })
	if len(all) == 0 {
		return nil, nil
	}
	slices.SortFunc(all, byUse)
	for _, s := range all[1:] {
		if err := m.project.deleteServer(ctx, s); err != nil {
			return nil, err
		}
	}
	return &all[0], nil
}

// byUse sorts servers of one name: those that live before those that failed or
// leave, the newest first.
func byUse(a, b servers.Server) int {
	dead := func(s servers.Server) int {
		if s.Status == "ERROR" || leaving(s) {
			return 1
		}
		return 0
	}
	if d := dead(a) - dead(b); d != 0 {
		return d
	}
	if d := b.Created.Compare(a.Created); d != 0 {
		return d
	}
	return strings.Compare(a.ID, b.ID)
}

// make makes the server and what it has of its own. The address is known before
// the server is.
func (m machine) make(ctx context.Context) (cloud.Machine, error) {
	port, err := m.ensurePort(ctx)
	if err != nil {
		return cloud.Machine{}, err
	}
	public, err := m.project.ensureFloating(ctx, m.scope, m.spec.Public, port.ID, m.spec.Name)
	if err != nil {
		return cloud.Machine{}, err
	}
	group, err := m.ensureServerGroup(ctx)
	if err != nil && !m.lonely(err) {
		return cloud.Machine{}, err
	}
	key, err := m.ensureKeypair(ctx)
	if err != nil {
		return cloud.Machine{}, err
	}
	server, err := m.server(ctx, port)
	if err != nil {
		return cloud.Machine{}, err
	}
	made, err := m.place(ctx, keypairs.CreateOptsExt{CreateOptsBuilder: server, KeyName: key}, group)
	if err != nil {
		return cloud.Machine{}, err
	}
	return cloud.Machine{ID: m.spec.ID, CloudID: made.ID, Name: m.spec.Name, Address: addressOf(port), Public: public,
		Volumes: volume.Serials(server.Metadata), State: cloud.Building}, nil
}

// server describes the server. Its user-data is asked for last of all.
func (m machine) server(ctx context.Context, port ports.Port) (servers.CreateOpts, error) {
	want := wantedVolumes(m.spec)
	ids, err := m.ensureVolumes(ctx, want)
	if err != nil {
		return servers.CreateOpts{}, err
	}
	more := volume.Metadata(want, ids)
	more[mark.KeyAddress] = addressOf(port)
	opts := servers.CreateOpts{
		Name: m.spec.Name, FlavorRef: m.spec.Flavor.ID, Tags: mark.ServerTags(m.scope), Metadata: mark.Metadata(m.scope, m.spec, more),
		Networks: []servers.Network{{Port: port.ID}}, AvailabilityZone: zoneOf(m.spec),
	}
	if m.spec.Bare {
		opts.ConfigDrive = &m.spec.Bare // the metadata service may be out of reach
	}
	opts.ImageRef, opts.BlockDevice = volume.Devices(m.spec.Image.ID, want, ids)
	opts.UserData, err = m.spec.UserData()
	return opts, err
}

// discard deletes a server that failed and tells why it did. Nova writes the
// reason down a moment after the state.
func (m machine) discard(ctx context.Context, s servers.Server) error {
	if s.Fault.Message == "" {
		fresh, err := servers.Get(ctx, m.project.compute, s.ID).Extract()
		if err != nil {
			return fault.Refuse("Nova", "show the server "+s.Name, err)
		}
		s = *fresh
	}
	if s.Fault.Message == "" && time.Since(s.Updated) < faultDelay {
		return fault.OfServer(s, "")
	}
	fault := fault.OfServer(s, m.project.requestThatMade(ctx, s.ID))
	if err := m.project.deleteServer(ctx, s); err != nil {
		return err
	}
	return fault
}

// faultDelay is how long a server that failed is left for its reason to be known.
const faultDelay = 10 * time.Second

// requestThatMade looks up the id by which the operator finds the making of a
// server in the logs; "" if Nova does not tell.
func (p *project) requestThatMade(ctx context.Context, id string) string {
	pages, err := instanceactions.List(p.compute, id, instanceactions.ListOpts{}).AllPages(ctx)
	if err != nil {
		return ""
	}
	actions, err := instanceactions.ExtractInstanceActions(pages)
	if err != nil {
		return ""
	}
	for _, a := range actions {
		if a.Action == "create" {
			return a.RequestID
		}
	}
	return ""
}

// resume starts a server that does not run.
func (m machine) resume(ctx context.Context, s servers.Server) (cloud.Machine, error) {
	nova := m.project.compute
	var err error
	switch s.Status {
	case "SHUTOFF":
		err = servers.Start(ctx, nova, s.ID).ExtractErr()
	case "PAUSED":
		err = servers.Unpause(ctx, nova, s.ID).ExtractErr()
	case "SUSPENDED":
		err = servers.Resume(ctx, nova, s.ID).ExtractErr()
	case "SHELVED", "SHELVED_OFFLOADED":
		err = servers.Unshelve(ctx, nova, s.ID, servers.UnshelveOpts{}).ExtractErr()
	}
	if err != nil && !(fault.Busy(err) && s.TaskState != "") { // it is starting already
		return cloud.Machine{}, fault.Refuse("Nova", "start the server "+s.Name, err)
	}
	out := shown(s)
	if !m.spec.Public.FloatingIP {
		return out, nil
	}
	out.Public, err = m.publicOf(ctx)
	return out, err
}

// shown is a server in the contract's words.
func shown(s servers.Server) cloud.Machine {
	m := cloud.Machine{ID: s.Metadata[mark.KeyMachine], CloudID: s.ID, Name: s.Name, Address: s.Metadata[mark.KeyAddress],
		Volumes: volume.Serials(s.Metadata), State: stateOf(s.Status)}
	if m.State == cloud.Faulty {
		m.Fault = jeroboam.CauseOf(fault.OfServer(s, ""))
	}
	return m
}

// stateOf translates Nova's words. What passes by itself is building.
func stateOf(status string) cloud.MachineState {
	switch status {
	case "ACTIVE", "PASSWORD":
		return cloud.Active
	case "ERROR":
		return cloud.Faulty
	case "SHUTOFF", "PAUSED", "SUSPENDED", "SHELVED", "SHELVED_OFFLOADED", "RESCUE", "DELETED", "SOFT_DELETED":
		return cloud.Stopped
	}
	return cloud.Building
}

// leaving reports whether a server is being deleted.
func leaving(s servers.Server) bool {
	return s.TaskState == "deleting" || s.TaskState == "soft-deleting" || s.Status == "DELETED" || s.Status == "SOFT_DELETED"
}

func (p *project) listServers(ctx context.Context, opts servers.ListOpts) ([]servers.Server, error) {
	pages, err := servers.List(p.compute, opts).AllPages(ctx)
	if err != nil {
		return nil, fault.Refuse("Nova", "list servers", err)
	}
	return servers.ExtractServers(pages)
}

func (p *project) deleteServer(ctx context.Context, s servers.Server) error {
	if leaving(s) {
		return nil
	}
	err := servers.Delete(ctx, p.compute, s.ID).ExtractErr()
	if gophercloud.ResponseCodeIs(err, 404) {
		return nil
	}
	return fault.Refuse("Nova", "delete the server "+s.Name, err)
}
