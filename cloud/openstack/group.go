package openstack

import (
	"context"
	"regexp"
	"slices"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servergroups"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/mark"
)

// place has Nova make the server, in its server group if it has one. Where
// placing apart is only wished for, a project's small quota of server groups and
// of their members (10 by default) is no reason to do without the machine.
func (m machine) place(ctx context.Context, opts servers.CreateOptsBuilder, group string) (*servers.Server, error) {
	made, err := servers.Create(ctx, m.project.compute, opts, servers.SchedulerHintOpts{Group: group}).Extract()
	err = fault.Refuse("Nova", "make the server "+m.spec.Name, err)
	if group != "" && m.lonely(err) {
		made, err = servers.Create(ctx, m.project.compute, opts, servers.SchedulerHintOpts{}).Extract()
		err = fault.Refuse("Nova", "make the server "+m.spec.Name, err)
	}
	return made, err
}

// groupQuota are Nova's words for too many server groups, or members of one.
var groupQuota = regexp.MustCompile(`(?i)too many servers in group|server groups`)

// lonely reports whether a machine is to be made without its server group.
func (m machine) lonely(err error) bool {
	return !strict(m.spec) && jeroboam.KindOf(err) == jeroboam.QuotaExceeded && groupQuota.MatchString(err.Error())
}

// ensureServerGroup makes or finds the server group of the machine's node
// group. Of a control plane no two machines share a host, unless the label says
// otherwise: who loses a host must not lose the quorum. Machines of metal are
// apart, and Nova takes all those of one Ironic for the same host.
func (m machine) ensureServerGroup(ctx context.Context) (string, error) {
	if m.spec.Group == "" || m.spec.Bare {
		return "", nil
	}
	name := mark.Group(m.scope, m.spec.Group)
	return m.project.placing.Get(ctx, name, groupLife, func(ctx context.Context) (string, error) { return m.findServerGroup(ctx, name) })
}

// groupLife is how long a server group is taken to be there: a minute of machines
// that are made side by side.
const groupLife = time.Minute

func (m machine) findServerGroup(ctx context.Context, name string) (string, error) {
	all, err := m.project.groupsOf(ctx, m.scope)
	if err != nil {
		return "", err
	}
	same := slices.DeleteFunc(all, func(g servergroups.ServerGroup) bool { return g.Name != name })
	kept, extra := mark.First(same, func(g servergroups.ServerGroup) string { return g.ID })
	for _, g := range extra {
		if err := m.project.dropServerGroup(ctx, g); err != nil {
			return "", err
		}
	}
	if kept.ID != "" {
		return kept.ID, nil
	}
	made, err := servergroups.Create(ctx, m.project.compute, servergroups.CreateOpts{Name: name, Policy: m.policy()}).Extract()
	if err != nil {
		return "", fault.Refuse("Nova", "make a server group for "+m.spec.Name, err)
	}
	return made.ID, nil
}

func (m machine) policy() string {
	if named := labelPlacement.In(m.spec.Labels); named != "" {
		return named
	}
	if m.spec.Role == jeroboam.RoleMaster {
		return "anti-affinity"
	}
	return "soft-anti-affinity"
}

func (p *project) dropServerGroup(ctx context.Context, g servergroups.ServerGroup) error {
	err := servergroups.Delete(ctx, p.compute, g.ID).ExtractErr()
	if gophercloud.ResponseCodeIs(err, 404) {
		return nil
	}
	return fault.Refuse("Nova", "delete the server group "+g.Name, err)
}
