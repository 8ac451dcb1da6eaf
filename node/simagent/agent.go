package simagent

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
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
	running  map[string]*agent // by machine ID; Serve's alone
}

type agent struct {
	machine *machine
	boot    int
	cancel  context.CancelFunc
	news    chan struct{} // the config may have changed
}

// retryAfter is how long an agent waits after a call that failed.
const retryAfter = 200 * time.Millisecond

// Serve lets the agents of all machines talk to the registry until ctx ends.
// Only one Serve at a time.
func (f *Fleet) Serve(ctx context.Context, r Registry) {
	ctx, cancel := context.WithCancel(ctx)
	a := &agents{Fleet: f, registry: r, running: map[string]*agent{}}
	defer a.wait.Wait()
	defer cancel()
	for {
		a.attend(ctx)
		select {
		case <-f.changed:
		case id := <-r.Changed():
			a.tell(id)
		case <-ctx.Done():
			return
		}
	}
}

func (a *agents) tell(machine string) {
	if g := a.running[machine]; g != nil {
		select {
		case g.news <- struct{}{}:
		default:
		}
	}
}

// attend starts the agents of machines that run and ends those of others.
func (a *agents) attend(ctx context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, g := range a.running {
		if m := a.machines[id]; m != g.machine || !m.runs || m.boot != g.boot {
			g.cancel()
			delete(a.running, id)
		}
	}
	for id, m := range a.machines {
		if !m.runs || a.running[id] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(ctx)
		g := &agent{machine: m, boot: m.boot, cancel: cancel, news: make(chan struct{}, 1)}
		a.running[id] = g
		a.wait.Go(func() { a.live(ctx, m, g) })
	}
}

// live is an agent's life: boot, join, then obey.
func (a *agents) live(ctx context.Context, m *machine, g *agent) {
	if !a.hasBooted(m, g) && a.takes(ctx, a.options.Boot) != nil {
		return
	}
	for a.hello(ctx, m, g) != nil {
		if pause(ctx, retryAfter) != nil {
			return
		}
	}
	for {
		if err := a.obey(ctx, m, g); err != nil && pause(ctx, retryAfter) != nil {
			break
		} else if err != nil {
			continue
		}
		select {
		case <-g.news:
			continue
		case <-ctx.Done():
		}
		break
	}
	// The line is cut: the service notices, whoever did it.
	_ = a.registry.Gone(context.WithoutCancel(ctx), m.ID)
}

// hasBooted reports whether the machine came up before: its service did not.
func (a *agents) hasBooted(m *machine, g *agent) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return m.booted == g.boot
}

func (a *agents) hello(ctx context.Context, m *machine, g *agent) error {
	a.mu.Lock()
	joined, applied := m.joined, m.applied
	a.mu.Unlock()
	if !joined {
		if err := a.registry.Join(ctx, m.ID, m.Token.Reveal(), "key of "+m.ID); err != nil {
			return err
		}
	}
	a.mu.Lock()
	m.joined, m.booted = true, g.boot
	a.mu.Unlock()
	return a.registry.Hello(ctx, node.Hello{Machine: m.ID, Agent: "simulated", Config: applied, Boot: strconv.Itoa(g.boot)})
}

// obey fetches the config, brings it into force and reports.
func (a *agents) obey(ctx context.Context, m *machine, g *agent) error {
	config, ready, err := a.registry.Config(ctx, m.ID)
	if err != nil || !ready {
		return err
	}
	digest := config.Digest()
	a.mu.Lock()
	inForce := m.applied == digest && !m.since.IsZero()
	a.mu.Unlock()
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
	a.mu.Lock()
	defer a.mu.Unlock()
	if !m.runs || m.boot != g.boot {
		return false
	}
	m.applied, m.version, m.since = config.Digest(), config.Bundle.Version, time.Now()
	return true
}

func (a *agents) sign(ctx context.Context, m *machine, config node.Config) error {
	for _, c := range config.Certificates {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: c.CommonName, Organization: c.Organization}}
		der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
		if err != nil {
			return err
		}
		csr := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
		if _, err := a.registry.Sign(ctx, m.ID, node.SignRequest{Name: c.Name, CSR: csr}); err != nil {
			return err
		}
	}
	return nil
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
