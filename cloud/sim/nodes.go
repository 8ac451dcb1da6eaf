package sim

import (
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// Answers reports whether the cluster's API would: more than half of the
// control-plane nodes that ever came up are up.
func (c *Cloud) Answers(cluster string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	members, up := 0, 0
	for _, m := range c.world[cluster].sorted() {
		if m.spec.Role != jeroboam.RoleMaster || m.applied == "" || m.forgot {
			continue
		}
		members++
		if c.works(m) {
			up++
		}
	}
	return up > members/2
}

// Nodes tells which nodes are registered, and whether each is ready.
func (c *Cloud) Nodes(cluster string) map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]bool{}
	for _, m := range c.world[cluster].sorted() {
		if m.applied != "" && !m.forgot {
			out[m.spec.Name] = c.works(m)
		}
	}
	return out
}

func (c *Cloud) works(m *machine) bool {
	return m.state == cloud.Active && !m.since.IsZero() && time.Since(m.since) >= c.options.Start
}

// Forget takes a node off the list of those registered.
func (c *Cloud) Forget(cluster, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.world[cluster]; t != nil && t.machines[name] != nil {
		t.machines[name].forgot = true
	}
}
