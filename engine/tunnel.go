package engine

import (
	"context"
	"net"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
)

// Tunnel is how APIs are called by way of machines' agents.
type Tunnel struct {
	// Dial is gateway.Gateway's. Nil: agents cannot be asked.
	Dial func(ctx context.Context, server, machine string) (net.Conn, error)
	// Domain and Port are where users find the APIs of clusters that chose the
	// tunnel, each as <cluster ID>.<Domain>. Empty: nowhere.
	Domain, Port string
}

// Passage connects a user with the API of a cluster that chose the tunnel;
// jeroboam.NotFound for any other.
func (e *Engine) Passage(ctx context.Context, cluster string) (net.Conn, error) {
	return e.ways.Passage(ctx, cluster)
}

// name is by which users reach the cluster's API through the service, "" if they
// do not.
func (t Tunnel) name(c jeroboam.Cluster) string {
	if t.Domain == "" || c.Spec.APIAccess() != jeroboam.APITunnel {
		return ""
	}
	return c.ID + "." + t.Domain
}

// endpoint is where users find the API that answers at the host.
func (t Tunnel) endpoint(c jeroboam.Cluster, k coe.Traits, host string) string {
	if name := t.name(c); name != "" {
		return k.Scheme + "://" + net.JoinHostPort(name, t.Port)
	}
	return endpointOf(k, host)
}
