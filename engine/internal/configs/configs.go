// Package configs makes the configs of clusters' machines, keeps those of the
// clusters last looked at, and tells of machines whose config has changed.
package configs

import (
	"context"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/credentials"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/drivers"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/snapshot"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/vault"
)

// Options is what configs are made of besides the records.
type Options struct {
	Store   store.Backend
	Vault   vault.Vault
	Drivers drivers.Table
	Bundle  func(ctx context.Context, coe, version string) (node.Bundle, error)
	Gateway func(cloud.Cloud) coe.Gateway // where the machines of a cloud find the service
	APIName func(jeroboam.Cluster) string // by which users reach the API through the service, "" if they do not
	Now     func() time.Time
	Room    int // of how many clusters they are kept
}

// Configs makes and keeps them. It is safe for concurrent use.
type Configs struct {
	Options
	credentials credentials.Credentials
	kept        kept
	changes     *changes
}

// New makes a Configs that knows of no cluster.
func New(o Options) *Configs {
	return &Configs{Options: o, credentials: credentials.Credentials{Vault: o.Vault}, kept: kept{room: o.Room}, changes: newChanges()}
}

// Made are the configs of one cluster for one input. Immutable but for checked.
type Made struct {
	Digests map[string]string // by machine ID; a machine that has no config yet is absent
	Failure error             // why some config could not be made

	configs     map[string]node.Config // by machine ID
	fingerprint string                 // of the input; "": there was none, and it is not kept
	checked     time.Time
}

// Of is a machine's config; ready is false while its cluster is not far enough.
func (m *Made) Of(machine string) (config node.Config, ready bool, err error) {
	config, ready = m.configs[machine]
	if !ready {
		err = m.Failure
	}
	return config, ready, err
}

// Refresh makes a cluster's configs anew if what they are made of has changed,
// and announces the machines whose config did. It is for the one who works on
// the cluster, whose word counts: it comes again after each change.
func (c *Configs) Refresh(ctx context.Context, s *snapshot.Snapshot) *Made {
	have := c.kept.get(s.Cluster.ID)
	made := c.from(ctx, s, have)
	if made.fingerprint != "" {
		c.kept.put(s.Cluster.ID, made, c.Now())
		c.Announce(changed(have, made, s.Machines)...)
	}
	return made
}

// Fresh returns a cluster's configs as they were found at most some time ago.
// Who changes what they are made of calls Refresh at once; only what another
// server of the same database does is learned later.
func (c *Configs) Fresh(ctx context.Context, cluster string, age time.Duration) (*Made, error) {
	for {
		if have := c.kept.fresh(cluster, c.Now().Add(-age)); have != nil {
			return have, nil
		}
		if made, _, err := c.look(ctx, cluster); made != nil || err != nil {
			return made, err
		}
	}
}

// Look is for a cluster that another server works on: it announces the machines
// whose config has changed, and those that have been given their turn.
func (c *Configs) Look(ctx context.Context, cluster string) error {
	made, s, err := c.look(ctx, cluster)
	for made == nil && err == nil {
		made, s, err = c.look(ctx, cluster)
	}
	if err != nil {
		return err
	}
	for _, m := range s.Machines {
		if m.Status.Target != "" && m.Status.Target != m.Status.AppliedConfig {
			c.Announce(m.ID)
		}
	}
	return nil
}

// look reads a cluster and refreshes its configs. It returns none if somebody
// else has changed them meanwhile, who may have read the cluster later.
func (c *Configs) look(ctx context.Context, cluster string) (*Made, *snapshot.Snapshot, error) {
	have := c.kept.get(cluster)
	s, err := snapshot.Load(ctx, c.Store, cluster)
	if err != nil {
		return nil, nil, err
	}
	made := c.from(ctx, s, have)
	if made.fingerprint == "" {
		return made, s, nil
	}
	if !c.kept.swap(cluster, have, made, c.Now()) {
		return nil, nil, nil
	}
	c.Announce(changed(have, made, s.Machines)...)
	return made, s, nil
}

// from is what a cluster's configs are, as it was read; have, if that still
// holds.
func (c *Configs) from(ctx context.Context, s *snapshot.Snapshot, have *Made) *Made {
	common, err := c.input(ctx, s)
	if err != nil {
		return &Made{Failure: err}
	}
	print := fingerprint(common, s.Machines)
	if have != nil && have.Failure == nil && have.fingerprint == print {
		return have
	}
	made := c.make(ctx, s, common)
	made.fingerprint = print
	return made
}

// Known returns a cluster's configs as last found, nil if they are not kept.
func (c *Configs) Known(cluster string) *Made { return c.kept.get(cluster) }

// Forget drops what is kept of a cluster that is no more.
func (c *Configs) Forget(cluster string) { c.kept.drop(cluster) }

// changed lists the machines whose config is another than before, or, if that
// is not known, than the one in force.
func changed(have, made *Made, machines []jeroboam.Machine) []string {
	var out []string
	for _, m := range machines {
		before := m.Status.AppliedConfig
		if have != nil {
			before = have.Digests[m.ID]
		}
		if digest, ok := made.Digests[m.ID]; ok && digest != before {
			out = append(out, m.ID)
		}
	}
	return out
}

// Announce puts machines into the queue of those whose config may have changed.
func (c *Configs) Announce(machines ...string) { c.changes.add(machines...) }

// Changed receives the machines announced, while Forward runs.
func (c *Configs) Changed() <-chan string { return c.changes.out }

// Forward hands on the machines announced, until ctx ends.
func (c *Configs) Forward(ctx context.Context) { c.changes.forward(ctx) }
