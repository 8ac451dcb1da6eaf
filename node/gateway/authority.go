package gateway

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/pki"
)

// Lives of what the authority is and signs. Skew forgives a machine whose
// clock is behind.
const (
	authorityLife = 10 * 365 * 24 * time.Hour
	identityLife  = 90 * 24 * time.Hour
	serverLife    = 365 * 24 * time.Hour
	scalerLife    = 365 * 24 * time.Hour
	skew          = 10 * time.Minute
)

// Authority is the gateway's own certificate authority, one for the whole
// service. It signs agents' identities and the gateway's server certificate,
// and nothing of any cluster.
type Authority struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
}

// NewAuthority makes an authority: ECDSA P-256, good for ten years.
func NewAuthority(now time.Time) (Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Authority{}, fmt.Errorf("make authority key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: "jeroboam-gateway-ca"},
		NotBefore:             now.Add(-skew),
		NotAfter:              now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return Authority{}, fmt.Errorf("make authority: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	return Authority{Certificate: certificate, Key: key}, err
}

// ParseAuthority reads what PEM and KeyPEM wrote. It refuses a key that is not
// the certificate's.
func ParseAuthority(certificate string, key jeroboam.Secret) (Authority, error) {
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key.Reveal()))
	if err != nil {
		return Authority{}, fmt.Errorf("parse the gateway's authority: %w", err)
	}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !pair.Leaf.IsCA {
		return Authority{}, errors.New("parse the gateway's authority: not a certificate authority")
	}
	return Authority{Certificate: pair.Leaf, Key: signer}, nil
}

// PEM is the certificate, for node.UserData.CA.
func (a Authority) PEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate.Raw}))
}

// KeyPEM is the key (PKCS#8), for the vault.
func (a Authority) KeyPEM() (jeroboam.Secret, error) {
	der, err := x509.MarshalPKCS8PrivateKey(a.Key)
	if err != nil {
		return "", fmt.Errorf("encode the gateway's key: %w", err)
	}
	return jeroboam.Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}

// identity signs an agent's own certificate.
func (a Authority) identity(csr *x509.CertificateRequest, now time.Time) (string, error) {
	der, err := a.sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: csr.Subject.CommonName},
		NotBefore:   now.Add(-skew),
		NotAfter:    now.Add(identityLife),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, csr.PublicKey)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), err
}

// autoscalers is the organization of who may call for a cluster, whose ID is the
// common name. An agent's identity has no organization.
const autoscalers = "jeroboam:autoscalers"

// SignAutoscaler signs the certificate by which a cluster's autoscaler is known
// to the gateway. Of the request (PEM) only the key is used.
func (a Authority) SignAutoscaler(request, cluster string, now time.Time) (string, error) {
	csr, err := pki.ParseCSR(request)
	if err != nil {
		return "", err
	}
	der, err := a.sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: cluster, Organization: []string{autoscalers}},
		NotBefore:   now.Add(-skew),
		NotAfter:    now.Add(scalerLife),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, csr.PublicKey)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), err
}

// AutoscalerOf is the cluster whose autoscaler has called, "" if none has.
func AutoscalerOf(connection tls.ConnectionState) (cluster string) {
	if len(connection.VerifiedChains) == 0 {
		return ""
	}
	subject := connection.PeerCertificates[0].Subject
	if !slices.Equal(subject.Organization, []string{autoscalers}) {
		return ""
	}
	return subject.CommonName
}

func (a Authority) sign(template *x509.Certificate, public crypto.PublicKey) ([]byte, error) {
	template.SerialNumber = serial()
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.BasicConstraintsValid = true
	if template.NotAfter.After(a.Certificate.NotAfter) {
		template.NotAfter = a.Certificate.NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.Certificate, public, a.Key)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", template.Subject.CommonName, err)
	}
	return der, nil
}

// serverCertificate keeps the gateway's certificate, made in memory and made
// anew at two thirds of its life.
type serverCertificate struct {
	authority Authority
	names     []string // besides node.GatewayName
	now       func() time.Time

	mu      sync.Mutex
	current *tls.Certificate
}

func (s *serverCertificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.current != nil && now.Before(s.current.Leaf.NotAfter.Add(-serverLife/3)) {
		return s.current, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the gateway's key: %w", err)
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: node.GatewayName},
		NotBefore:   now.Add(-skew),
		NotAfter:    now.Add(serverLife),
		DNSNames:    []string{node.GatewayName},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, // of other servers, see peers.go
	}
	for _, name := range s.names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := s.authority.sign(template, key.Public())
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse the gateway's certificate: %w", err)
	}
	s.current = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	return s.current, nil
}

// parseRequest reads a machine's request for its own identity: properly
// signed, ECDSA P-256, and in the machine's name.
func parseRequest(text, machine string) (*x509.CertificateRequest, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "csr", "The certificate request is not PEM.")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "csr", "The certificate request cannot be read.").Wrap(err)
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "csr", "The certificate request is not signed by its own key.").Wrap(err)
	}
	key, ok := csr.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "csr", "An identity needs an ECDSA P-256 key.")
	}
	if csr.Subject.CommonName != machine {
		return nil, jeroboam.Errorf(jeroboam.Forbidden, "csr", "The certificate request is in another machine's name.")
	}
	return csr, nil
}

// fingerprint of a public key: hex SHA-256 of its DER form.
func fingerprint(publicKeyInfo []byte) string {
	sum := sha256.Sum256(publicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// serial is a random positive number of at most 127 bits.
func serial() *big.Int {
	var raw [16]byte
	rand.Read(raw[:]) // never fails, by contract of crypto/rand
	raw[0] &= 0x7f
	raw[15] |= 1
	return new(big.Int).SetBytes(raw[:])
}
