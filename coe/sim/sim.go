// Package sim is an orchestration engine without processes: a real one's pure
// half (what a machine is told) over a world of simulated machines that stands
// in for the live half. Whole lives of clusters run on it without a machine.
package sim

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// World is where the simulated machines are.
type World interface {
	Answers(cluster string) bool          // whether its API does
	Nodes(cluster string) map[string]bool // registered nodes, and whether each is ready
	Version(cluster, node string) string  // of the COE, that the node runs
	Forget(cluster, node string)
}

// Pure is the half of an engine that needs no live cluster.
type Pure interface {
	Traits() coe.Traits
	Check(jeroboam.Template) error
	Config(coe.Input) (node.Config, error)
}

// Options is the model.
type Options struct {
	Drain time.Duration // from the first call of Drain to an empty node
	// Fault is asked before each call of the live half ("Health", "Drain",
	// "Remove", "Uncordon"); nil: nothing fails.
	Fault func(call, cluster, node string) error
	// Drained is told of each node that has been emptied; nil: nobody is.
	Drained func(cluster, node string)
	// Uncordoned is told of each node that takes work again; nil: nobody is.
	Uncordoned func(cluster, node string)
}

// Engine is a simulated orchestration engine. It is safe for concurrent use.
type Engine struct {
	Pure
	world   World
	options Options
	mu      sync.Mutex
	began   map[string]time.Time // drains under way, by cluster and node
}

var (
	_ coe.COE      = (*Engine)(nil)
	_ coe.Upgrader = (*Engine)(nil)
)

// New puts the pure half of an engine over a world.
func New(pure Pure, world World, o Options) *Engine {
	return &Engine{Pure: pure, world: world, options: o, began: map[string]time.Time{}}
}

// Health tells what the world says.
func (e *Engine) Health(ctx context.Context, a coe.Access) (coe.Health, error) {
	if err := e.fault(ctx, "Health", a.Cluster, ""); err != nil {
		return coe.Health{}, err
	}
	if !e.world.Answers(a.Cluster) {
		return coe.Health{Message: "The API does not answer."}, nil
	}
	h := coe.Health{Reachable: true}
	for name, ready := range e.world.Nodes(a.Cluster) {
		n := coe.Node{Name: name, Ready: ready, Version: e.world.Version(a.Cluster, name)}
		if !ready {
			n.Message = "The node is starting."
		}
		h.Nodes = append(h.Nodes, n)
	}
	slices.SortFunc(h.Nodes, func(a, b coe.Node) int { return strings.Compare(a.Name, b.Name) })
	return h, nil
}

// Drain takes its time, counted from the first call.
func (e *Engine) Drain(ctx context.Context, a coe.Access, name string) error {
	if err := e.live(ctx, "Drain", a.Cluster, name); err != nil {
		return err
	}
	if e.drainTime(a.Cluster+"/"+name) < e.options.Drain {
		return jeroboam.Errorf(jeroboam.Unavailable, "draining", "Pods still leave %s.", name)
	}
	if e.options.Drained != nil {
		e.options.Drained(a.Cluster, name)
	}
	return nil
}

func (e *Engine) drainTime(key string) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.began[key]; !ok {
		e.began[key] = time.Now()
	}
	return time.Since(e.began[key])
}

// Remove makes the world forget a node.
func (e *Engine) Remove(ctx context.Context, a coe.Access, name string) error {
	if err := e.live(ctx, "Remove", a.Cluster, name); err != nil {
		return err
	}
	e.world.Forget(a.Cluster, name)
	e.endDrain(a.Cluster + "/" + name)
	return nil
}

// Disrupts follows the pure half; without its word every other version does.
func (e *Engine) Disrupts(from, to string) bool {
	if u, ok := e.Pure.(interface{ Disrupts(from, to string) bool }); ok {
		return u.Disrupts(from, to)
	}
	return from != to
}

// Uncordon forgets that the node was drained.
func (e *Engine) Uncordon(ctx context.Context, a coe.Access, name string) error {
	if err := e.live(ctx, "Uncordon", a.Cluster, name); err != nil {
		return err
	}
	e.endDrain(a.Cluster + "/" + name)
	if e.options.Uncordoned != nil {
		e.options.Uncordoned(a.Cluster, name)
	}
	return nil
}

func (e *Engine) endDrain(key string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.began, key)
}

// live fails a call that a cluster without an API could not answer.
func (e *Engine) live(ctx context.Context, call, cluster, name string) error {
	if err := e.fault(ctx, call, cluster, name); err != nil {
		return err
	}
	if !e.world.Answers(cluster) {
		return jeroboam.Errorf(jeroboam.Unavailable, "api", "The API does not answer.")
	}
	return nil
}

func (e *Engine) fault(ctx context.Context, call, cluster, name string) error {
	if err := ctx.Err(); err != nil {
		return jeroboam.Errorf(jeroboam.Unavailable, "api", "The call was given up.").Wrap(err)
	}
	if e.options.Fault == nil {
		return nil
	}
	return e.options.Fault(call, cluster, name)
}
