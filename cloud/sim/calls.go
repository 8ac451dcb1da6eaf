package sim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// Check tells what the quota has against the demand.
func (c *Cloud) Check(ctx context.Context, scope cloud.Scope, want cloud.Demand) error {
	return c.do(ctx, Call{Name: "Check", Cluster: scope.Cluster}, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		var problems []error
		if err := c.overQuota(scope.Project, len(want.Machines)); err != nil {
			problems = append(problems, err)
		}
		for _, m := range want.Machines {
			if m.Flavor.ID != "" && !slices.ContainsFunc(c.options.Flavors, func(have jeroboam.Flavor) bool { return have.ID == m.Flavor.ID }) {
				problems = append(problems, jeroboam.Errorf(jeroboam.Invalid, "flavor", "The cloud has no flavor %s.", m.Flavor.Name))
			}
		}
		return errors.Join(problems...)
	})
}

// overQuota is the error for more machines than the project may have, or nil;
// c.mu is held.
func (c *Cloud) overQuota(project string, more int) error {
	if c.options.Quota == 0 {
		return nil
	}
	used := 0
	for _, t := range c.world {
		if t.scope.Project == project {
			used += len(t.machines)
		}
	}
	if used+more <= c.options.Quota {
		return nil
	}
	return jeroboam.Errorf(jeroboam.QuotaExceeded, "machines", "The project may have %d machines; it has %d and asks for %d more.",
		c.options.Quota, used, more).WithRemedy("Delete machines, or ask for a larger quota.")
}

// SetQuota changes the quota, as an operator would.
func (c *Cloud) SetQuota(machines int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.options.Quota = machines
}

// EnsureNetwork makes or finds the cluster's network.
func (c *Cloud) EnsureNetwork(ctx context.Context, scope cloud.Scope, spec cloud.NetworkSpec) (cloud.Network, error) {
	var out cloud.Network
	err := c.do(ctx, Call{Name: "EnsureNetwork", Cluster: scope.Cluster, Object: spec.Name}, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		t := c.tenant(scope)
		if t.network == nil {
			cidr, gateway := t.cidr()
			t.names[jeroboam.KindNetwork] = spec.Name
			t.network = &cloud.Network{ID: "net-" + scope.Cluster, CIDR: cidr, Gateway: gateway}
		}
		out = *t.network
		return nil
	})
	return out, err
}

// EnsureBalancer makes or finds the cluster's balancer and sets its backends.
func (c *Cloud) EnsureBalancer(ctx context.Context, scope cloud.Scope, spec cloud.BalancerSpec) (cloud.Balancer, error) {
	var out cloud.Balancer
	err := c.do(ctx, Call{Name: "EnsureBalancer", Cluster: scope.Cluster, Object: spec.Name}, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		t, err := c.networked(scope)
		if err != nil {
			return err
		}
		if t.balancer == nil {
			t.names[jeroboam.KindBalancer] = spec.Name
			t.balancer = &balancer{Balancer: cloud.Balancer{CloudID: "lb-" + scope.Cluster, Address: t.address()}}
		}
		t.balancer.backends = slices.Clone(spec.Backends)
		out = t.balancer.Balancer
		return nil
	})
	return out, err
}

// FindBalancer tells of the cluster's balancer.
func (c *Cloud) FindBalancer(ctx context.Context, scope cloud.Scope, name string) (cloud.Balancer, error) {
	var out cloud.Balancer
	err := c.do(ctx, Call{Name: "FindBalancer", Cluster: scope.Cluster, Object: name}, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if t := c.world[scope.Cluster]; t != nil && t.balancer != nil && t.names[jeroboam.KindBalancer] == name {
			out = t.balancer.Balancer
			return nil
		}
		return jeroboam.Errorf(jeroboam.NotFound, "balancer", "There is no balancer %s.", name)
	})
	return out, err
}

// networked finds the part of a cluster that has a network; c.mu is held.
func (c *Cloud) networked(s cloud.Scope) (*tenant, error) {
	t := c.world[s.Cluster]
	if t == nil || t.network == nil {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "network", "The cluster has no network.")
	}
	return t, nil
}

