// Package simagent plays the agents of machines that run none: they join with
// the token their machine was born with, obey every config at once, and report
// what a healthy machine would. It stands in for the nodes of the cluster, too.
//
// It knows no cloud: who has machines tells it which of them run.
package simagent

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
)

// Options is the model. The zero value takes no time.
type Options struct {
	Boot  time.Duration // from a machine's start to its agent's first word
	Apply time.Duration // from a config's arrival to its being in force
	Start time.Duration // from a config in force to a node that is ready
	// Takes gives each of these times its chance; nil: it is what it is.
	Takes func(time.Duration) time.Duration
	// Sign makes agents ask for every certificate of their config, with real keys.
	Sign bool
}

// Machine is one machine as its agent knows it.
type Machine struct {
	ID      string
	Cluster string
	Name    string
	Role    string
	Token   jeroboam.Secret
}

// Fleet is all agents. It is safe for concurrent use.
type Fleet struct {
	options  Options
	mu       sync.Mutex
	machines map[string]*machine            // by ID
	clusters map[string]map[string]*machine // by cluster, then ID
	struck   []*machine                     // that came or went since Serve last looked
	changed  chan struct{}                  // tells Serve that there are struck ones
	request  func() (string, error)         // the certificate request of all agents
}

// machine is what an agent remembers on its machine's disk, and how it is.
type machine struct {
	Machine
	runs   bool
	boot   int // changes with every start
	booted int // the last that came as far as its agent's first word

	joined  bool
	applied string    // digest of the config in force
	version string    // of the COE that it names
	since   time.Time // when it came into force in this boot
	forgot  bool      // the COE was told to forget the node
}

// New makes a fleet of none.
func New(o Options) *Fleet {
	if o.Takes == nil {
		o.Takes = func(d time.Duration) time.Duration { return d }
	}
	return &Fleet{options: o, machines: map[string]*machine{}, clusters: map[string]map[string]*machine{},
		changed: make(chan struct{}, 1), request: sync.OnceValues(newRequest)}
}

// Start boots a machine, once more if it is known.
func (f *Fleet) Start(m Machine) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.machines[m.ID]
	if known == nil {
		known = &machine{Machine: m}
		f.add(known)
	}
	known.runs, known.since, known.boot = true, time.Time{}, known.boot+1
	f.poke(known)
}

// Stop ends a machine's life without taking its disk.
func (f *Fleet) Stop(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m := f.machines[id]; m != nil {
		m.runs, m.since = false, time.Time{}
		f.poke(m)
	}
}

// Lose takes a machine away, disk and all.
func (f *Fleet) Lose(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.machines[id]
	if m == nil {
		return
	}
	delete(f.machines, id)
	if delete(f.clusters[m.Cluster], id); len(f.clusters[m.Cluster]) == 0 {
		delete(f.clusters, m.Cluster)
	}
	f.poke(m)
}

// Remember takes in a machine that ran before this process did, with the
// digest and the version of the config that was in force.
func (f *Fleet) Remember(m Machine, applied, version string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := &machine{Machine: m, runs: true, boot: 1, booted: 1, joined: true, applied: applied, version: version}
	if applied != "" {
		known.since = time.Now()
	}
	f.add(known)
	f.poke(known)
}

// add takes a machine in; f.mu is held.
func (f *Fleet) add(m *machine) {
	f.machines[m.ID] = m
	if f.clusters[m.Cluster] == nil {
		f.clusters[m.Cluster] = map[string]*machine{}
	}
	f.clusters[m.Cluster][m.ID] = m
}

// poke tells Serve of a machine that came or went; f.mu is held.
func (f *Fleet) poke(m *machine) {
	f.struck = append(f.struck, m)
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

func (f *Fleet) takeStruck() []*machine {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.struck
	f.struck = nil
	return out
}

// all lists every machine there is; of those Serve need not be told again.
func (f *Fleet) all() []*machine {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.struck = nil
	return slices.Collect(maps.Values(f.machines))
}

// Answers reports whether the cluster's API would: more than half of the
// control-plane nodes that ever came up are up.
func (f *Fleet) Answers(cluster string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	members, up := 0, 0
	for _, m := range f.clusters[cluster] {
		if m.Role != jeroboam.RoleMaster || m.applied == "" || m.forgot {
			continue
		}
		members++
		if f.works(m) {
			up++
		}
	}
	return up > members/2
}

// Nodes tells which nodes are registered, and whether each is ready.
func (f *Fleet) Nodes(cluster string) map[string]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string]bool{}
	for _, m := range f.clusters[cluster] {
		if m.applied != "" && !m.forgot {
			out[m.Name] = f.works(m)
		}
	}
	return out
}

// Version tells which version of the COE a node runs.
func (f *Fleet) Version(cluster, name string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.clusters[cluster] {
		if m.Name == name {
			return m.version
		}
	}
	return ""
}

func (f *Fleet) works(m *machine) bool {
	return m.runs && !m.since.IsZero() && time.Since(m.since) >= f.options.Start
}

// Forget takes a node off the list of those registered.
func (f *Fleet) Forget(cluster, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.clusters[cluster] {
		if m.Name == name {
			m.forgot = true
		}
	}
}
