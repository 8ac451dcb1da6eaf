package openstack

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
)

// lookAfter lists or deletes what a cluster has, even if its project is
// disabled, deleted, or lets the service in no more: then the service's user
// does so from its own project, as administrator.
func (c *Cloud) lookAfter(ctx context.Context, scope cloud.Scope, do func(*project) error) error {
	p, err := c.at(ctx, scope)
	if err == nil {
		err = do(p)
		p.held.doubts.Note(scope, err)
	}
	if !fault.ShutOut(err) || c.options.OwnProject {
		return err
	}
	p, outsideErr := c.outside(ctx, scope)
	switch {
	case jeroboam.KindOf(outsideErr) == jeroboam.Forbidden:
		return err // who is no administrator would see nothing, and take it for nothing there
	case outsideErr != nil:
		return outsideErr
	}
	return do(p)
}

// outside returns the services as an administrator sees them who asks about
// another project. Who is none is Forbidden.
func (c *Cloud) outside(ctx context.Context, scope cloud.Scope) (*project, error) {
	own, err := c.at(ctx, cloud.Scope{})
	if err != nil {
		return nil, err
	}
	p := &project{id: scope.Project, user: own.user, abroad: true,
		compute: own.compute, network: own.network, image: own.image, volume: own.volume,
		balance: own.balance, share: own.share}
	_, err = p.serversOf(ctx, scope) // Nova refuses others, where Neutron shows them less
	return p, err
}
