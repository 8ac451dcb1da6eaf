package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/service/access"
	"github.com/jeroboam-cloud/jeroboam/service/internal/refusal"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Preflight is the part of a cloud.Cloud that knows why a change cannot be.
type Preflight interface {
	Check(ctx context.Context, scope cloud.Scope, want cloud.Demand) error
}

// preflightPatience is how long the cloud may think about a demand.
const preflightPatience = 10 * time.Second

// preflight refuses what names things that are missing, and what the cloud says
// it cannot do, with every reason at once and before anything is written down. A
// cloud that does not answer refuses nothing: the engine asks it for each thing
// again.
func (s *Service) preflight(ctx context.Context, d Driver, c jeroboam.Cluster, want cloud.Demand, missing error) error {
	if len(want.Machines) == 0 && !want.Balancer && !want.Address {
		return refusal.Of(missing)
	}
	limited, stop := context.WithTimeout(ctx, preflightPatience)
	defer stop()
	problems := refusal.Leaves(d.Preflight.Check(limited, cloud.Scope{Cluster: c.ID, Project: c.Project, Name: c.Name}, want))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	problems = slices.DeleteFunc(problems, func(err error) bool { return !refusal.Objects(err) })
	if len(problems) == 0 {
		return refusal.Of(missing)
	}
	return fmt.Errorf("preflight: %w", refusal.Of(errors.Join(append(refusal.Leaves(missing), problems...)...)))
}

// preflightCluster asks for all of a new cluster.
func (s *Service) preflightCluster(ctx context.Context, d Driver, caller jeroboam.Caller, c jeroboam.Cluster, groups []jeroboam.NodeGroup, wish jeroboam.Template) error {
	missing := errors.Join(checkResources(ctx, d, c.Project, wish), checkKeypair(ctx, d, caller, wish.Keypair))
	network := cloud.NetworkOf(c, d.Engine.Traits().APIPort)
	address := plan.AddressOf(c, groups)
	want := cloud.Demand{Network: &network, Balancer: address == plan.OnBalancer, Address: address == plan.OnVirtual}
	for _, g := range groups {
		more, _ := grow(ctx, d, c, g, g.Spec.Count) // what is missing has been told
		want.Machines = append(want.Machines, more...)
	}
	return s.preflight(ctx, d, c, want, missing)
}

// grow describes more machines of a group, and what of them is missing.
func grow(ctx context.Context, d Driver, c jeroboam.Cluster, g jeroboam.NodeGroup, more int) ([]cloud.MachineSpec, error) {
	flavor, noFlavor := findFlavor(ctx, d, c.Project, g.Spec.Flavor)
	image, noImage := d.Catalogue.FindImage(ctx, c.Project, g.Spec.Image)
	if jeroboam.KindOf(noImage) == jeroboam.NotFound {
		noImage = unknownImage(g.Spec.Image, noImage)
	}
	spec := cloud.MachineSpec{Role: g.Role, Group: g.ID, Flavor: flavor, Image: image,
		Bare: d.Bare(), Volumes: cloud.VolumesOf(c.Spec.Labels, g), Public: cloud.PublicOf(c), Labels: c.Spec.Labels}
	out := make([]cloud.MachineSpec, more)
	for i := range out {
		out[i] = spec
		out[i].Index = i
	}
	return out, errors.Join(noFlavor, noImage)
}

// preflightResize asks for what a group lacks to its wanted size. What is wrong
// with the wish itself is told by the transaction that follows.
func (s *Service) preflightResize(ctx context.Context, caller jeroboam.Caller, rule, ident, groupIdent string, count int) error {
	var c jeroboam.Cluster
	g, err := store.View(ctx, s.Store, func(tx store.Tx) (g jeroboam.NodeGroup, err error) {
		if c, err = s.gate.Cluster(tx, caller, ident, access.Own(rule)); err != nil {
			return g, err
		}
		return group(tx, c, groupIdent)
	})
	if err != nil {
		return nil
	}
	return s.preflightGroup(ctx, c, g, count-g.Spec.Count)
}

// preflightGroup asks for more nodes of a group, on the network that the cluster
// has.
func (s *Service) preflightGroup(ctx context.Context, c jeroboam.Cluster, g jeroboam.NodeGroup, more int) error {
	at := slices.IndexFunc(s.Drivers, func(d Driver) bool { return d.Name == c.Spec.Driver })
	if at < 0 || more <= 0 {
		return nil
	}
	network, err := store.View(ctx, s.Store, func(tx store.Tx) (cloud.Network, error) { return networkOf(tx, c) })
	if err != nil {
		return err
	}
	machines, missing := grow(ctx, s.Drivers[at], c, g, more)
	for i := range machines {
		machines[i].Network = network
	}
	return s.preflight(ctx, s.Drivers[at], c, cloud.Demand{Machines: machines}, missing)
}

// networkOf is the cluster's network by the ledger; none if it is not made yet.
func networkOf(tx store.Tx, c jeroboam.Cluster) (cloud.Network, error) {
	lines, err := store.List[jeroboam.Resource](tx, store.Query{Parent: c.ID, Name: c.Name})
	for _, line := range lines {
		if line.Kind == jeroboam.KindNetwork && line.State == jeroboam.ResourceMade {
			return cloud.NetworkFrom(line), nil
		}
	}
	return cloud.Network{}, err
}
