// Package gatewaytest has a Registry for tests of what speaks to a gateway. It
// keeps every rule of the contract, in memory.
package gatewaytest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// Machine is what a Registry knows of a machine.
type Machine struct {
	Token     string
	Key       string // fingerprint that spent the token
	Config    node.Config
	Ready     bool
	Connected bool
	Hellos    []node.Hello
	Gones     int
	Reports   int
	Report    node.Report // the last
	Signed    []string    // names of certificates, in order
}

// Registry is a gateway.Registry.
type Registry struct {
	// Lives of the certificates it signs, from Now, each in its turn; the last is
	// that of all that follow.
	Lives []time.Duration
	Now   func() time.Time

	changed chan string
	key     *ecdsa.PrivateKey
	ca      *x509.Certificate

	mu       sync.Mutex
	machines map[string]*Machine
	touched  chan struct{} // closed and made anew on every change
}

// New makes a Registry that knows no machine.
func New() (*Registry, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		return nil, err
	}
	if ca, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	return &Registry{
		Lives: []time.Duration{24 * time.Hour}, Now: time.Now, changed: make(chan string, 1024),
		key: key, ca: ca, machines: map[string]*Machine{}, touched: make(chan struct{}),
	}, nil
}

// CA is the authority of the certificates it signs, PEM.
func (r *Registry) CA() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.ca.Raw}))
}

// Add makes a machine known.
func (r *Registry) Add(machine, token string) {
	r.edit(func() error {
		r.machines[machine] = &Machine{Token: token}
		return nil
	})
}

// Remove makes a machine be no more.
func (r *Registry) Remove(machine string) {
	r.edit(func() error {
		delete(r.machines, machine)
		return nil
	})
	r.changed <- machine
}

// SetConfig gives a machine its config, and says so.
func (r *Registry) SetConfig(machine string, config node.Config) {
	r.edit(func() error {
		r.machines[machine].Config, r.machines[machine].Ready = config, true
		return nil
	})
	r.changed <- machine
}

// Await returns the machine as soon as it is as wanted.
func (r *Registry) Await(ctx context.Context, machine string, wanted func(Machine) bool) (Machine, error) {
	for {
		r.mu.Lock()
		var m Machine
		if known := r.machines[machine]; known != nil {
			m = *known
		}
		touched := r.touched
		r.mu.Unlock()
		if wanted(m) {
			return m, nil
		}
		select {
		case <-touched:
		case <-ctx.Done():
			return m, fmt.Errorf("%w: machine %s stays %+v", ctx.Err(), machine, m)
		}
	}
}

// Join spends a token.
func (r *Registry) Join(_ context.Context, machine, token, fingerprint string) error {
	return r.with(machine, func(m *Machine) error {
		if m.Token != token || (m.Key != "" && m.Key != fingerprint) {
			return jeroboam.Errorf(jeroboam.Unauthenticated, "join-token", "The token is not this machine's, or was spent.")
		}
		m.Key = fingerprint
		return nil
	})
}

// Hello notes that an agent came.
func (r *Registry) Hello(_ context.Context, hello node.Hello) error {
	return r.with(hello.Machine, func(m *Machine) error {
		m.Hellos, m.Connected = append(m.Hellos, hello), true
		return nil
	})
}

// Gone notes that an agent went.
func (r *Registry) Gone(_ context.Context, machine string) error {
	err := r.with(machine, func(m *Machine) error {
		m.Gones, m.Connected = m.Gones+1, false
		return nil
	})
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return nil
	}
	return err
}

// Config returns what SetConfig gave.
func (r *Registry) Config(_ context.Context, machine string) (config node.Config, ready bool, err error) {
	err = r.with(machine, func(m *Machine) error {
		config, ready = m.Config, m.Ready
		return nil
	})
	return config, ready, err
}

// Sign signs what the machine's config asks for.
func (r *Registry) Sign(_ context.Context, machine string, request node.SignRequest) (certificate string, err error) {
	err = r.with(machine, func(m *Machine) error {
		for _, asked := range m.Config.Certificates {
			if asked.Name != request.Name {
				continue
			}
			certificate, err = r.issue(asked, request.CSR)
			m.Signed = append(m.Signed, request.Name)
			return err
		}
		return jeroboam.Errorf(jeroboam.Forbidden, "certificate", "The config asks for no certificate %q.", request.Name)
	})
	return certificate, err
}

// Report notes a report.
func (r *Registry) Report(_ context.Context, machine string, report node.Report) error {
	return r.with(machine, func(m *Machine) error {
		m.Report, m.Reports = report, m.Reports+1
		return nil
	})
}

// Changed tells what SetConfig and Remove changed.
func (r *Registry) Changed() <-chan string { return r.changed }

func (r *Registry) issue(asked node.Certificate, csr string) (string, error) {
	block, _ := pem.Decode([]byte(csr))
	if block == nil {
		return "", jeroboam.Errorf(jeroboam.Invalid, "csr", "The request is not PEM.")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return "", jeroboam.Errorf(jeroboam.Invalid, "csr", "The request cannot be read.").Wrap(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(r.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: asked.CommonName, Organization: asked.Organization},
		NotBefore:    r.Now(), NotAfter: r.Now().Add(r.life()), DNSNames: asked.DNSNames,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, ip := range asked.IPs {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(ip))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, r.ca, request.PublicKey, r.key)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), err
}

func (r *Registry) life() time.Duration {
	life := r.Lives[0]
	if len(r.Lives) > 1 {
		r.Lives = r.Lives[1:]
	}
	return life
}

func (r *Registry) with(machine string, f func(*Machine) error) error {
	return r.edit(func() error {
		m := r.machines[machine]
		if m == nil {
			return jeroboam.Errorf(jeroboam.NotFound, "machine", "The machine is no more.")
		}
		return f(m)
	})
}

func (r *Registry) edit(f func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() {
		close(r.touched)
		r.touched = make(chan struct{})
	}()
	return f()
}
