// Package engine brings clusters from what is to what is wanted: it asks plan
// what is still to be done, does what may be done side by side, writes down
// each step before and after, and comes back when something has happened.
//
// It is also the one who knows the machines for the gateway (Registry, which is
// internal/agents), because what a machine is told depends on how far its
// cluster has come.
//
// It knows no concrete cloud, orchestration engine, store or vault, and nothing
// of HTTP. It keeps no state that a restart could lose: what it holds in memory
// are caches and the time of the next attempt.
package engine

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/agents"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/authorities"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/configs"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/credentials"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/drivers"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/gates"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/journal"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/ledger"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/reach"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/trouble"
	"github.com/jeroboam-cloud/jeroboam/engine/pace"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/gateway"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/vault"
)

// Driver is one row of the table of drivers: which cloud, which COE.
type Driver = drivers.Driver

// Gateway is where machines find the service.
type Gateway struct {
	URL    string       // see node.UserData.Gateway
	Remote string       // the same for machines that boot a stock image: "https://host:port"; "": they cannot
	CA     string       // PEM
	Agent  node.Upgrade // what a stock image has yet to fetch
	Peer   string       // where other servers of the database reach this one's gateway: "https://host:port"; "": nowhere
	// SignAutoscaler signs for jeroboam.AuthorityGateway: the PEM certificate of
	// a cluster's autoscaler.
	SignAutoscaler func(csr, cluster string, now time.Time) (string, error)
}

// of is where the machines of a cloud find the service.
func (g Gateway) of(c cloud.Cloud) coe.Gateway {
	if c.Capabilities().StockImages {
		return coe.Gateway{URL: g.Remote, CA: g.CA}
	}
	return coe.Gateway{URL: g.URL, CA: g.CA}
}

// Limits is how much may be done at once. A zero field means its default.
type Limits struct {
	Clusters   int // being worked on; 64
	PerCluster int // steps at once; 64
	PerProject int // cloud calls at once; 128
	PerCloud   int // cloud calls at once; 128
}

// Options is everything an engine is made of.
type Options struct {
	Store   store.Backend
	Vault   vault.Vault
	Drivers drivers.Table // by the driver's name, jeroboam.ClusterSpec.Driver
	// Bundle finds the software of a COE's version in the release catalogue;
	// jeroboam.NotFound blocks until the operator has built it.
	Bundle   func(ctx context.Context, coe, version string) (node.Bundle, error)
	Gateway  Gateway
	Tunnel   Tunnel
	Dial     func(ctx context.Context, network, address string) (net.Conn, error) // to machines; nil: net.Dialer
	Now      func() time.Time                                                     // nil: time.Now
	Log      *slog.Logger                                                         // nil: none
	Limits   Limits
	Pace     *pace.Pace // who else needs the processors; nil: nobody
	Observer Observer   // nil: nobody
	// Shared says that other servers work on the same store: what they change of
	// machines whose agents are here must be told to those.
	Shared bool
}

// Engine converges clusters. It is safe for concurrent use.
type Engine struct {
	Options
	gateway.Registry // the agents, as the gateway knows them

	journal     journal.Journal
	ledger      ledger.Ledger
	agents      *agents.Agents
	configs     *configs.Configs
	authorities *authorities.Authorities
	credentials credentials.Credentials
	ways        reach.Ways
	pauses      trouble.Pauses
	gates       gates.Gates
	working     atomic.Int64
}

// New makes an engine; Run starts it.
func New(o Options) *Engine {
	o = o.orDefault()
	server := uuid.NewString() // tells this one from others, in MachineStatus.Server
	e := &Engine{
		Options:     o,
		journal:     journal.Journal{Now: o.Now},
		ledger:      ledger.Ledger{Now: o.Now},
		authorities: &authorities.Authorities{Vault: o.Vault, Now: o.Now},
		credentials: credentials.Credentials{Vault: o.Vault},
		ways:        reach.Ways{Store: o.Store, Server: server, Straight: o.Dial, Agent: o.Tunnel.Dial},
	}
	e.configs = configs.New(configs.Options{
		Store: o.Store, Vault: o.Vault, Drivers: o.Drivers, Bundle: o.Bundle, Now: o.Now, Room: 2 * o.Limits.Clusters,
		Gateway: o.Gateway.of, APIName: o.Tunnel.name,
	})
	e.agents = agents.New(agents.Options{
		Store: o.Store, Configs: e.configs, Authorities: e.authorities, SignAutoscaler: o.Gateway.SignAutoscaler,
		Pace: o.Pace, Now: o.Now, Log: o.Log, Server: server, Shared: o.Shared, ServerURL: o.Gateway.Peer,
	})
	e.Registry = e.agents
	return e
}

func (o Options) orDefault() Options {
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	if o.Pace == nil {
		o.Pace = &pace.Pace{}
	}
	o.Limits = o.Limits.orDefault()
	return o
}

func (l Limits) orDefault() Limits {
	or := func(n, otherwise int) int {
		if n > 0 {
			return n
		}
		return otherwise
	}
	return Limits{Clusters: or(l.Clusters, 64), PerCluster: or(l.PerCluster, 64),
		PerProject: or(l.PerProject, 128), PerCloud: or(l.PerCloud, 128)}
}

// Run works on woken clusters until ctx ends, then waits for what is under way.
func (e *Engine) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { e.configs.Forward(ctx) })
	beside.Go(func() { e.agents.Follow(ctx) })
	defer func() { cancel(); beside.Wait() }()
	return e.Store.Work(ctx, store.Worker{Concurrency: e.Limits.Clusters, Run: e.converge})
}

func scope(c jeroboam.Cluster) cloud.Scope {
	return cloud.Scope{Cluster: c.ID, Project: c.Project, Name: c.Name}
}
