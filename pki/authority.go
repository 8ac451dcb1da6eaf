package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
)

const (
	// skew is how far back validity begins, for machines whose clock is late.
	skew = 24 * time.Hour
	// maxCommonName is X.520's upper bound; some verifiers keep it.
	maxCommonName = 64
)

// NewAuthority makes a key and SelfSigns it. It returns PEM.
func NewAuthority(commonName string, now time.Time, life time.Duration) (certPEM string, keyPEM jeroboam.Secret, err error) {
	_, keyPEM, err = NewKey()
	if err != nil {
		return "", "", err
	}
	certPEM, err = SelfSign(keyPEM, commonName, now, life)
	return certPEM, keyPEM, err
}

// SelfSign makes the certificate (PEM) of an authority that has a key (path
// length 0, key usage: certificates only, both critical), valid from a day
// before now until now+life.
func SelfSign(keyPEM jeroboam.Secret, commonName string, now time.Time, life time.Duration) (string, error) {
	key, err := ParseKey(keyPEM)
	if err != nil {
		return "", err
	}
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: truncate(commonName)},
		NotBefore:             now.Add(-skew).UTC(),
		NotAfter:              now.Add(life).UTC(),
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return "", fmt.Errorf("make authority %q: %w", commonName, err)
	}
	return encode(blockCertificate, der), nil
}

// Issuer is an authority that can sign. It is safe for use by many goroutines.
type Issuer struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// Load reads an authority and its key, and checks that they belong together.
func Load(certPEM string, keyPEM jeroboam.Secret) (*Issuer, error) {
	cert, err := ParseCertificate(certPEM)
	if err != nil {
		return nil, err
	}
	if !cert.IsCA {
		return nil, fmt.Errorf("%q is not an authority", cert.Subject.CommonName)
	}
	key, err := ParseKey(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("authority %q: %w", cert.Subject.CommonName, err)
	}
	public, ok := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(key.Public()) {
		return nil, fmt.Errorf("authority %q: the key is another one's", cert.Subject.CommonName)
	}
	return &Issuer{cert: cert, key: key}, nil
}

// Request asks for a certificate whose every field the house chose itself.
// Exactly one of PublicKey and CSR is given; of the CSR (PEM) only the key is
// used, after its signature proved that the asker holds it.
type Request struct {
	PublicKey    crypto.PublicKey
	CSR          string
	CommonName   string
	Organization []string
	DNSNames     []string
	IPs          []string
	Server       bool
	Client       bool
	Life         time.Duration
}

// Issue signs r, valid from a day before now until now+Life, but never longer
// than the authority itself. It returns PEM; a CSR that is no proof, an address
// that is none, and a request for no use at all are jeroboam.Invalid.
func (i *Issuer) Issue(r Request, now time.Time) (string, error) {
	public, err := r.key()
	if err != nil {
		return "", err
	}
	template, err := r.template()
	if err != nil {
		return "", err
	}
	return i.sign(template, public, now, r.Life)
}

// sign fills in serial and validity, and signs.
func (i *Issuer) sign(template *x509.Certificate, public crypto.PublicKey, now time.Time, life time.Duration) (string, error) {
	id, err := subjectKeyID(public)
	if err != nil {
		return "", err
	}
	template.SerialNumber = serial()
	template.SubjectKeyId = id
	template.NotBefore = later(now.Add(-skew), i.cert.NotBefore).UTC()
	template.NotAfter = earlier(now.Add(life), i.cert.NotAfter).UTC()
	der, err := x509.CreateCertificate(rand.Reader, template, i.cert, public, i.key)
	if err != nil {
		return "", fmt.Errorf("sign %q: %w", template.Subject.CommonName, err)
	}
	return encode(blockCertificate, der), nil
}

// serial is a random positive number of at most 127 bits, as Magnum's are.
func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return n.Add(n, big.NewInt(1))
}

func truncate(name string) string {
	runes := []rune(name)
	return string(runes[:min(len(runes), maxCommonName)])
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
