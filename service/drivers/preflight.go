package drivers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/service/internal/refusal"
)

// Preflight is the part of a cloud.Cloud that knows why a change cannot be.
type Preflight interface {
	Check(ctx context.Context, scope cloud.Scope, want cloud.Demand) error
}

// Patience is how long a cloud may think while a caller waits.
const Patience = 10 * time.Second

// preflight refuses what names things that are missing, and what the cloud says
// it cannot do, with every reason at once and before anything is written down. A
// cloud that does not answer refuses nothing: the engine asks it for each thing
// again.
func (d Driver) preflight(ctx context.Context, c jeroboam.Cluster, want cloud.Demand, missing error) error {
	if len(want.Machines) == 0 && !want.Balancer && !want.Address {
		return refusal.Of(missing)
	}
	limited, stop := context.WithTimeout(ctx, Patience)
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

// PreflightCluster asks for all of a new cluster.
func (d Driver) PreflightCluster(ctx context.Context, caller jeroboam.Caller, c jeroboam.Cluster, groups []jeroboam.NodeGroup, wish jeroboam.Template) error {
	missing := errors.Join(d.FindAll(ctx, c.Project, wish), d.findKeypair(ctx, caller, wish.Keypair))
	network := cloud.NetworkOf(c, d.Engine.Traits().APIPort)
	address := plan.AddressOf(c, groups)
	network.Balanced = address == plan.OnBalancer
	want := cloud.Demand{Network: &network, Balancer: address == plan.OnBalancer, Address: address == plan.OnVirtual}
	for _, g := range groups {
		more, _ := d.grow(ctx, c, g, g.Spec.Count) // what is missing has been told
		want.Machines = append(want.Machines, more...)
	}
	return d.preflight(ctx, c, want, missing)
}

// PreflightGrowth asks for more nodes of a group, on the network that its cluster
// has.
func (d Driver) PreflightGrowth(ctx context.Context, c jeroboam.Cluster, g jeroboam.NodeGroup, more int, network cloud.Network) error {
	machines, missing := d.grow(ctx, c, g, more)
	for i := range machines {
		machines[i].Network = network
	}
	return d.preflight(ctx, c, cloud.Demand{Machines: machines}, missing)
}

// grow describes more machines of a group, and what of them is missing.
func (d Driver) grow(ctx context.Context, c jeroboam.Cluster, g jeroboam.NodeGroup, more int) ([]cloud.MachineSpec, error) {
	flavor, noFlavor := d.FindFlavor(ctx, c.Project, g.Spec.Flavor)
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
