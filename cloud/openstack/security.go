package openstack

import (
	"context"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/mark"
)

type securityGroup = groups.SecGroup

// A cluster has two security groups: the one that all its machines are in lets
// each reach the others; the one of the control plane lets everybody reach the
// API. Nothing else comes in.
const apiSuffix = "-api"

func (p *project) ensureSecurity(ctx context.Context, scope cloud.Scope, spec cloud.NetworkSpec, have []securityGroup) error {
	all, err := p.ensureGroup(ctx, scope, scope.Name, have)
	if err != nil {
		return err
	}
	err = p.ensureRules(ctx, all, rules.CreateOpts{EtherType: rules.EtherType4, RemoteGroupID: all.ID},
		rules.CreateOpts{EtherType: rules.EtherType6, RemoteGroupID: all.ID})
	if err != nil {
		return err
	}
	if spec.APIPort == 0 {
		return nil
	}
	api, err := p.ensureGroup(ctx, scope, scope.Name+apiSuffix, have)
	if err != nil {
		return err
	}
	return p.ensureRules(ctx, api, rules.CreateOpts{EtherType: rules.EtherType4, Protocol: rules.ProtocolTCP,
		PortRangeMin: spec.APIPort, PortRangeMax: spec.APIPort})
}

func (p *project) ensureGroup(ctx context.Context, scope cloud.Scope, name string, have []securityGroup) (securityGroup, error) {
	same := slices.DeleteFunc(slices.Clone(have), func(g securityGroup) bool { return g.Name != name })
	kept, extra := mark.First(same, func(g securityGroup) string { return g.ID })
	for _, g := range extra {
		if err := p.dropSecurity(ctx, g); err != nil {
			return kept, err
		}
	}
	if kept.ID != "" {
		return kept, nil
	}
	made, err := groups.Create(ctx, p.network, groups.CreateOpts{Name: name, Description: mark.Of(scope)}).Extract()
	if err != nil {
		return kept, fault.Refuse("Neutron", "make the security group "+name, err)
	}
	return *made, nil
}

// ensureRules let something in, in one call what is not let in yet.
func (p *project) ensureRules(ctx context.Context, g securityGroup, wanted ...rules.CreateOpts) error {
	var lacking []rules.CreateOpts
	for _, want := range wanted {
		if !slices.ContainsFunc(g.Rules, func(r rules.SecGroupRule) bool { return sameRule(r, want) }) {
			want.Direction, want.SecGroupID = rules.DirIngress, g.ID
			lacking = append(lacking, want)
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	return fault.Refuse("Neutron", "add rules to the security group "+g.Name, rules.CreateBulk(ctx, p.network, lacking).Err)
}

func sameRule(r rules.SecGroupRule, want rules.CreateOpts) bool {
	return r.Direction == string(rules.DirIngress) && r.EtherType == string(want.EtherType) && r.RemoteGroupID == want.RemoteGroupID &&
		r.Protocol == string(want.Protocol) && r.PortRangeMin == want.PortRangeMin && r.PortRangeMax == want.PortRangeMax
}

func (p *project) dropSecurity(ctx context.Context, g securityGroup) error {
	return fault.Gone("security group "+g.Name, groups.Delete(ctx, p.network, g.ID).ExtractErr())
}

// groupsFor are the groups of a port in the service of a role. One in no group
// would reach nobody.
func (p *project) groupsFor(ctx context.Context, scope cloud.Scope, role string) ([]string, error) {
	all, err := p.securityOf(ctx, scope)
	if err != nil {
		return nil, err
	}
	groups := groupsOfRole(scope, role, all)
	if len(groups) == 0 {
		return nil, jeroboam.Errorf(jeroboam.Unavailable, "security-group", "Neutron shows no security group of the cluster %s.", scope.Name).
			WithRemedy("It is asked again by itself.")
	}
	return groups, nil
}

// groupsOfRole are the IDs of the groups that a machine of that role is in.
func groupsOfRole(scope cloud.Scope, role string, all []securityGroup) []string {
	out := []string{}
	for _, g := range all {
		if g.Name == scope.Name || role == jeroboam.RoleMaster && g.Name == scope.Name+apiSuffix {
			out = append(out, g.ID)
		}
	}
	return out
}
