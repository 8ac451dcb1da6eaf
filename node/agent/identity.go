package agent

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam/node"
)

// identity is the agent's own key and certificate. The key stays the same for
// the machine's life: the token is bound to it, so that a machine that lost
// its certificate, or slept past its end, can join again.
type identity struct {
	dir     string
	machine string
	key     *ecdsa.PrivateKey

	mu          sync.Mutex
	certificate *tls.Certificate // nil: not joined yet
}

// openIdentity reads the identity, and makes and stores a key when there is
// none: before the token is spent with it.
func openIdentity(dir, machine string) (*identity, error) {
	i := &identity{dir: dir, machine: machine}
	if err := i.load(); err == nil {
		return i, nil
	}
	if err := i.loadKey(); err == nil && i.key != nil {
		return i, nil
	}
	key, text, err := newKey()
	if err != nil {
		return nil, err
	}
	if err := replaceFile(i.keyPath(), text, 0o600, true); err != nil {
		return nil, fmt.Errorf("store the agent's key: %w", err)
	}
	i.key = key
	return i, nil
}

func (i *identity) keyPath() string         { return filepath.Join(i.dir, "identity.key") }
func (i *identity) certificatePath() string { return filepath.Join(i.dir, "identity.crt") }

// load reads key and certificate when they are this machine's.
func (i *identity) load() error {
	pair, err := tls.LoadX509KeyPair(i.certificatePath(), i.keyPath())
	if err != nil {
		return err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return errors.New("not an ECDSA key")
	}
	if pair.Leaf.Subject.CommonName != i.machine {
		// The disk was copied: the other machine's key is not ours to use.
		return errors.Join(errors.New("another machine's"), os.Remove(i.certificatePath()), os.Remove(i.keyPath()))
	}
	i.key, i.certificate = key, &pair
	return nil
}

// loadKey reads a key whose certificate is not there yet.
func (i *identity) loadKey() error {
	data, err := os.ReadFile(i.keyPath())
	if err != nil {
		return err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return errors.New("not PEM")
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	i.key = key
	return err
}

// valid returns the certificate while it can be used.
func (i *identity) valid(now time.Time) (*tls.Certificate, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.certificate == nil || now.After(i.certificate.Leaf.NotAfter) {
		return nil, false
	}
	return i.certificate, true
}

// due is when the certificate should be renewed.
func (i *identity) due() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return dueAt(i.certificate.Leaf)
}

// forget makes the next connection join anew.
func (i *identity) forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.certificate = nil
}

func (i *identity) request() (string, error) {
	return newRequest(i.key, &x509.CertificateRequest{Subject: pkix.Name{CommonName: i.machine}})
}

// accept stores a new certificate for the key.
func (i *identity) accept(certificate string) error {
	text, err := keyPEM(i.key)
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair([]byte(certificate), text)
	if err != nil {
		return fmt.Errorf("the agent's new certificate: %w", err)
	}
	if err := replaceFile(i.certificatePath(), []byte(certificate), 0o644, false); err != nil {
		return fmt.Errorf("store the agent's certificate: %w", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.certificate = &pair
	return nil
}

// dueAt is two thirds of a certificate's life.
func dueAt(leaf *x509.Certificate) time.Time {
	return leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) / 3 * 2)
}

// newKey makes an ECDSA P-256 key and its PEM.
func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	text, err := keyPEM(key)
	return key, text, err
}

func keyPEM(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

func newRequest(key *ecdsa.PrivateKey, template *x509.CertificateRequest) (string, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return "", fmt.Errorf("make a certificate request: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), nil
}

// requestFor is the request for a certificate of the config.
func requestFor(key *ecdsa.PrivateKey, c node.Certificate) (string, error) {
	template := &x509.CertificateRequest{
		Subject:  pkix.Name{CommonName: c.CommonName, Organization: c.Organization},
		DNSNames: c.DNSNames,
	}
	for _, text := range c.IPs {
		ip := net.ParseIP(text)
		if ip == nil {
			return "", fmt.Errorf("certificate %s: %q is no address", c.Name, text)
		}
		template.IPAddresses = append(template.IPAddresses, ip)
	}
	return newRequest(key, template)
}
