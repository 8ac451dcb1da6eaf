package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/simagent"
)

// machine is one machine; its agent is one of the fleet.
type machine struct {
	spec    cloud.MachineSpec
	scope   cloud.Scope
	cloudID string
	address string
	volumes map[string]string
	state   cloud.MachineState
	going   time.Time
	birth   node.UserData
}

func (m *machine) shown() cloud.Machine {
	return cloud.Machine{ID: m.spec.ID, CloudID: m.cloudID, Name: m.spec.Name, Address: m.address, Volumes: m.volumes, State: m.state}
}

// agent is the machine as the fleet knows it.
func (m *machine) agent() simagent.Machine {
	return simagent.Machine{ID: m.spec.ID, Cluster: m.scope.Cluster, Name: m.spec.Name, Role: m.spec.Role, Token: m.birth.Token}
}

// stop ends the machine's life without taking its disk; c.mu is held.
func (c *Cloud) stop(m *machine) {
	m.state = cloud.Stopped
	c.fleet.Stop(m.spec.ID)
}

// start begins it; a machine without an agent never calls.
func (c *Cloud) start(m *machine) {
	m.state = cloud.Active
	if m.birth.Machine != "" {
		c.fleet.Start(m.agent())
	}
}

// EnsureMachine makes the machine, starts a stopped one, or finds it.
func (c *Cloud) EnsureMachine(ctx context.Context, scope cloud.Scope, spec cloud.MachineSpec) (cloud.Machine, error) {
	var out cloud.Machine
	err := c.do(ctx, Call{Name: "EnsureMachine", Cluster: scope.Cluster, Object: spec.Name}, func() error {
		done, err := c.turn(ctx, scope.Cluster+"/"+spec.Name)
		if err != nil {
			return err
		}
		defer done()
		m, err := c.findOrMake(scope, spec)
		if err != nil {
			return err
		}
		out = m
		return nil
	})
	return out, err
}

// turn is a place for one caller at a machine. It is a channel, not a mutex,
// because who holds it may wait for the store.
type turn struct {
	place chan struct{}
	users int // who have it or wait for it; under Cloud.mu
}

// turn lets one caller at a time at a machine.
func (c *Cloud) turn(ctx context.Context, key string) (done func(), err error) {
	c.mu.Lock()
	t := c.turns[key]
	if t == nil {
		t = &turn{place: make(chan struct{}, 1)}
		c.turns[key] = t
	}
	t.users++
	c.mu.Unlock()
	leave := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(c.turns, key)
		}
	}
	select {
	case t.place <- struct{}{}:
		return func() { <-t.place; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, givenUp(ctx.Err())
	}
}

func (c *Cloud) findOrMake(scope cloud.Scope, spec cloud.MachineSpec) (cloud.Machine, error) {
	if m, ok, err := c.wakeUp(scope, spec); ok || err != nil {
		return m, err
	}
	data, err := spec.UserData() // writes to the store: not under c.mu
	if err != nil {
		return cloud.Machine{}, err
	}
	m := &machine{spec: spec, scope: scope, cloudID: "sim-" + spec.ID, volumes: map[string]string{}}
	for _, v := range spec.Volumes {
		m.volumes[v.Name] = spec.ID + "-" + v.Name
	}
	if err := json.Unmarshal(data, &m.birth); err != nil && len(data) > 0 {
		m.birth = node.UserData{} // a machine without an agent
	}
	m.spec.UserData, m.birth.CA = nil, "" // an agent in process has no server to verify
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tenant(scope)
	m.address = t.address()
	c.start(m)
	t.machines[spec.Name] = m
	c.settle(scope.Cluster, spec)
	return m.shown(), nil
}

// wakeUp finds a machine that exists, and starts it if it does not run; or says
// why none can be made.
func (c *Cloud) wakeUp(scope cloud.Scope, spec cloud.MachineSpec) (cloud.Machine, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, err := c.networked(scope)
	if err != nil {
		return cloud.Machine{}, false, err
	}
	m := t.machines[spec.Name]
	if m == nil {
		return cloud.Machine{}, false, c.overQuota(scope.Project, 1)
	}
	if m.spec.ID != spec.ID {
		return cloud.Machine{}, false, jeroboam.Errorf(jeroboam.Conflict, "name", "Another machine is called %s.", spec.Name)
	}
	if !m.going.IsZero() {
		return cloud.Machine{}, false, deleting("machine " + spec.Name)
	}
	if m.state != cloud.Active {
		c.start(m)
	}
	return m.shown(), true, nil
}

// Kill stops a machine from outside, as a power cut would.
func (c *Cloud) Kill(cluster, name string) error {
	return c.strike(cluster, name, func(_ *tenant, m *machine) { c.stop(m) })
}

// Lose makes a machine vanish, disk and all.
func (c *Cloud) Lose(cluster, name string) error {
	return c.strike(cluster, name, func(t *tenant, m *machine) { c.fleet.Lose(m.spec.ID); delete(t.machines, name) })
}

func (c *Cloud) strike(cluster, name string, blow func(*tenant, *machine)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.world[cluster]
	if t == nil || t.machines[name] == nil {
		return fmt.Errorf("no machine %s of cluster %s", name, cluster)
	}
	blow(t, t.machines[name])
	for _, w := range slices.Collect(maps.Keys(c.waiters)) {
		select {
		case w <- cluster:
		default: // full: the reader will look at everything anyway
		}
	}
	return nil
}

// Watch names clusters of which a machine was struck.
func (c *Cloud) Watch(ctx context.Context) <-chan string {
	const room = 1024
	out := make(chan string, room)
	c.mu.Lock()
	c.waiters[out] = struct{}{}
	c.mu.Unlock()
	context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.waiters, out)
		close(out)
	})
	return out
}
