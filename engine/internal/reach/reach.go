// Package reach finds the way to a cluster's API: straight to its address, or
// through the agents of its control plane. It remembers nothing: a way that is
// shut now may be open for the next connection.
package reach

import (
	"cmp"
	"context"
	"net"
	"slices"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// patience is how long an address may take to answer before the agents are
// tried as well: more than a lost packet costs in a network that works.
const patience = 1500 * time.Millisecond

// Ways are those there are.
type Ways struct {
	Store    store.Backend
	Server   string // who this is, in MachineStatus.Server
	Straight func(ctx context.Context, network, address string) (net.Conn, error)
	// Agent connects with the API on a machine by its agent, which has called the
	// server at a URL, "" for this one. Nil: agents cannot be asked.
	Agent func(ctx context.Context, server, machine string) (net.Conn, error)
}

// To is how connections to the cluster's API are made.
func (w *Ways) To(c jeroboam.Cluster) func(ctx context.Context, network, address string) (net.Conn, error) {
	access := c.Spec.APIAccess()
	if w.Agent == nil || access == jeroboam.APIDirect {
		return w.Straight
	}
	round := func(ctx context.Context) (net.Conn, error) { return w.byAgents(ctx, c.ID) }
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if access == jeroboam.APITunnel {
			return round(ctx)
		}
		straight := func(ctx context.Context) (net.Conn, error) { return w.Straight(ctx, network, address) }
		return either(ctx, straight, round, patience)
	}
}

// Passage connects a user with the API of a cluster that chose the tunnel;
// jeroboam.NotFound for any other.
func (w *Ways) Passage(ctx context.Context, cluster string) (net.Conn, error) {
	c, err := store.View(ctx, w.Store, func(tx store.Tx) (jeroboam.Cluster, error) { return store.Get[jeroboam.Cluster](tx, cluster) })
	if err != nil {
		return nil, err
	}
	if w.Agent == nil || c.Spec.APIAccess() != jeroboam.APITunnel {
		return nil, jeroboam.Errorf(jeroboam.NotFound, "passage", "The cluster's API is not reached through the service.")
	}
	return w.byAgents(ctx, c.ID)
}

// byAgents connects to the API of a cluster on any of its control-plane
// machines, those whose agents are known to be there first.
func (w *Ways) byAgents(ctx context.Context, cluster string) (net.Conn, error) {
	machines, err := store.View(ctx, w.Store, func(tx store.Tx) ([]jeroboam.Machine, error) {
		return store.List[jeroboam.Machine](tx, store.Query{Parent: cluster})
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
		if conn, err = w.byAgent(ctx, m.ID, m.Status); err == nil || ctx.Err() != nil {
			return conn, err
		}
	}
	return nil, err
}

func (w *Ways) byAgent(ctx context.Context, machine string, s jeroboam.MachineStatus) (net.Conn, error) {
	if s.Server == "" || s.Server == w.Server {
		return w.Agent(ctx, "", machine)
	}
	if s.ServerURL == "" {
		return nil, jeroboam.Errorf(jeroboam.Unavailable, "peer", "The machine's agent has called another server, and that has no address for this one.").
			WithRemedy("Give every server of the database a --gateway-listen and its own --gateway-peer-url.")
	}
	return w.Agent(ctx, s.ServerURL, machine)
}
