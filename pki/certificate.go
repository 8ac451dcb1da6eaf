package pki

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"time"
)

// ParseCertificate reads the first certificate of a PEM.
func ParseCertificate(certPEM string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(certPEM))
	if block == nil || block.Type != blockCertificate {
		return nil, fmt.Errorf("the certificate is not PEM")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse certificate: %w", err)
	}
	return cert, nil
}

// Pool is the set of authorities of a PEM, for verifying.
func Pool(certsPEM string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(certsPEM)) {
		return nil, fmt.Errorf("no certificate in the PEM")
	}
	return pool, nil
}

// Trim is a PEM as Magnum's wire carries it: no newline after the END line.
func Trim(pemText string) string { return strings.TrimRight(pemText, "\n") }

// RenewAt is when two thirds of a certificate's life are over. The day before
// its making, which every certificate of ours starts with, does not count.
func RenewAt(cert *x509.Certificate) time.Time {
	made := cert.NotBefore.Add(skew)
	if !made.Before(cert.NotAfter) {
		made = cert.NotBefore
	}
	return made.Add(cert.NotAfter.Sub(made) / 3 * 2)
}

// Due returns the certificates to renew by now, in the order given.
func Due(certs []*x509.Certificate, now time.Time) []*x509.Certificate {
	var due []*x509.Certificate
	for _, cert := range certs {
		if !now.Before(RenewAt(cert)) {
			due = append(due, cert)
		}
	}
	return due
}
