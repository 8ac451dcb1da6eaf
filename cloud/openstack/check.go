package openstack

import (
	"context"
	"errors"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/limits"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/quotas"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
)

// need is how much of something a demand takes, and how much there is.
type need struct {
	what              string
	used, more, limit int // a negative limit is none
}

// Check holds the demand against the quotas of Nova and Neutron.
func (c *Cloud) Check(ctx context.Context, scope cloud.Scope, want cloud.Demand) error {
	p, err := c.at(ctx, scope)
	if err != nil {
		return err
	}
	var problems []error
	if want.Balancer {
		problems = append(problems, p.mayBalance(ctx, scope))
	}
	for _, m := range want.Machines {
		if err := unfit(m); err != nil {
			problems = append(problems, err)
			break // one is like the other
		}
	}
	needs, err := p.needs(ctx, want)
	if err != nil {
		return err
	}
	for _, n := range needs {
		if n.limit >= 0 && n.used+n.more > n.limit {
			problems = append(problems, jeroboam.Errorf(jeroboam.QuotaExceeded, "quota",
				"The project may have %d %s; it has %d and needs %d more.", n.limit, n.what, n.used, n.more).
				WithRemedy("%s", fault.Remedy(jeroboam.QuotaExceeded)))
		}
	}
	return errors.Join(problems...)
}

func (p *project) needs(ctx context.Context, want cloud.Demand) ([]need, error) {
	l, err := limits.Get(ctx, p.compute, nil).Extract()
	if err != nil {
		return nil, fault.Refuse("Nova", "show the project's quota", err)
	}
	machines, cores, memory := len(want.Machines), 0, 0
	for _, m := range want.Machines {
		cores, memory = cores+m.Flavor.VCPUs, memory+m.Flavor.MemoryMB
	}
	nova := l.Absolute
	out := []need{
		{"servers", nova.TotalInstancesUsed, machines, nova.MaxTotalInstances},
		{"cores", nova.TotalCoresUsed, cores, nova.MaxTotalCores},
		{"MB of memory", nova.TotalRAMUsed, memory, nova.MaxTotalRAMSize},
	}
	neutron, err := quotas.GetDetail(ctx, p.network, p.id).Extract()
	if gophercloud.ResponseCodeIs(err, 403) || fault.Absent(err) {
		return out, nil // only operators may look; Neutron itself will say so
	}
	if err != nil {
		return nil, fault.Refuse("Neutron", "show the project's quota", err)
	}
	return append(out, need{"ports", neutron.Port.Used, machines, neutron.Port.Limit}), nil
}
