package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// maxCSR is more than any sound request needs: names for hundreds of hosts.
const maxCSR = 64 << 10

// NewCSR makes a request (PEM) that proves possession of key.
func NewCSR(key crypto.Signer, commonName string, organization ...string) (string, error) {
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: commonName, Organization: organization}}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return "", fmt.Errorf("make CSR for %q: %w", commonName, err)
	}
	return encode(blockRequest, der), nil
}

// ParseCSR reads a PKCS#10 PEM and checks its own signature, which proves that
// the asker holds the key. What is wrong with it is jeroboam.Invalid, in
// Magnum's words.
func ParseCSR(csrPEM string) (*x509.CertificateRequest, error) {
	if len(csrPEM) > maxCSR {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "csr", "The CSR has %d bytes; the limit is %d.", len(csrPEM), maxCSR)
	}
	block, _ := pem.Decode([]byte(csrPEM))
	if block == nil || (block.Type != blockRequest && block.Type != blockOldRequest) {
		return nil, invalidCSR(csrPEM)
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, invalidCSR(csrPEM).Wrap(err)
	}
	if err := checkKey(csr.PublicKey); err != nil {
		return nil, err
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, invalidCSR(csrPEM).Wrap(err)
	}
	return csr, nil
}

// invalidCSR is Magnum's sentence, with the bytes as Python shows them.
func invalidCSR(text string) *jeroboam.Error {
	return jeroboam.Errorf(jeroboam.Invalid, "csr", "Received invalid csr %s.", pythonBytes(text))
}

// pythonBytes is repr(bytes) of Python 3.
func pythonBytes(text string) string {
	quote := byte('\'')
	if strings.Contains(text, "'") && !strings.Contains(text, `"`) {
		quote = '"'
	}
	var b strings.Builder
	b.WriteByte('b')
	b.WriteByte(quote)
	for _, c := range []byte(text) {
		b.WriteString(pythonByte(c, quote))
	}
	b.WriteByte(quote)
	return b.String()
}

func pythonByte(c, quote byte) string {
	switch {
	case c == quote || c == '\\':
		return `\` + string(c)
	case c == '\n':
		return `\n`
	case c == '\r':
		return `\r`
	case c == '\t':
		return `\t`
	case c < ' ' || c > '~':
		return fmt.Sprintf(`\x%02x`, c)
	}
	return string(c)
}

func (r Request) key() (crypto.PublicKey, error) {
	if r.CSR != "" {
		csr, err := ParseCSR(r.CSR)
		if err != nil {
			return nil, err
		}
		return csr.PublicKey, nil
	}
	if r.PublicKey == nil {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "csr", "The request for %q brings no key.", r.CommonName)
	}
	return r.PublicKey, checkKey(r.PublicKey)
}

func (r Request) template() (*x509.Certificate, error) {
	usages, err := r.usages()
	if err != nil {
		return nil, err
	}
	addresses, err := r.addresses()
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: r.CommonName, Organization: r.Organization},
		DNSNames:              r.DNSNames,
		IPAddresses:           addresses,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           usages,
		BasicConstraintsValid: true,
	}, nil
}

func (r Request) usages() ([]x509.ExtKeyUsage, error) {
	var usages []x509.ExtKeyUsage
	if r.Server {
		usages = append(usages, x509.ExtKeyUsageServerAuth)
	}
	if r.Client {
		usages = append(usages, x509.ExtKeyUsageClientAuth)
	}
	if usages == nil {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "certificate", "The certificate for %q is for neither servers nor clients.", r.CommonName)
	}
	return usages, nil
}

func (r Request) addresses() ([]net.IP, error) {
	var addresses []net.IP
	for _, text := range r.IPs {
		ip := net.ParseIP(text)
		if ip == nil {
			return nil, jeroboam.Errorf(jeroboam.Invalid, "certificate", "%q is not an IP address.", text)
		}
		addresses = append(addresses, ip)
	}
	return addresses, nil
}
