package configs

import (
	"context"
	"fmt"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/drivers"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/snapshot"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/plan"
)

// input is what the configs of all machines have in common, and the bundle of
// each group by its ID. It is empty while the cluster is not far enough for any
// config.
type input struct {
	coe.Input
	Bundles map[string]node.Bundle
}

func (c *Configs) input(ctx context.Context, s *snapshot.Snapshot) (input, error) {
	d, err := c.Drivers.Of(s.Cluster)
	if err != nil || !configurable(s, d) {
		return input{}, err
	}
	in := input{Bundles: map[string]node.Bundle{}}
	in.Cluster, in.APIHost, in.APIInside, in.Authorities = plainCluster(s.Cluster), s.APIHost(), s.APIInside(), map[string]jeroboam.Authority{}
	in.VirtualAddress = s.VirtualAddress()
	in.Gateway, in.APIName = c.Gateway(d.Cloud), c.APIName(s.Cluster)
	for _, g := range s.Groups {
		in.Groups = append(in.Groups, plainGroup(g))
		version := plan.Version(s.Cluster, s.Groups, g)
		if in.Bundles[g.ID], err = c.Bundle(ctx, s.Cluster.Spec.COE, version); err != nil {
			return input{}, err
		}
	}
	for _, m := range s.Machines {
		if !m.Status.Deleting && m.Status.Address != "" {
			in.Machines = append(in.Machines, plainMachine(m))
		}
	}
	for _, a := range s.Authorities {
		in.Authorities[a.Name] = a
	}
	if in.Secrets, err = c.secrets(ctx, s.Cluster.ID, d.COE.Traits()); err != nil {
		return input{}, err
	}
	if line, ok := s.Credential(); ok {
		in.Credential, err = c.credentials.Values(ctx, s.Cluster.ID, line.Name)
	}
	return in, err
}

// configurable reports whether all is known that a config needs: the API's
// address, the authorities, the credential and every member of the first
// control plane.
func configurable(s *snapshot.Snapshot, d drivers.Driver) bool {
	for _, name := range d.COE.Traits().Authorities {
		if _, ok := s.Authority(name); !ok {
			return false
		}
	}
	if s.Running() {
		return s.APIHost() != ""
	}
	if _, ok := s.Credential(); !ok && d.Cloud.Capabilities().Credentials {
		return false
	}
	known := 0
	for _, m := range s.Masters() {
		if m.Status.Address != "" {
			known++
		}
	}
	return s.APIHost() != "" && known > 0 && known >= s.WantedMasters()
}

// secrets reads what the COE's cluster was given when its authorities were made.
func (c *Configs) secrets(ctx context.Context, cluster string, t coe.Traits) (map[string]jeroboam.Secret, error) {
	out := make(map[string]jeroboam.Secret, len(t.Secrets))
	for _, spec := range t.Secrets {
		secret, err := c.Vault.Get(ctx, cluster, spec.Name)
		if err != nil {
			return nil, fmt.Errorf("secret %s: %w", spec.Name, err)
		}
		out[spec.Name] = secret
	}
	return out, nil
}

func (c *Configs) make(ctx context.Context, s *snapshot.Snapshot, common input) *Made {
	made := &Made{configs: map[string]node.Config{}, Digests: map[string]string{}}
	if common.Cluster.ID == "" {
		return made
	}
	d, err := c.Drivers.Of(s.Cluster)
	if err != nil {
		made.Failure = err
		return made
	}
	for _, m := range s.Machines {
		if m.Status.Address == "" {
			continue
		}
		config, err := makeOne(ctx, d, common, m)
		if err != nil {
			made.Failure = fmt.Errorf("config of %s: %w", m.Name, err)
			continue
		}
		made.configs[m.ID], made.Digests[m.ID] = config, config.Digest()
	}
	return made
}

func makeOne(ctx context.Context, d drivers.Driver, common input, m jeroboam.Machine) (node.Config, error) {
	var err error
	in := common.Input
	in.Machine, in.Bundle = plainMachine(m), common.Bundles[m.Group]
	if in.Bundle.Version == "" {
		return node.Config{}, jeroboam.Errorf(jeroboam.Internal, "group", "The machine's node group is gone.")
	}
	if m.Status.Deleting {
		in.Machines = append(in.Machines[:len(in.Machines):len(in.Machines)], in.Machine)
	}
	if !m.IsMaster() {
		in.Secrets, in.Credential = nil, nil
	}
	if in.Flavor, err = d.Catalogue.FindFlavor(ctx, in.Cluster.Project, m.Flavor); err != nil {
		return node.Config{}, err
	}
	return d.COE.Config(in)
}
