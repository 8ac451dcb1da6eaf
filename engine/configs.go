package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/snapshot"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/plan"
)

// configs keeps the machine configs of the clusters last looked at, so that an
// agent that asks costs a look into a map. A config is some KiB, and a cluster
// at rest needs none: only so many are kept.
type configs struct {
	room     int
	mu       sync.Mutex
	clusters map[string]*clusterConfigs
}

// clusterConfigs are the configs of one cluster for one input. Immutable but
// for checked.
type clusterConfigs struct {
	fingerprint string
	configs     map[string]node.Config // by machine ID
	digests     map[string]string
	failure     error // why some config could not be made
	checked     time.Time
}

// How long configs are used without another look at the store. Who changes what
// they are made of calls refresh at once; only what another server of the same
// database does is learned later.
const (
	configFresh = time.Second      // to be given out
	signFresh   = 10 * time.Second // to tell what may be signed: an agent asks for all of it at once
)

// refresh makes the configs anew if what they are made of has changed, and
// announces the machines whose config did.
func (e *Engine) refresh(ctx context.Context, s *snapshot.Snapshot) *clusterConfigs {
	have := e.configs.get(s.Cluster.ID)
	common, err := e.input(ctx, s)
	if err != nil {
		return &clusterConfigs{failure: err, checked: e.Now()}
	}
	print := fingerprint(common, s.Machines)
	if have != nil && have.failure == nil && have.fingerprint == print {
		e.configs.put(s.Cluster.ID, have, e.Now())
		return have
	}
	made := e.makeConfigs(ctx, s, common)
	made.fingerprint = print
	e.configs.put(s.Cluster.ID, made, e.Now())
	e.changes.Add(changed(have, made, s.Machines)...)
	return made
}

// input is what the configs of all machines have in common, and the bundle of
// each group by its ID. It is empty while the cluster is not far enough for any
// config.
type input struct {
	coe.Input
	Bundles map[string]node.Bundle
}

func (e *Engine) input(ctx context.Context, s *snapshot.Snapshot) (input, error) {
	d, err := e.Drivers.Of(s.Cluster)
	if err != nil || !configurable(s, d) {
		return input{}, err
	}
	in := input{Bundles: map[string]node.Bundle{}}
	in.Cluster, in.APIHost, in.APIInside, in.Authorities = plainCluster(s.Cluster), s.APIHost(), s.APIInside(), map[string]jeroboam.Authority{}
	in.VirtualAddress = s.VirtualAddress()
	in.Gateway = coe.Gateway{URL: e.Gateway.of(d.Cloud), CA: e.Gateway.CA}
	in.APIName = e.publicName(s.Cluster)
	for _, g := range s.Groups {
		in.Groups = append(in.Groups, plainGroup(g))
		version := plan.Version(s.Cluster, s.Groups, g)
		if in.Bundles[g.ID], err = e.Bundle(ctx, s.Cluster.Spec.COE, version); err != nil {
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
	if in.Secrets, err = e.secrets(ctx, s.Cluster.ID, d.COE.Traits()); err != nil {
		return input{}, err
	}
	if line, ok := s.Credential(); ok {
		in.Credential, err = e.credentials.Values(ctx, s.Cluster.ID, line.Name)
	}
	return in, err
}

// configurable reports whether all is known that a config needs: the API's
// address, the authorities, the credential and every member of the first
// control plane.
func configurable(s *snapshot.Snapshot, d Driver) bool {
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

func (e *Engine) makeConfigs(ctx context.Context, s *snapshot.Snapshot, common input) *clusterConfigs {
	made := &clusterConfigs{configs: map[string]node.Config{}, digests: map[string]string{}}
	if common.Cluster.ID == "" {
		return made
	}
	d, err := e.Drivers.Of(s.Cluster)
	if err != nil {
		made.failure = err
		return made
	}
	for _, m := range s.Machines {
		if m.Status.Address == "" {
			continue
		}
		c, err := e.makeConfig(ctx, d, common, m)
		if err != nil {
			made.failure = fmt.Errorf("config of %s: %w", m.Name, err)
			continue
		}
		made.configs[m.ID], made.digests[m.ID] = c, c.Digest()
	}
	return made
}

func (e *Engine) makeConfig(ctx context.Context, d Driver, common input, m jeroboam.Machine) (node.Config, error) {
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

// secrets reads what MakeAuthorities put into the vault.
func (e *Engine) secrets(ctx context.Context, cluster string, t coe.Traits) (map[string]jeroboam.Secret, error) {
	out := make(map[string]jeroboam.Secret, len(t.Secrets))
	for _, spec := range t.Secrets {
		secret, err := e.Vault.Get(ctx, cluster, spec.Name)
		if err != nil {
			return nil, fmt.Errorf("secret %s: %w", spec.Name, err)
		}
		out[spec.Name] = secret
	}
	return out, nil
}

// The plain forms leave out what changes without meaning anything for a
// config, so that the same machine has the same config.

func plainCluster(c jeroboam.Cluster) jeroboam.Cluster {
	c.Status, c.Observed, c.UpdatedAt, c.Revision = jeroboam.ClusterStatus{}, jeroboam.ClusterObserved{}, time.Time{}, 0
	c.Spec.Deleted = false
	return c
}

func plainGroup(g jeroboam.NodeGroup) jeroboam.NodeGroup {
	g.Status, g.Claim, g.UpdatedAt, g.Revision = jeroboam.NodeGroupStatus{}, jeroboam.Claim{}, time.Time{}, 0
	g.Spec.Remove = nil
	return g
}

func plainMachine(m jeroboam.Machine) jeroboam.Machine {
	m.Status = jeroboam.MachineStatus{CloudID: m.Status.CloudID, Address: m.Status.Address, Volumes: m.Status.Volumes}
	m.UpdatedAt, m.Revision = time.Time{}, 0
	return m
}

// fingerprint identifies an input and the machines whose configs it yields.
func fingerprint(common input, machines []jeroboam.Machine) string {
	var leaving []string
	for _, m := range machines {
		if m.Status.Deleting {
			leaving = append(leaving, m.ID)
		}
	}
	data, err := json.Marshal(struct {
		Common  input
		Leaving []string
	}{common, leaving})
	if err != nil {
		panic(err) // plain data
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// changed lists the machines whose config is another than before, or, if that
// is not known, than the one in force.
func changed(have, made *clusterConfigs, machines []jeroboam.Machine) []string {
	var out []string
	for _, m := range machines {
		before := m.Status.AppliedConfig
		if have != nil {
			before = have.digests[m.ID]
		}
		if digest, ok := made.digests[m.ID]; ok && digest != before {
			out = append(out, m.ID)
		}
	}
	return out
}

func (c *configs) get(cluster string) *clusterConfigs {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clusters[cluster]
}

// fresh returns what was checked since, or nil.
func (c *configs) fresh(cluster string, since time.Time) *clusterConfigs {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v := c.clusters[cluster]; v != nil && v.checked.After(since) {
		return v
	}
	return nil
}

func (c *configs) put(cluster string, v *clusterConfigs, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clusters == nil {
		c.clusters = map[string]*clusterConfigs{}
	}
	v.checked = now
	c.clusters[cluster] = v
	if len(c.clusters) > c.room {
		delete(c.clusters, c.oldest())
	}
}

func (c *configs) oldest() (cluster string) {
	for id, v := range c.clusters {
		if cluster == "" || v.checked.Before(c.clusters[cluster].checked) {
			cluster = id
		}
	}
	return cluster
}

func (c *configs) forget(cluster string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.clusters, cluster)
}
