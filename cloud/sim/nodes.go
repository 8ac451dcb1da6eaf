package sim

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam/node/simagent"
)

// Serve lets the agents of all machines talk to the registry until ctx ends.
// Only one Serve at a time.
func (c *Cloud) Serve(ctx context.Context, r simagent.Registry) { c.fleet.Serve(ctx, r) }

// Answers reports whether the cluster's API would: more than half of the
// control-plane nodes that ever came up are up.
func (c *Cloud) Answers(cluster string) bool { return c.fleet.Answers(cluster) }

// Nodes tells which nodes are registered, and whether each is ready.
func (c *Cloud) Nodes(cluster string) map[string]bool { return c.fleet.Nodes(cluster) }

// Version tells which version of the COE a node runs.
func (c *Cloud) Version(cluster, name string) string { return c.fleet.Version(cluster, name) }

// Forget takes a node off the list of those registered.
func (c *Cloud) Forget(cluster, name string) { c.fleet.Forget(cluster, name) }
