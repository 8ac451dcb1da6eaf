package engine

import (
	"cmp"
	"context"
	"net"
	"slices"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/reach"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Tunnel is how APIs are called by way of machines' agents.
type Tunnel struct {
	// Dial is gateway.Gateway's. Nil: agents cannot be asked.
	Dial func(ctx context.Context, server, machine string) (net.Conn, error)
	// Domain and Port are where users find the APIs of clusters that chose the
	// tunnel, each as <cluster ID>.<Domain>. Empty: nowhere.
	Domain, Port string
}

// straightPatience is how long an address may take to answer before the tunnel
// is tried as well: more than a lost packet costs in a network that works.
const straightPatience = 1500 * time.Millisecond

// dial is how connections to the cluster's API are made.
func (e *Engine) dial(c jeroboam.Cluster) func(ctx context.Context, network, address string) (net.Conn, error) {
	access := c.Spec.APIAccess()
	if e.Tunnel.Dial == nil || access == jeroboam.APIDirect {
		return e.Dial
	}
	round := func(ctx context.Context) (net.Conn, error) { return e.throughAgents(ctx, c.ID) }
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if access == jeroboam.APITunnel {
			return round(ctx)
		}
		straight := func(ctx context.Context) (net.Conn, error) { return e.Dial(ctx, network, address) }
		return reach.Either(ctx, straight, round, straightPatience)
	}
}

// throughAgents connects to the API of a cluster on any of its control-plane
// machines, those whose agents are known to be there first.
func (e *Engine) throughAgents(ctx context.Context, cluster string) (net.Conn, error) {
	var machines []jeroboam.Machine
	err := e.Store.View(ctx, func(tx store.Tx) (err error) {
		machines, err = store.List[jeroboam.Machine](tx, store.Query{Parent: cluster})
		return err
	})
	if err != nil {
		return nil, err
	}
	away := func(m jeroboam.Machine) int {
		if m.Status.Connected {
			return 0
		}
		return 1
	}
	slices.SortFunc(machines, func(a, b jeroboam.Machine) int { return cmp.Or(away(a)-away(b), a.Index-b.Index) })
	err = jeroboam.Errorf(jeroboam.Unavailable, "agent-away", "The cluster has no control plane.")
	for _, m := range machines {
		if !m.IsMaster() || m.Status.Deleting {
			continue
		}
		var conn net.Conn
		if conn, err = e.through(ctx, m); err == nil || ctx.Err() != nil {
			return conn, err
		}
	}
	return nil, err
}

func (e *Engine) through(ctx context.Context, m jeroboam.Machine) (net.Conn, error) {
	if m.Status.Server == "" || m.Status.Server == e.id {
		return e.Tunnel.Dial(ctx, "", m.ID)
	}
	if m.Status.ServerURL == "" {
		return nil, jeroboam.Errorf(jeroboam.Unavailable, "peer", "The machine's agent has called another server, and that has no address for this one.").
			WithRemedy("Give every server of the database a --gateway-listen and its own --gateway-peer-url.")
	}
	return e.Tunnel.Dial(ctx, m.Status.ServerURL, m.ID)
}

// Passage connects a user with the API of a cluster that chose the tunnel;
// jeroboam.NotFound for any other.
func (e *Engine) Passage(ctx context.Context, cluster string) (net.Conn, error) {
	var c jeroboam.Cluster
	err := e.Store.View(ctx, func(tx store.Tx) (err error) {
		c, err = store.Get[jeroboam.Cluster](tx, cluster)
		return err
	})
	if err != nil {
		return nil, err
	}
	if e.Tunnel.Dial == nil || c.Spec.APIAccess() != jeroboam.APITunnel {
		return nil, jeroboam.Errorf(jeroboam.NotFound, "passage", "The cluster's API is not reached through the service.")
	}
	return e.throughAgents(ctx, c.ID)
}

// publicName is the name by which users reach the cluster's API through the
// service, "" if they do not.
func (e *Engine) publicName(c jeroboam.Cluster) string {
	if e.Tunnel.Domain == "" || c.Spec.APIAccess() != jeroboam.APITunnel {
		return ""
	}
	return c.ID + "." + e.Tunnel.Domain
}

// publicEndpoint is where users find the API that answers at the host.
func (e *Engine) publicEndpoint(c jeroboam.Cluster, t coe.Traits, host string) string {
	if name := e.publicName(c); name != "" {
		return t.Scheme + "://" + net.JoinHostPort(name, e.Tunnel.Port)
	}
	return endpointOf(t, host)
}
