package openstack

import (
	"context"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/guard"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/mark"
)

type securityGroup = groups.SecGroup

// A cluster has two security groups: the one that all its machines are in lets
// each reach the others; the one of the control plane lets callers from elsewhere
// reach the API, if there are any. Nothing else comes in.
const apiSuffix = "-api"

func (p *project) ensureSecurity(ctx context.Context, scope cloud.Scope, spec cloud.NetworkSpec, have []securityGroup) error {
	all, err := p.ensureGroup(ctx, scope, scope.Name, have)
	if err != nil {
		return err
	}
	if err := p.addRules(ctx, all, guard.Lacking(all.Rules, guard.Machines(all.ID))); err != nil {
		return err
	}
	from, err := p.callers(ctx, spec)
	name := scope.Name + apiSuffix
	if err != nil || len(from) == 0 && !slices.ContainsFunc(have, func(g securityGroup) bool { return g.Name == name }) {
		return err
	}
	api, err := p.ensureGroup(ctx, scope, name, have)
	if err != nil {
		return err
	}
	wanted := guard.API(spec.APIPort, from)
	if err := p.addRules(ctx, api, guard.Lacking(api.Rules, wanted)); err != nil {
		return err
	}
	for _, r := range guard.Idle(api.Rules, spec.APIPort, wanted) {
		if err := fault.Gone("rule of the security group "+name, rules.Delete(ctx, p.network, r.ID).ExtractErr()); err != nil {
			return err
		}
	}
	return nil
}

// callers are the networks that the API is called from.
func (p *project) callers(ctx context.Context, spec cloud.NetworkSpec) ([]string, error) {
	from, inside := guard.Callers(spec, callersOf(spec.Labels))
	switch {
	case !inside:
		return from, nil
	case spec.FixedNetwork == "":
		return append(from, labelSubnet.In(spec.Labels)), nil
	}
	n, err := p.existing(ctx, spec)
	return append(from, n.CIDR), err
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

// addRules let something in, in one call: Neutron takes the rules of one group at
// a time.
func (p *project) addRules(ctx context.Context, g securityGroup, lacking []rules.CreateOpts) error {
	if len(lacking) == 0 {
		return nil
	}
	for i := range lacking {
		lacking[i].Direction, lacking[i].SecGroupID = rules.DirIngress, g.ID
	}
	return fault.Refuse("Neutron", "add rules to the security group "+g.Name, rules.CreateBulk(ctx, p.network, lacking).Err)
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
