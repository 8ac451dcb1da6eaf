package simagent

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strconv"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// Registry is whom the agents talk to: the gateway's, without the network.
type Registry interface {
	Join(ctx context.Context, machine, token, fingerprint string) error
	Hello(ctx context.Context, hello node.Hello) error
	Gone(ctx context.Context, machine string) error
	Config(ctx context.Context, machine string) (node.Config, bool, error)
	Sign(ctx context.Context, machine string, request node.SignRequest) (string, error)
	Report(ctx context.Context, machine string, report node.Report) error
	Changed() <-chan string
}

// agents is one stay of all agents with one Registry.
type agents struct {
	*Fleet
	registry Registry
	wait     sync.WaitGroup
	mu       sync.Mutex
	running  map[string]*agent // by machine ID
	lost     []*agent          // who lost the service and are to come back
	coming   int               // who see to that
}

// agent is one boot of a machine. One that has nothing to do is this record and
// no goroutine: there may be many thousands.
type agent struct {
	machine *machine
	boot    int
	greeted bool
	lost    bool               // in agents.lost
	news    bool               // the config may have changed
	cancel  context.CancelFunc // while it does something; nil while it is idle
}

const (
	// retryAfter is how long an agent waits after a call that failed.
	retryAfter = 200 * time.Millisecond
	// backAtOnce is how many agents that lost the service come back at a time:
	// all at once would keep it from its callers.
	backAtOnce = 2
)

// Serve lets the agents of all machines talk to the registry until ctx ends.
// Only one Serve at a time.
func (f *Fleet) Serve(ctx context.Context, r Registry) {
	ctx, cancel := context.WithCancel(ctx)
	a := &agents{Fleet: f, registry: r, running: map[string]*agent{}}
	defer a.wait.Wait()
	defer cancel()
	a.attend(ctx, f.all())
	for {
		select {
		case <-f.changed:
			a.attend(ctx, f.takeStruck())
		case id := <-r.Changed():
			a.tell(ctx, id)
		case <-ctx.Done():
			return
		}
	}
}

func (a *agents) tell(ctx context.Context, machine string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if g := a.running[machine]; g != nil {
		a.rouse(ctx, g)
	}
}

// attend starts the agents of machines that run and ends those of others.
func (a *agents) attend(ctx context.Context, machines []*machine) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range machines {
		boot, lives := a.lives(m)
		g := a.running[m.ID]
		if g != nil && (g.machine != m || g.boot != boot || !lives) {
			a.end(ctx, g)
			g = nil
		}
		if g == nil && lives {
			g = &agent{machine: m, boot: boot}
			a.running[m.ID] = g
			a.rouse(ctx, g)
		}
	}
}

func (a *agents) lives(m *machine) (boot int, lives bool) {
	a.Fleet.mu.Lock()
	defer a.Fleet.mu.Unlock()
	return m.boot, m.runs && a.machines[m.ID] == m
}

// rouse lets an agent look for news; a.mu is held.
func (a *agents) rouse(ctx context.Context, g *agent) {
	g.news = true
	switch {
	case g.cancel != nil || g.lost:
	case !g.greeted && a.booted(g): // its service went away, as all others' did
		g.lost = true
		a.lost = append(a.lost, g)
		if a.coming < backAtOnce {
			a.coming++
			a.wait.Go(func() { a.bringBack(ctx) })
		}
	default:
		act := a.begin(ctx, g)
		a.wait.Go(act)
	}
}

// bringBack lets those who lost the service come back, one by one.
func (a *agents) bringBack(ctx context.Context) {
	for {
		a.mu.Lock()
		if len(a.lost) == 0 || ctx.Err() != nil {
			a.coming--
			a.mu.Unlock()
			return
		}
		g := a.lost[0]
		a.lost = a.lost[1:]
		g.lost = false
		act := a.begin(ctx, g)
		if a.running[g.machine.ID] != g { // it ended meanwhile
			g.cancel()
		}
		a.mu.Unlock()
		act()
	}
}

// begin makes an agent busy, with what it is to do; a.mu is held.
func (a *agents) begin(ctx context.Context, g *agent) (act func()) {
	life, cancel := context.WithCancel(ctx)
	g.cancel = cancel
	return func() {
		defer cancel()
		if a.live(life, g) {
			a.gone(ctx, g)
		}
	}
}

// end ends an agent whose machine is no more, or runs anew; a.mu is held.
func (a *agents) end(ctx context.Context, g *agent) {
	delete(a.running, g.machine.ID)
	if g.cancel != nil {
		g.cancel()
		return
	}
	a.wait.Go(func() { a.gone(ctx, g) })
}

