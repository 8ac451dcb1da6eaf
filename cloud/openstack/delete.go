package openstack

import (
	"context"

	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"golang.org/x/sync/errgroup"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// Delete removes a machine or the network with all that belongs to it. It never
// waits for the cloud: what takes time is "deleting" until it is gone.
func (c *Cloud) Delete(ctx context.Context, scope cloud.Scope, object cloud.Object) error {
	p, err := c.at(ctx, scope)
	if err != nil {
		return err
	}
	switch object.Kind {
	case jeroboam.KindMachine:
		return c.deleteMachine(ctx, p, scope, object)
	case jeroboam.KindNetwork:
		return c.deleteNetwork(ctx, p, scope)
	case jeroboam.KindBalancer:
		return nil // none is ever made
	}
	return jeroboam.Errorf(jeroboam.Invalid, "kind", "The cloud knows no kind %q.", object.Kind)
}

// deleteMachine removes the server, and when that is gone what it stood on.
func (c *Cloud) deleteMachine(ctx context.Context, p *project, scope cloud.Scope, object cloud.Object) error {
	is := func(name, id string) bool { return name == object.Name && (object.ID == "" || id == object.ID) }
	all, err := c.serversOf(ctx, p, scope)
	if err != nil {
		return err
	}
	for _, s := range all {
		if !is(s.Name, s.Metadata[keyMachine]) {
			continue
		}
		if err := p.deleteServer(ctx, s); err != nil {
			return err
		}
		err = deleting("machine " + object.Name)
	}
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.deletePorts(ctx, p, scope, is) })
	g.Go(func() error { return c.deleteVolumes(ctx, p, scope, is) })
	return g.Wait()
}

func (c *Cloud) deletePorts(ctx context.Context, p *project, scope cloud.Scope, is func(name, id string) bool) error {
	all, err := c.portsOf(ctx, p, scope)
	if err != nil {
		return err
	}
	for _, port := range all {
		if !is(portOwner(port.Name)) {
			continue
		}
		if err := c.deleteFloating(ctx, p, scope, port.ID); err != nil {
			return err
		}
		if err := p.dropPort(ctx, port); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cloud) deleteFloating(ctx context.Context, p *project, scope cloud.Scope, port string) error {
	all, err := c.floatingOf(ctx, p, scope)
	if err != nil {
		return err
	}
	for _, f := range all {
		if f.PortID != port {
			continue
		}
		if err := p.dropFloating(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cloud) deleteVolumes(ctx context.Context, p *project, scope cloud.Scope, is func(name, id string) bool) error {
	all, err := c.volumesOf(ctx, p, scope)
	if err != nil {
		return err
	}
	for _, v := range all {
		if !is(v.Name, v.Metadata[keyMachine]) {
			continue
		}
		if err := c.deleteVolume(ctx, p, v); err != nil {
			return err
		}
		err = deleting("volume " + v.Name)
	}
	return err
}

// deleteVolume leaves one alone that Nova has not let go of yet.
func (c *Cloud) deleteVolume(ctx context.Context, p *project, v volumes.Volume) error {
	if v.Status == "in-use" || v.Status == "detaching" {
		return nil
	}
	return p.dropVolume(ctx, v)
}

func (c *Cloud) deleteNetwork(ctx context.Context, p *project, scope cloud.Scope) error {
	done, err := c.turns.take(ctx, scope.Cluster)
	if err != nil {
		return err
	}
	defer done()
	h, err := c.holdings(ctx, p, scope)
	if err != nil {
		return err
	}
	if n := len(h.machines()); n > 0 {
		return jeroboam.Errorf(jeroboam.Conflict, "in-use", "The network is used by %d machines.", n)
	}
	for _, f := range h.floating {
		if err := p.dropFloating(ctx, f); err != nil {
			return err
		}
	}
	for _, g := range h.groups {
		if err := p.dropServerGroup(ctx, g); err != nil {
			return err
		}
	}
	if err := p.dropKeypair(ctx, scope); err != nil {
		return err
	}
	return p.dropFooting(ctx, h.footing)
}
