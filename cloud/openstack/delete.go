package openstack

import (
	"context"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"golang.org/x/sync/errgroup"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/dependents"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/farewell"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/mark"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/volume"
)

// Delete removes a credential, what a cluster has made for itself, or a machine,
// a balancer, an address or the network with all that belongs to it. What takes
// long is "deleting" until it is gone.
func (c *Cloud) Delete(ctx context.Context, scope cloud.Scope, object cloud.Object) error {
	switch object.Kind {
	case jeroboam.KindMachine:
		return c.lookAfter(ctx, scope, func(p *project) error { return p.deleteMachine(ctx, scope, object) })
	case jeroboam.KindAddress:
		return c.lookAfter(ctx, scope, func(p *project) error { return p.deleteAddress(ctx, scope, object) })
	case jeroboam.KindNetwork:
		return c.lookAfter(ctx, scope, func(p *project) error { return c.deleteNetwork(ctx, p, scope) })
	case jeroboam.KindCredential:
		return c.deleteCredential(ctx, scope, object)
	case jeroboam.KindBalancer:
		return c.lookAfter(ctx, scope, func(p *project) error { return p.deleteBalancer(ctx, scope, object) })
	}
	if jeroboam.MadeByCluster(object.Kind) {
		return c.lookAfter(ctx, scope, func(p *project) error { return dependents.Delete(ctx, p.seen(), object) })
	}
	return jeroboam.Errorf(jeroboam.Invalid, "kind", "The cloud knows no kind %q.", object.Kind)
}

// deleteMachine removes the server, and when that is gone what it stood on.
func (p *project) deleteMachine(ctx context.Context, scope cloud.Scope, object cloud.Object) error {
	is := func(name, id string) bool { return name == object.Name && (object.ID == "" || id == object.ID) }
	if err := p.deleteServers(ctx, scope, object, is); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.deletePorts(ctx, scope, is) })
	g.Go(func() error { return p.deleteVolumes(ctx, scope, is) })
	return g.Wait()
}

// deleteServers needs details to know whose a server is, but not to see that it
// is gone.
func (p *project) deleteServers(ctx context.Context, scope cloud.Scope, object cloud.Object, is func(name, id string) bool) error {
	var mine []string // IDs
	return farewell.Of[servers.Server]{
		What:  "machine " + object.Name,
		Known: servers.Server{ID: object.CloudID, Name: object.Name},
		ID:    func(s servers.Server) string { return s.ID },
		List: func() ([]servers.Server, error) {
			if len(mine) > 0 {
				left, err := p.leftOf(ctx, scope)
				return slices.DeleteFunc(left, func(s servers.Server) bool { return !slices.Contains(mine, s.ID) }), err
			}
			all, err := p.serversOf(ctx, scope)
			all = slices.DeleteFunc(all, func(s servers.Server) bool { return !is(s.Name, s.Metadata[mark.KeyMachine]) })
			for _, s := range all {
				mine = append(mine, s.ID)
			}
			return all, err
		},
		Drop: func(s servers.Server) error { return p.deleteServer(ctx, s) },
	}.UntilGone(ctx)
}

func (p *project) deletePorts(ctx context.Context, scope cloud.Scope, is func(name, id string) bool) error {
	all, err := p.portsOf(ctx, scope)
	if err != nil {
		return err
	}
	for _, port := range all {
		if !is(mark.PortOwner(port.Name)) {
			continue
		}
		if err := p.deletePort(ctx, scope, port); err != nil {
			return err
		}
	}
	return nil
}

// deletePort removes a port and the floating address that leads to it.
func (p *project) deletePort(ctx context.Context, scope cloud.Scope, port ports.Port) error {
	if err := p.deleteFloating(ctx, scope, port.ID); err != nil {
		return err
	}
	return p.dropPort(ctx, port)
}

func (p *project) deleteFloating(ctx context.Context, scope cloud.Scope, port string) error {
	all, err := p.floatingOf(ctx, scope)
	if err != nil {
		return err
	}
	for _, f := range all {
		if f.PortID != port {
			continue
		}
		if err := p.floating().Drop(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

func (p *project) deleteVolumes(ctx context.Context, scope cloud.Scope, is func(name, id string) bool) error {
	all, err := p.volumesOf(ctx, scope)
	if err != nil {
		return err
	}
	for _, v := range all {
		if !is(mark.VolumeOwner(v.Name, v.Metadata)) {
			continue
		}
		if err := p.deleteVolume(ctx, v); err != nil {
			return err
		}
		err = fault.Deleting("volume " + v.Name)
	}
	return err
}

// deleteVolume leaves one alone that Nova has not let go of yet.
func (p *project) deleteVolume(ctx context.Context, v volumes.Volume) error {
	if v.Status == "in-use" || v.Status == "detaching" {
		return nil
	}
	return volume.Drop(ctx, p.volume, v)
}

// deleteNetwork removes all that machines share, unless others use it. Neutron
// refuses while there are machines.
func (c *Cloud) deleteNetwork(ctx context.Context, p *project, scope cloud.Scope) error {
	done, err := c.turn(ctx, scope.Cluster)
	if err != nil {
		return err
	}
	defer done()
	h, seen := p.held.lately.take(scope)
	if !seen || p.held.doubts.About(scope) {
		if h, err = p.shared(ctx, scope); err != nil {
			return err
		}
	}
	if err := p.alone(ctx, scope, h.footing.networks); err != nil {
		return err
	}
	for _, f := range h.floating {
		if err := p.floating().Drop(ctx, f); err != nil {
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
