package openstack

import (
	"context"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/dependents"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/doubt"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/mark"
)

// Dependents lists what the cluster's own programs have made in its project.
func (c *Cloud) Dependents(ctx context.Context, scope cloud.Scope) (all []cloud.Dependent, err error) {
	err = c.lookAfter(ctx, scope, func(p *project) error {
		own, err := p.networksOf(ctx, scope)
		if err != nil {
			return err
		}
		all, err = doubt.Believed(&p.held.doubts, scope, func() ([]cloud.Dependent, error) {
			return dependents.List(ctx, &p.held.dependents, p.seen(), scope.Cluster, mark.Of(scope), idsOf(own))
		})
		return err
	})
	return all, err
}

// alone refuses to take a network away from who else uses it.
func (p *project) alone(ctx context.Context, scope cloud.Scope, own []networks.Network) error {
	others, leaving, err := dependents.Others(ctx, p.seen(), mark.Of(scope), idsOf(own))
	switch {
	case err != nil:
		return err
	case len(others) == 0 && leaving:
		return fault.Deleting("load balancer on the network " + scope.Name)
	case len(others) == 0:
		return nil
	}
	return jeroboam.Errorf(jeroboam.Conflict, "network-in-use", "The network of %s is used by others: %s.", scope.Name, strings.Join(others, ", ")).
		WithRemedy("Take them off the network, or delete them; then it goes on by itself.")
}

// seen is the project as the package dependents looks at it.
func (p *project) seen() dependents.Project {
	return dependents.Project{ID: p.id, Abroad: p.abroad, Network: p.network, Volume: p.volume, Balancer: p.balance, Share: p.share}
}

func idsOf(all []networks.Network) []string {
	ids := make([]string, len(all))
	for i, n := range all {
		ids[i] = n.ID
	}
	return ids
}
