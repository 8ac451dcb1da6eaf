package openstack

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/guard"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/mark"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/preflight"
)

// Check holds the demand against quotas, images, addresses, zones and types of
// volumes, as far as the services tell of them.
func (c *Cloud) Check(ctx context.Context, scope cloud.Scope, want cloud.Demand) error {
	p, err := c.at(ctx, scope)
	if err != nil {
		return err
	}
	var problems []error
	ask := preflight.Cloud{Project: p.id, Nova: p.compute, Neutron: p.network, Glance: p.image, Cinder: p.volume, Memory: &p.memory,
		Outside: func(ctx context.Context) (string, error) { return p.external(ctx, outsideOf(want)) },
		Inside:  p.insideOf(want)}
	if own, err := c.at(ctx, cloud.Scope{}); err == nil {
		ask.Operator = own.network
	}
	if want.Balancer {
		problems = append(problems, p.mayBalance(ctx, scope))
		ask.Octavia = p.balance
	}
	if want.Network == nil {
		ask.Members = func(ctx context.Context) (map[string]int, error) { return p.members(ctx, scope) }
	}
	for _, m := range want.Machines {
		if err := unfit(m); err != nil {
			problems = append(problems, err)
			break // one is like the other
		}
	}
	demand := demandOf(want)
	return errors.Join(append(problems, ask.Check(ctx, demand)...)...)
}

// demandOf reads the labels of a demand.
func demandOf(want cloud.Demand) preflight.Demand {
	out := preflight.Demand{Balancer: want.Balancer, Address: want.Address}
	if len(want.Machines) > 0 {
		of := want.Machines[0]
		out.Entry = want.Address && of.Public.FloatingIP ||
			want.Balancer && publicOf(cloud.BalancerSpec{Public: of.Public, Labels: of.Labels}).FloatingIP
	}
	for _, spec := range want.Machines {
		out.Machines = append(out.Machines, machineOf(spec))
	}
	if n := want.Network; n != nil {
		const everythingOut = 2 // rules that each group has
		out.Shared = preflight.Shared{New: true, Security: []int{everythingOut + len(guard.Machines(""))}}
		callers, inside := guard.Callers(*n, callersOf(n.Labels))
		if inside {
			callers = append(callers, guard.Everywhere) // one more, whichever it is
		}
		if len(callers) > 0 {
			out.Shared.Security = append(out.Shared.Security, everythingOut+len(callers))
		}
		if n.FixedNetwork == "" {
			out.Shared.CIDR, out.Shared.Router = labelSubnet.In(n.Labels), true
		}
	}
	return out
}

func machineOf(spec cloud.MachineSpec) preflight.Machine {
	if spec.Bare {
		spec.Group = "" // see ensureServerGroup
	}
	m := preflight.Machine{MachineSpec: spec, Zone: zoneOf(spec), Strict: spec.Group != "" && strict(spec)}
	if size, _ := strconv.Atoi(labelBootSize.In(spec.Labels)); size > 0 {
		m.Boot = &preflight.Disk{SizeGB: size, Type: labelBootType.In(spec.Labels), Zone: labelBootZone.In(spec.Labels)}
		m.Disks = append(m.Disks, *m.Boot)
	}
	for _, v := range spec.Volumes {
		m.Disks = append(m.Disks, preflight.Disk{SizeGB: v.SizeGB, Type: v.Type})
	}
	return m
}

// outsideOf is the external network that a demand names.
func outsideOf(want cloud.Demand) string {
	if want.Network != nil && want.Network.ExternalNetwork != "" {
		return want.Network.ExternalNetwork
	}
	for _, m := range want.Machines {
		if m.Public.ExternalNetwork != "" {
			return m.Public.ExternalNetwork
		}
	}
	return ""
}

// insideOf finds the existing network that machines are to stand on; nil if
// there is none.
func (p *project) insideOf(want cloud.Demand) func(context.Context) (cloud.Network, error) {
	switch {
	case want.Network != nil && want.Network.FixedNetwork != "":
		return func(ctx context.Context) (cloud.Network, error) { return p.existing(ctx, *want.Network) }
	case want.Network == nil && len(want.Machines) > 0 && want.Machines[0].Network.ID != "":
		return func(context.Context) (cloud.Network, error) { return want.Machines[0].Network, nil }
	}
	return nil
}

// members counts who is in the cluster's server groups, by node group.
func (p *project) members(ctx context.Context, scope cloud.Scope) (map[string]int, error) {
	all, err := p.groupsOf(ctx, scope)
	out := map[string]int{}
	for _, g := range all {
		out[strings.TrimPrefix(g.Name, mark.Prefix(scope))] = len(g.Members)
	}
	return out, err
}

// strict reports whether a machine must be in its server group.
func strict(spec cloud.MachineSpec) bool {
	return spec.Role == jeroboam.RoleMaster || labelPlacement.In(spec.Labels) != ""
}