// Machines lists the cluster's machines by name.
func (c *Cloud) Machines(ctx context.Context, scope cloud.Scope) ([]cloud.Machine, error) {
	var out []cloud.Machine
	err := c.do(ctx, Call{Name: "Machines", Cluster: scope.Cluster}, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, m := range c.world[scope.Cluster].sorted() {
			out = append(out, m.shown())
		}
		return nil
	})
	return out, err
}

func (t *tenant) sorted() []*machine {
	if t == nil {
		return nil
	}
	var out []*machine
	for _, m := range t.machines {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b *machine) int { return strings.Compare(a.spec.Name, b.spec.Name) })
	return out
}

// List finds everything the cloud holds for the cluster.
func (c *Cloud) List(ctx context.Context, scope cloud.Scope) ([]cloud.Object, error) {
	var out []cloud.Object
	err := c.do(ctx, Call{Name: "List", Cluster: scope.Cluster}, func() error {
		out = c.Held(scope.Cluster)
		return nil
	})
	return out, err
}

// Held is List without being a call: for who looks at the model from outside.
func (c *Cloud) Held(cluster string) []cloud.Object {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.world[cluster]
	if t == nil {
		return nil
	}
	var out []cloud.Object
	for _, m := range t.sorted() {
		out = append(out, cloud.Object{Kind: jeroboam.KindMachine, Name: m.spec.Name, ID: m.spec.ID, CloudID: m.cloudID})
	}
	if t.balancer != nil {
		out = append(out, cloud.Object{Kind: jeroboam.KindBalancer, Name: t.names[jeroboam.KindBalancer], CloudID: t.balancer.CloudID})
	}
	out = append(out, byName(jeroboam.KindAddress, t.addresses, func(a cloud.Address) string { return a.CloudID })...)
	out = append(out, byName(jeroboam.KindCredential, t.credentials, func(o cloud.Credential) string { return o.CloudID })...)
	if t.network != nil {
		out = append(out, cloud.Object{Kind: jeroboam.KindNetwork, Name: t.names[jeroboam.KindNetwork], CloudID: t.network.ID})
	}
	return out
}

func byName[T any](kind string, all map[string]T, cloudID func(T) string) []cloud.Object {
	var out []cloud.Object
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, cloud.Object{Kind: kind, Name: name, CloudID: cloudID(all[name])})
	}
	return out
}

// Delete removes an object. A network goes only when nothing is on it.
func (c *Cloud) Delete(ctx context.Context, scope cloud.Scope, object cloud.Object) error {
	return c.do(ctx, Call{Name: "Delete", Cluster: scope.Cluster, Object: object.Name}, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if jeroboam.MadeByCluster(object.Kind) {
			return c.deleteDependent(scope.Cluster, object)
		}
		t := c.world[scope.Cluster]
		if t == nil {
			return nil
		}
		defer c.tidy(scope.Cluster)
		switch object.Kind {
		case jeroboam.KindMachine:
			return c.deleteMachine(t, object)
		case jeroboam.KindBalancer:
			return c.deleteBalancer(t)
		case jeroboam.KindNetwork:
			return c.deleteNetwork(t)
		case jeroboam.KindAddress:
			delete(t.addresses, object.Name)
			return nil
		case jeroboam.KindCredential:
			delete(t.credentials, object.Name)
			return nil
		}
		return jeroboam.Errorf(jeroboam.Invalid, "kind", "The cloud knows no kind %q.", object.Kind)
	})
}

func (c *Cloud) deleteMachine(t *tenant, object cloud.Object) error {
	m := t.machines[object.Name]
	if m == nil || (object.ID != "" && object.ID != m.spec.ID) {
		return nil
	}
	if c.stop(m); c.stillGoing(&m.going) {
		return deleting("machine " + object.Name)
	}
	delete(t.machines, object.Name)
	c.fleet.Lose(m.spec.ID)
	return nil
}

