package service

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Preflight is the part of a cloud.Cloud that knows why a change cannot be.
type Preflight interface {
	Check(ctx context.Context, scope cloud.Scope, want cloud.Demand) error
}

// preflightPatience is how long the cloud may think about a demand.
const preflightPatience = 10 * time.Second

// preflight refuses what the cloud says it cannot do, with every reason at once
// and before anything is written down. A cloud that does not answer refuses
// nothing: the engine asks it for each thing again.
func (s *Service) preflight(ctx context.Context, d Driver, c jeroboam.Cluster, want cloud.Demand) error {
	if len(want.Machines) == 0 && !want.Balancer {
		return nil
	}
	limited, stop := context.WithTimeout(ctx, preflightPatience)
	defer stop()
	err := d.Preflight.Check(limited, cloud.Scope{Cluster: c.ID, Project: c.Project, Name: c.Name}, want)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return together(err)
}

// demandOf is what a new cluster needs.
func (s *Service) demandOf(ctx context.Context, d Driver, c jeroboam.Cluster, groups []jeroboam.NodeGroup) (cloud.Demand, error) {
	want := cloud.Demand{Balancer: plan.WantsBalancer(c, groups)}
	for _, g := range groups {
		more, err := nodes(ctx, d, c, g, g.Spec.Count)
		if err != nil {
			return want, err
		}
		want.Machines = append(want.Machines, more...)
	}
	return want, nil
}

// nodes are so many more machines of a group.
func nodes(ctx context.Context, d Driver, c jeroboam.Cluster, g jeroboam.NodeGroup, count int) ([]cloud.MachineSpec, error) {
	flavor, err := findFlavor(ctx, d, g.Project, g.Spec.Flavor)
	if err != nil {
		return nil, err
	}
	var out []cloud.MachineSpec
	for i := range count {
		out = append(out, cloud.MachineSpec{Role: g.Role, Index: i, Group: g.ID, Flavor: flavor, Labels: c.Spec.Labels})
	}
	return out, nil
}

// preflightResize asks for what a group lacks to its wanted size. What is wrong
// with the wish itself is told by the transaction that follows.
func (s *Service) preflightResize(ctx context.Context, caller jeroboam.Caller, rule, ident, groupIdent string, count int) error {
	var c jeroboam.Cluster
	g, err := view(ctx, s, func(tx store.Tx) (g jeroboam.NodeGroup, err error) {
		if c, err = s.visible(tx, caller, ident, ""); err != nil {
			return g, err
		}
		if err := s.allow(caller, rule, c.Project, c.User); err != nil {
			return g, err
		}
		return group(tx, c, groupIdent)
	})
	if err != nil {
		return nil
	}
	return s.preflightGroup(ctx, c, g, count-g.Spec.Count)
}

// preflightGroup asks for more nodes of a group.
func (s *Service) preflightGroup(ctx context.Context, c jeroboam.Cluster, g jeroboam.NodeGroup, more int) error {
	at := slices.IndexFunc(s.Drivers, func(d Driver) bool { return d.Name == c.Spec.Driver })
	if at < 0 || more <= 0 {
		return nil
	}
	d := s.Drivers[at]
	machines, err := nodes(ctx, d, c, g, more)
	if err != nil {
		return err
	}
	return s.preflight(ctx, d, c, cloud.Demand{Machines: machines})
}

// together makes one refusal of all that a cloud has against a demand, nil when
// it has nothing or could not say.
func together(err error) error {
	var all []*jeroboam.Error
	for _, problem := range unjoin(err) {
		e, ok := jeroboam.AsError(problem)
		if ok && e.Kind != jeroboam.Unavailable && e.Kind != jeroboam.Timeout && e.Kind != jeroboam.Internal {
			all = append(all, e)
		}
	}
	if len(all) == 0 {
		return nil
	}
	one := *all[0]
	var details, remedies []string
	for _, e := range all {
		details = append(details, e.Detail)
		if e.Remedy != "" && !slices.Contains(remedies, e.Remedy) {
			remedies = append(remedies, e.Remedy)
		}
	}
	one.Detail, one.Remedy, one.Err = strings.Join(details, " "), strings.Join(remedies, " "), err
	return fmt.Errorf("preflight: %w", &one)
}

// unjoin is the leaves of errors that were joined, in their order.
func unjoin(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case !ok:
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, unjoin(e)...)
	}
	return all
}
