package pki_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"slices"
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
)

func pemOf(kind string, der []byte) jeroboam.Secret {
	return jeroboam.Secret(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkcs8(t testing.TB, key any) jeroboam.Secret {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("PRIVATE KEY", der)
}

func csrOf(t testing.TB, template x509.CertificateRequest, key crypto.Signer) string {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("CERTIFICATE REQUEST", der).Reveal()
}

var admin = pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}, OrganizationalUnit: []string{"terraform"}}

// The requests of every known client: magnumclient's RSA with SHA-256,
// Terraform's RSA with SHA-512, and the elliptic ones of younger tools.
func TestSignCSROfEveryClient(t *testing.T) {
	issuer, ca := newIssuer(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, _ := newKey(t)
	for name, csr := range map[string]string{
		"RSA, SHA-256": csrOf(t, x509.CertificateRequest{Subject: admin, SignatureAlgorithm: x509.SHA256WithRSA}, rsaKey),
		"RSA, SHA-512": csrOf(t, x509.CertificateRequest{Subject: admin, SignatureAlgorithm: x509.SHA512WithRSA}, rsaKey),
		"EC":           csrOf(t, x509.CertificateRequest{Subject: admin}, ecKey),
	} {
		text, err := issuer.SignCSR(csr, now, 5*year)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if strings.HasSuffix(text, "\n") {
			t.Errorf("%s: the answer ends with a newline", name)
		}
		cert := parse(t, text)
		if got := cert.Subject.String(); got != "CN=admin,OU=terraform,O=system:masters" {
			t.Errorf("%s: subject %s", name, got)
		}
		if err := verify(t, cert, ca, now, x509.ExtKeyUsageClientAuth); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSignCSRKeepsTheSubjectToTheByte(t *testing.T) {
	issuer, _ := newIssuer(t)
	key, _ := newKey(t)
	raw, err := asn1.Marshal(pkix.Name{CommonName: "ädmin", ExtraNames: []pkix.AttributeTypeAndValue{
		{Type: asn1.ObjectIdentifier{1, 2, 3, 4}, Value: "x"},
	}}.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	text, err := issuer.SignCSR(csrOf(t, x509.CertificateRequest{RawSubject: raw}, key), now, year)
	if err != nil {
		t.Fatal(err)
	}
	if got := parse(t, text).RawSubject; !slices.Equal(got, raw) {
		t.Errorf("subject %x, want %x", got, raw)
	}
}

func value(t testing.TB, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

type constraints struct {
	IsCA bool `asn1:"optional"`
}

func bits(numbers ...int) asn1.BitString {
	b := asn1.BitString{Bytes: make([]byte, 2)}
	for _, n := range numbers {
		b.Bytes[n/8] |= 0x80 >> (n % 8)
		b.BitLength = max(b.BitLength, n+1)
	}
	b.Bytes = b.Bytes[:(b.BitLength+7)/8]
	return b
}

var (
	keyUsage    = asn1.ObjectIdentifier{2, 5, 29, 15}
	constrained = asn1.ObjectIdentifier{2, 5, 29, 19}
	unheardOf   = asn1.ObjectIdentifier{1, 2, 3, 4, 5}
)

func TestSignCSRPolicy(t *testing.T) {
	issuer, _ := newIssuer(t)
	key, _ := newKey(t)
	for name, c := range map[string]struct {
		extension pkix.Extension
		refused   string
	}{
		"a critical authority":           {pkix.Extension{Id: constrained, Critical: true, Value: value(t, constraints{IsCA: true})}, "Extension '<Extension(oid=<ObjectIdentifier(oid=2.5.29.19, name=basicConstraints)>, critical=True)>' not allowed"},
		"an authority, not critical":     {pkix.Extension{Id: constrained, Value: value(t, constraints{IsCA: true})}, ""},
		"a critical keyCertSign":         {pkix.Extension{Id: keyUsage, Critical: true, Value: value(t, bits(0, 5))}, "Extension '<Extension(oid=<ObjectIdentifier(oid=2.5.29.15, name=keyUsage)>, critical=True)>' not allowed"},
		"keyCertSign, not critical":      {pkix.Extension{Id: keyUsage, Value: value(t, bits(0, 5))}, ""},
		"only keyCertSign, not critical": {pkix.Extension{Id: keyUsage, Value: value(t, bits(5))}, ""},
		"digitalSignature, critical":     {pkix.Extension{Id: keyUsage, Critical: true, Value: value(t, bits(0, 2))}, ""},
		"unheard of":                     {pkix.Extension{Id: unheardOf, Value: []byte{5, 0}}, ""},
		"unheard of and critical":        {pkix.Extension{Id: unheardOf, Critical: true, Value: []byte{5, 0}}, "Extension '<Extension(oid=<ObjectIdentifier(oid=1.2.3.4.5, name=Unknown OID)>, critical=True)>' not allowed"},
	} {
		csr := csrOf(t, x509.CertificateRequest{Subject: admin, ExtraExtensions: []pkix.Extension{c.extension}}, key)
		text, err := issuer.SignCSR(csr, now, year)
		if c.refused != "" {
			if e, ok := jeroboam.AsError(err); !ok || e.Kind != jeroboam.Invalid || e.Detail != c.refused {
				t.Errorf("%s: %v, want %q", name, err, c.refused)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		cert := parse(t, text)
		if cert.IsCA || cert.KeyUsage&x509.KeyUsageCertSign != 0 || len(cert.UnhandledCriticalExtensions) > 0 {
			t.Errorf("%s: signed as %+v", name, cert)
		}
		if slices.ContainsFunc(cert.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(unheardOf) }) {
			t.Errorf("%s: it was kept", name)
		}
	}
}

func TestSignCSRKeepsNamesAndUsages(t *testing.T) {
	issuer, _ := newIssuer(t)
	key, _ := newKey(t)
	csr := csrOf(t, x509.CertificateRequest{Subject: admin, DNSNames: []string{"a.example"},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Value: value(t, []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 2}})}}}, key)
	text, err := issuer.SignCSR(csr, now, year)
	if err != nil {
		t.Fatal(err)
	}
	cert := parse(t, text)
	if !slices.Equal(cert.DNSNames, []string{"a.example"}) || !slices.Equal(cert.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}) {
		t.Errorf("names %v, usages %v", cert.DNSNames, cert.ExtKeyUsage)
	}
	if len(cert.SubjectKeyId) != 20 {
		t.Errorf("subject key id %x", cert.SubjectKeyId)
	}
}

func TestBadCSRsAreRefusedInMagnumsWords(t *testing.T) {
	issuer, _ := newIssuer(t)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("this Go makes no weak keys to try") // GODEBUG rsa1024min
	}
	for csr, want := range map[string]string{
		"zzz":              "Received invalid csr b'zzz'.",
		"it's\n\\\x00\xff": `Received invalid csr b"it's\n\\\x00\xff".`,
		"":                 "Received invalid csr b''.",
		csrOf(t, x509.CertificateRequest{Subject: admin}, weak): "The RSA key of the CSR has 1024 bits.",
		strings.Repeat("a", 1<<20):                              "The CSR has 1048576 bytes; the limit is 65536.",
	} {
		_, err := issuer.SignCSR(csr, now, year)
		if e, ok := jeroboam.AsError(err); !ok || e.Kind != jeroboam.Invalid || e.Detail != want {
			t.Errorf("%.40q: %v, want %q", csr, err, want)
		}
	}
}

