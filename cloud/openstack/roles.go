package openstack

import (
	"context"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
)

// DefaultRoles are those that suffice on most clouds: machines, networks and
// volumes of the project, and its load balancers.
func DefaultRoles() []string { return []string{"member", "load-balancer_member"} }

// actor is what a token says of who acts.
type actor struct {
	Project struct{ ID string }
	User    struct{ ID string }
	Roles   []struct{ Name string }
}

func actorOf(provider *gophercloud.ProviderClient) (a actor) {
	if r, ok := provider.GetAuthResult().(interface{ ExtractInto(any) error }); ok {
		_ = r.ExtractInto(&a) // without it nothing is anybody's
	}
	return a
}

// of are those of the wanted roles that the actor has.
func (a actor) of(wanted []string) (has []string) {
	for _, name := range wanted {
		if slices.ContainsFunc(a.Roles, func(r struct{ Name string }) bool { return strings.EqualFold(r.Name, name) }) {
			has = append(has, name)
		}
	}
	return has
}

func identityOf(provider *gophercloud.ProviderClient) (*gophercloud.ServiceClient, error) {
	c, err := openstack.NewIdentityV3(provider, gophercloud.EndpointOpts{}) // the address of the login
	return c, fault.Refuse("Keystone", "say where it is", err)
}

// giveRoles gives the user the roles that it lacks in a project, as the
// administrator that it is in its own. They are not taken back: an
// administrator can do no more with them, and Keystone would delete every
// credential that the user has in the project. have is nil for one that does
// not let the user in; then err tells why.
func (l *logins) giveRoles(ctx context.Context, project string, have *gophercloud.ProviderClient) (given bool, err error) {
	lacking := l.roles
	if have != nil {
		has := actorOf(have).of(l.roles)
		lacking = slices.DeleteFunc(slices.Clone(l.roles), func(name string) bool { return slices.Contains(has, name) })
	}
	if len(lacking) == 0 {
		return false, nil
	}
	provider, err := l.Session(ctx, cloud.Scope{})
	if err != nil {
		return false, err
	}
	identity, err := identityOf(provider)
	if err != nil {
		return false, err
	}
	if have == nil {
		if err := l.isOpen(ctx, identity, project); err != nil {
			return false, err
		}
	}
	for _, name := range lacking {
		done, err := giveRole(ctx, identity, name, roles.AssignOpts{UserID: actorOf(provider).User.ID, ProjectID: project})
		if err != nil {
			return given, l.refused(project, err)
		}
		given = given || done
	}
	return given, nil
}

// isOpen tells a project that is gone or disabled from one that does not know
// the user.
func (l *logins) isOpen(ctx context.Context, identity *gophercloud.ServiceClient, project string) error {
	p, err := projects.Get(ctx, identity, project).Extract()
	switch {
	case fault.Absent(err):
		return jeroboam.Errorf(jeroboam.Forbidden, fault.ReasonLogin, "The project %s does not exist in Keystone any more.", project).
			WithRemedy("The operator deletes its clusters.").Wrap(err)
	case err != nil:
		return l.refused(project, err)
	case !p.Enabled:
		return jeroboam.Errorf(jeroboam.Forbidden, fault.ReasonLogin, "The project %s is disabled in Keystone.", project).
			WithRemedy("The operator enables it, or deletes its clusters.")
	}
	return nil
}

// giveRole does nothing where Keystone knows no such role.
func giveRole(ctx context.Context, identity *gophercloud.ServiceClient, name string, to roles.AssignOpts) (bool, error) {
	pages, err := roles.List(identity, roles.ListOpts{Name: name}).AllPages(ctx)
	if err != nil {
		return false, err
	}
	found, err := roles.ExtractRoles(pages)
	if err != nil || len(found) == 0 {
		return false, err
	}
	err = roles.Assign(ctx, identity, found[0].ID, to).ExtractErr()
	return err == nil, err
}