func (c *Cloud) deleteBalancer(t *tenant) error {
	if t.balancer != nil && c.stillGoing(&t.balancer.going) {
		return deleting("balancer")
	}
	t.balancer = nil
	return nil
}

func (c *Cloud) deleteNetwork(t *tenant) error {
	if n := len(t.machines); n > 0 || t.balancer != nil || len(t.addresses) > 0 {
		return jeroboam.Errorf(jeroboam.Conflict, "in-use", "The network is used by %d machines.", n)
	}
	for _, kind := range []string{jeroboam.KindLoadBalancer, jeroboam.KindPort} {
		if c.has(t.scope.Cluster, kind) {
			return jeroboam.Errorf(jeroboam.Conflict, "in-use", "The network is used by a %s that the cluster made.", kind)
		}
	}
	t.network = nil
	return nil
}

// stillGoing starts the clock of a deletion and reports whether it runs.
func (c *Cloud) stillGoing(since *time.Time) bool {
	if since.IsZero() {
		*since = time.Now()
	}
	return time.Since(*since) < c.options.Delete
}

func deleting(what string) error {
	return jeroboam.Errorf(jeroboam.Unavailable, "deleting", "The %s is being deleted.", what)
}

// Clusters lists whom the cloud holds anything for.
func (c *Cloud) Clusters(context.Context) ([]cloud.Scope, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []cloud.Scope
	for _, t := range c.world {
		out = append(out, t.scope)
	}
	slices.SortFunc(out, func(a, b cloud.Scope) int { return strings.Compare(a.Cluster, b.Cluster) })
	return out, nil
}

// FindFlavor finds a flavor by ID or name.
func (c *Cloud) FindFlavor(_ context.Context, _, idOrName string) (jeroboam.Flavor, error) {
	return find("flavor", idOrName, c.options.Flavors, func(f jeroboam.Flavor) (string, string) { return f.ID, f.Name })
}

// FindImage finds an image by ID or name.
func (c *Cloud) FindImage(_ context.Context, _, idOrName string) (jeroboam.Image, error) {
	return find("image", idOrName, c.options.Images, func(i jeroboam.Image) (string, string) { return i.ID, i.Name })
}

func find[T any](kind, idOrName string, all []T, keys func(T) (id, name string)) (T, error) {
	var zero T
	var known []string
	for _, v := range all {
		id, name := keys(v)
		if id == idOrName || name == idOrName {
			return v, nil
		}
		known = append(known, name)
	}
	return zero, jeroboam.Errorf(jeroboam.NotFound, kind, "Unable to find %s %s.", kind, idOrName).
		WithRemedy("Choose one of %s.", strings.Join(known, ", "))
}

// FindKeypair finds none: nobody logs in to a simulated machine.
func (c *Cloud) FindKeypair(_ context.Context, _, _, name string) error {
	return jeroboam.Errorf(jeroboam.NotFound, "keypair", "Unable to find keypair %s.", name).
		WithRemedy("Leave it out: nobody logs in to a simulated machine.")
}

// FindNetwork finds no network but those it makes itself, and one way out.
func (c *Cloud) FindNetwork(_ context.Context, _, idOrName string, external bool) error {
	if external && idOrName == "public" {
		return nil
	}
	return jeroboam.Errorf(jeroboam.NotFound, "network", "Unable to find network %s.", idOrName).
		WithRemedy("Leave it out: a simulated cluster gets a network of its own; the way out is called public.")
}

// FindSubnet finds no subnet.
func (c *Cloud) FindSubnet(_ context.Context, _, idOrName string) error {
	return jeroboam.Errorf(jeroboam.NotFound, "subnet", "Unable to find subnet %s.", idOrName).
		WithRemedy("Leave it out: a simulated cluster gets a subnet of its own.")
}

// String tells what the model holds, for a failing test.
func (c *Cloud) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for id, t := range c.world {
		fmt.Fprintf(&b, "%s network=%v balancer=%v", id, t.network != nil, t.balancer != nil)
		for _, m := range t.sorted() {
			fmt.Fprintf(&b, " %s=%s", m.spec.Name, m.state)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