func TestACSRSignedByAnotherKeyIsRefused(t *testing.T) {
	issuer, _ := newIssuer(t)
	key, _ := newKey(t)
	block, _ := pem.Decode([]byte(csrOf(t, x509.CertificateRequest{Subject: admin}, key)))
	block.Bytes[len(block.Bytes)-5] ^= 1
	if _, err := issuer.SignCSR(string(pem.EncodeToMemory(block)), now, year); jeroboam.KindOf(err) != jeroboam.Invalid {
		t.Errorf("a CSR with a broken signature: %v", err)
	}
}

// Whatever comes in, what goes out is a sound leaf or an Invalid.
func FuzzSignCSR(f *testing.F) {
	issuer, ca := newIssuer(f)
	key, _ := newKey(f)
	for _, extension := range []pkix.Extension{
		{Id: keyUsage, Value: []byte{3, 2, 5, 160}},
		{Id: constrained, Critical: true, Value: []byte{48, 0}},
	} {
		block, _ := pem.Decode([]byte(csrOf(f, x509.CertificateRequest{Subject: admin, ExtraExtensions: []pkix.Extension{extension}}, key)))
		f.Add(block.Bytes)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		text, err := issuer.SignCSR(pemOf("CERTIFICATE REQUEST", der).Reveal(), now, year)
		if err != nil {
			if jeroboam.KindOf(err) != jeroboam.Invalid {
				t.Fatal(err)
			}
			return
		}
		cert := parse(t, text)
		if cert.IsCA || cert.KeyUsage&x509.KeyUsageCertSign != 0 {
			t.Fatalf("an authority was signed: %+v", cert)
		}
		if err := cert.CheckSignatureFrom(parse(t, ca)); err != nil {
			t.Fatal(err)
		}
	})
}
