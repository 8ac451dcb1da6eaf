// Package sim is a cloud without machines: the same contract, a model of how
// long things take, a quota, faults on demand, and agents that live in process.
// A thousand clusters fit on a laptop, and with virtual time a whole life takes
// a millisecond. It is for demonstrations, for planning capacity, and for every
// test that need not be real.
//
// What it holds outlives the service that uses it: Serve may end and begin
// again, as a real cloud's machines live through a restart.
package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/node/simagent"
)

// Options is the model. The zero value is a cloud that takes no time, knows no
// limit and never fails.
type Options struct {
	Call   time.Duration // each call
	Boot   time.Duration // from a machine's making to its agent's first word
	Apply  time.Duration // from a config's arrival to its being in force
	Start  time.Duration // from a config in force to a node that is ready
	Delete time.Duration // until what was deleted is gone; Delete says "deleting" till then
	Jitter float64       // 0.2: every time is up to 20 % longer
	Seed   uint64        // of the jitter
	Quota  int           // machines per project; 0: no limit
	// Credentials gives each cluster a credential of its own.
	Credentials bool
	// Sign makes agents ask for every certificate of their config, with a real key.
	Sign bool
	// Fault is asked at every call; nil: nothing fails.
	Fault   func(Call) Fault
	Flavors []jeroboam.Flavor // nil: three of them
	Images  []jeroboam.Image  // nil: one
}

// Call is one call of the cloud, as Fault sees it.
type Call struct {
	Name    string // of the method
	Cluster string
	Object  string // name of the object, if the call is about one
	Number  int    // of all calls, from 1
}

// Fault makes a call fail before it has had any effect, or after it has had all.
type Fault struct {
	Before, After error
}

// Cloud is a simulated cloud. It is safe for concurrent use.
type Cloud struct {
	fleet   *simagent.Fleet
	options Options
	mu      sync.Mutex
	random  *rand.Rand
	calls   int
	subnets int
	world   map[string]*tenant // by cluster ID
	waiters map[chan string]struct{}
	turns   map[string]*turn
	// dependents are what clusters have made for themselves, by cluster ID.
	dependents map[string][]*dependent
}

// tenant is what the cloud holds for one cluster.
type tenant struct {
	scope       cloud.Scope
	network     *cloud.Network
	names       map[string]string // of network and balancer, by kind
	balancer    *balancer
	addresses   map[string]cloud.Address    // by name
	machines    map[string]*machine         // by name
	credentials map[string]cloud.Credential // by name
	subnet      int
}

type balancer struct {
	cloud.Balancer
	backends []string
	going    time.Time
}

// New makes an empty cloud.
func New(o Options) *Cloud {
	if o.Flavors == nil {
		o.Flavors = []jeroboam.Flavor{
			{ID: "1", Name: "small", VCPUs: 1, MemoryMB: 1024, DiskGB: 10},
			{ID: "2", Name: "medium", VCPUs: 2, MemoryMB: 2048, DiskGB: 20},
			{ID: "3", Name: "large", VCPUs: 4, MemoryMB: 8192, DiskGB: 40},
		}
	}
	if o.Images == nil {
		o.Images = []jeroboam.Image{{ID: "sim", Name: "sim", Distro: "sim"}}
	}
	c := &Cloud{options: o, random: rand.New(rand.NewPCG(o.Seed, 1)), world: map[string]*tenant{},
		waiters: map[chan string]struct{}{}, turns: map[string]*turn{}, dependents: map[string][]*dependent{}}
	c.fleet = simagent.New(simagent.Options{Boot: o.Boot, Apply: o.Apply, Start: o.Start, Sign: o.Sign, Takes: c.takes})
	return c
}

var (
	_ cloud.Cloud       = (*Cloud)(nil)
	_ cloud.Balancers   = (*Cloud)(nil)
	_ cloud.Addresses   = (*Cloud)(nil)
	_ cloud.Credentials = (*Cloud)(nil)
	_ cloud.Catalogue   = (*Cloud)(nil)
	_ cloud.Sweeper     = (*Cloud)(nil)
	_ cloud.Watcher     = (*Cloud)(nil)
	_ cloud.Dependents  = (*Cloud)(nil)
)

// Capabilities tells what the model has: balancers, addresses, volumes, and
// credentials if its options say so.
func (c *Cloud) Capabilities() cloud.Capabilities {
	return cloud.Capabilities{Balancers: true, Addresses: true, Volumes: true, Credentials: c.options.Credentials, Labels: cloud.VolumeLabels()}
}

// do is the frame of every call: it takes its time, and fails if it shall.
func (c *Cloud) do(ctx context.Context, call Call, effect func() error) error {
	c.mu.Lock()
	c.calls++
	call.Number = c.calls
	c.mu.Unlock()
	fault := Fault{}
	if c.options.Fault != nil {
		fault = c.options.Fault(call)
	}
	if fault.Before != nil {
		return fault.Before
	}
	if err := pause(ctx, c.takes(c.options.Call)); err != nil {
		return err
	}
	if err := effect(); err != nil {
		return err
	}
	return fault.After
}

// Calls counts the calls so far.
func (c *Cloud) Calls() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls
}

// takes adds the jitter to a time of the model.
func (c *Cloud) takes(d time.Duration) time.Duration {
	if c.options.Jitter == 0 || d == 0 {
		return d
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return d + time.Duration(float64(d)*c.options.Jitter*c.random.Float64())
}

// pause waits; a context that ends is Unavailable, as of a call given up.
func pause(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return givenUp(err)
	}
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return givenUp(ctx.Err())
	}
}

func givenUp(err error) error {
	return jeroboam.Errorf(jeroboam.Unavailable, "cloud", "The call was given up.").Wrap(err)
}

// tenant finds or makes a cluster's part of the world; c.mu is held.
func (c *Cloud) tenant(s cloud.Scope) *tenant {
	t := c.world[s.Cluster]
	if t == nil {
		c.subnets++
		t = &tenant{scope: s, machines: map[string]*machine{}, names: map[string]string{}, subnet: c.subnets,
			credentials: map[string]cloud.Credential{}, addresses: map[string]cloud.Address{}}
		c.world[s.Cluster] = t
	}
	return t
}

// tidy drops a tenant that holds nothing; c.mu is held.
func (c *Cloud) tidy(cluster string) {
	if t := c.world[cluster]; t != nil && t.network == nil && t.balancer == nil && len(t.machines)+len(t.credentials)+len(t.addresses) == 0 {
		delete(c.world, cluster)
	}
}

// address gives out the lowest free address of the cluster's network; c.mu is held.
func (t *tenant) address() string {
	taken := t.taken()
	for n := 2; ; n++ { // .1 is the gateway
		address := fmt.Sprintf("10.%d.%d.%d", 64+t.subnet>>4&127, t.subnet&15<<4|n>>8, n&255)
		if !taken[address] {
			return address
		}
	}
}

// taken are the addresses that something has; c.mu is held.
func (t *tenant) taken() map[string]bool {
	taken := map[string]bool{}
	for _, m := range t.machines {
		taken[m.address] = true
	}
	if t.balancer != nil {
		taken[t.balancer.Address] = true
	}
	for _, a := range t.addresses {
		taken[a.Address] = true
	}
	return taken
}

func (t *tenant) cidr() (cidr, gateway string) {
	prefix := fmt.Sprintf("10.%d.%d.", 64+t.subnet>>4&127, t.subnet&15<<4)
	return prefix + "0/20", prefix + "1"
}