// gone tells that the line is cut. When it is the service that ends, nobody is
// left to be told: the machine runs on.
func (a *agents) gone(ctx context.Context, g *agent) {
	if ctx.Err() == nil {
		_ = a.registry.Gone(ctx, g.machine.ID)
	}
}

// live is a piece of an agent's life: boot, join, then obey until there is
// nothing to do. It reports whether the life has ended.
func (a *agents) live(ctx context.Context, g *agent) (ended bool) {
	if !g.greeted && !a.greet(ctx, g) {
		return false // it never was there
	}
	for a.busy(ctx, g) {
		if err := a.obey(ctx, g.machine, g); err != nil && pause(ctx, retryAfter) == nil {
			a.again(g)
		}
	}
	return ctx.Err() != nil
}

// greet boots the machine and calls the service for the first time.
func (a *agents) greet(ctx context.Context, g *agent) (greeted bool) {
	if !a.booted(g) && a.takes(ctx, a.options.Boot) != nil {
		return false
	}
	for a.hello(ctx, g.machine, g) != nil {
		if pause(ctx, retryAfter) != nil {
			return false
		}
	}
	g.greeted = true
	return true
}

// busy reports whether there are news to look at; without, the agent is idle
// from now on.
func (a *agents) busy(ctx context.Context, g *agent) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	news := g.news
	if g.news = false; !news {
		g.cancel = nil
	}
	return news
}

func (a *agents) again(g *agent) {
	a.mu.Lock()
	defer a.mu.Unlock()
	g.news = true
}

// booted reports whether the machine came up before: its service did not.
func (a *agents) booted(g *agent) bool {
	a.Fleet.mu.Lock()
	defer a.Fleet.mu.Unlock()
	return g.machine.booted == g.boot
}

func (a *agents) hello(ctx context.Context, m *machine, g *agent) error {
	a.Fleet.mu.Lock()
	joined, applied := m.joined, m.applied
	a.Fleet.mu.Unlock()
	if !joined {
		if err := a.registry.Join(ctx, m.ID, m.Token.Reveal(), "key of "+m.ID); err != nil {
			return err
		}
		a.Fleet.mu.Lock()
		m.joined = true
		a.Fleet.mu.Unlock()
	}
	a.Fleet.mu.Lock()
	m.booted = g.boot
	a.Fleet.mu.Unlock()
	return a.registry.Hello(ctx, node.Hello{Machine: m.ID, Agent: "simulated", Config: applied, Boot: strconv.Itoa(g.boot)})
}

// obey fetches the config, brings it into force and reports.
func (a *agents) obey(ctx context.Context, m *machine, g *agent) error {
	config, ready, err := a.registry.Config(ctx, m.ID)
	if err != nil || !ready {
		return err
	}
	digest := config.Digest()
	a.Fleet.mu.Lock()
	inForce := m.applied == digest && !m.since.IsZero()
	a.Fleet.mu.Unlock()
	if inForce {
		return nil
	}
	if err := a.takes(ctx, a.options.Apply); err != nil {
		return err
	}
	if a.options.Sign {
		if err := a.sign(ctx, m, config); err != nil {
			return err
		}
	}
	if !a.inForce(m, g, config) {
		return nil
	}
	services := make([]jeroboam.ServiceState, len(config.Services))
	for i, s := range config.Services {
		services[i] = jeroboam.ServiceState{Name: s.Name, State: "ready"}
	}
	return a.registry.Report(ctx, m.ID, node.Report{Config: digest, Services: services})
}

// inForce puts a config into force: the node starts anew.
func (a *agents) inForce(m *machine, g *agent, config node.Config) bool {
	a.Fleet.mu.Lock()
	defer a.Fleet.mu.Unlock()
	if !m.runs || m.boot != g.boot {
		return false
	}
	m.applied, m.version, m.since = config.Digest(), config.Bundle.Version, time.Now()
	return true
}

// sign asks for every certificate of the config. Whose key is signed makes no
// difference to the service: all requests have the same one.
func (a *agents) sign(ctx context.Context, m *machine, config node.Config) error {
	csr, err := a.request()
	if err != nil {
		return err
	}
	for _, c := range config.Certificates {
		if _, err := a.registry.Sign(ctx, m.ID, node.SignRequest{Name: c.Name, CSR: csr}); err != nil {
			return err
		}
	}
	return nil
}

func newRequest() (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), nil
}

// takes lets a time of the model pass.
func (a *agents) takes(ctx context.Context, d time.Duration) error {
	if d > 0 {
		d = a.options.Takes(d)
	}
	return pause(ctx, d)
}

func pause(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
