package openstack

import (
	"context"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

type securityGroup = groups.SecGroup

// A cluster has two security groups: the one that all its machines are in lets
// each reach the others; the one of the control plane lets everybody reach the
// API. Nothing else comes in.
const apiSuffix = "-api"

func (p *project) securityGroups(ctx context.Context, scope cloud.Scope) ([]securityGroup, error) {
	return p.listSecurity(ctx, groups.ListOpts{Description: mark(scope)})
}

func (p *project) listSecurity(ctx context.Context, opts groups.ListOpts) ([]securityGroup, error) {
	pages, err := groups.List(p.network, opts).AllPages(ctx)
	if err != nil {
		return nil, refuse("Neutron", "list security groups", err)
	}
	return groups.ExtractGroups(pages)
}

func (p *project) ensureSecurity(ctx context.Context, scope cloud.Scope, spec cloud.NetworkSpec, have []securityGroup) error {
	all, err := p.ensureGroup(ctx, scope, scope.Name, have)
	if err != nil {
		return err
	}
	for _, ether := range []rules.RuleEtherType{rules.EtherType4, rules.EtherType6} {
		if err := p.ensureRule(ctx, all, rules.CreateOpts{EtherType: ether, RemoteGroupID: all.ID}); err != nil {
			return err
		}
	}
	if spec.APIPort == 0 {
		return nil
	}
	api, err := p.ensureGroup(ctx, scope, scope.Name+apiSuffix, have)
	if err != nil {
		return err
	}
	return p.ensureRule(ctx, api, rules.CreateOpts{EtherType: rules.EtherType4, Protocol: rules.ProtocolTCP,
		PortRangeMin: spec.APIPort, PortRangeMax: spec.APIPort})
}

func (p *project) ensureGroup(ctx context.Context, scope cloud.Scope, name string, have []securityGroup) (securityGroup, error) {
	same := slices.DeleteFunc(slices.Clone(have), func(g securityGroup) bool { return g.Name != name })
	kept, extra := first(same, func(g securityGroup) string { return g.ID })
	for _, g := range extra {
		if err := p.dropSecurity(ctx, g); err != nil {
			return kept, err
		}
	}
	if kept.ID != "" {
		return kept, nil
	}
	made, err := groups.Create(ctx, p.network, groups.CreateOpts{Name: name, Description: mark(scope)}).Extract()
	if err != nil {
		return kept, refuse("Neutron", "make the security group "+name, err)
	}
	return *made, nil
}

// ensureRule lets something in. Neutron refuses a rule that is there.
func (p *project) ensureRule(ctx context.Context, g securityGroup, want rules.CreateOpts) error {
	has := slices.ContainsFunc(g.Rules, func(r rules.SecGroupRule) bool {
		return r.Direction == string(rules.DirIngress) && r.EtherType == string(want.EtherType) && r.RemoteGroupID == want.RemoteGroupID &&
			r.Protocol == string(want.Protocol) && r.PortRangeMin == want.PortRangeMin && r.PortRangeMax == want.PortRangeMax
	})
	if has {
		return nil
	}
	want.Direction, want.SecGroupID = rules.DirIngress, g.ID
	if err := rules.Create(ctx, p.network, want).Err; err != nil && !busy(err) {
		return refuse("Neutron", "add a rule to the security group "+g.Name, err)
	}
	return nil
}

func (p *project) dropSecurity(ctx context.Context, g securityGroup) error {
	return gone("security group "+g.Name, groups.Delete(ctx, p.network, g.ID).ExtractErr())
}

// securityOf are the IDs of the groups that a machine of that role is in.
func securityOf(scope cloud.Scope, role string, all []securityGroup) []string {
	out := []string{}
	for _, g := range all {
		if g.Name == scope.Name || role == jeroboam.RoleMaster && g.Name == scope.Name+apiSuffix {
			out = append(out, g.ID)
		}
	}
	return out
}
