package pki_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/pki"
)

var now = time.Date(2026, 11, 21, 7, 25, 0, 0, time.UTC)

const year = 365 * 24 * time.Hour

func newIssuer(t testing.TB) (*pki.Issuer, string) {
	t.Helper()
	cert, key, err := pki.NewAuthority("demo", now, 5*year)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := pki.Load(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return issuer, cert
}

func newKey(t testing.TB) (crypto.Signer, jeroboam.Secret) {
	t.Helper()
	key, text, err := pki.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key, text
}

func parse(t testing.TB, certPEM string) *x509.Certificate {
	t.Helper()
	cert, err := pki.ParseCertificate(certPEM)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func verify(t testing.TB, cert *x509.Certificate, ca string, at time.Time, usage x509.ExtKeyUsage) error {
	t.Helper()
	pool, err := pki.Pool(ca)
	if err != nil {
		t.Fatal(err)
	}
	_, err = cert.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{usage}})
	return err
}

func TestAuthority(t *testing.T) {
	_, text := newIssuer(t)
	ca := parse(t, text)
	if !ca.IsCA || !ca.MaxPathLenZero || ca.KeyUsage != x509.KeyUsageCertSign || ca.Subject.CommonName != "demo" {
		t.Errorf("not an authority as it should be: %+v", ca)
	}
	if want := now.Add(-24 * time.Hour); !ca.NotBefore.Equal(want) {
		t.Errorf("valid from %v, want %v", ca.NotBefore, want)
	}
	if want := now.Add(5 * year); !ca.NotAfter.Equal(want) {
		t.Errorf("valid until %v, want %v", ca.NotAfter, want)
	}
}

func TestAuthorityNameIsCutToWhatVerifiersTake(t *testing.T) {
	text, _, err := pki.NewAuthority(strings.Repeat("ü", 242), now, year)
	if err != nil {
		t.Fatal(err)
	}
	if got := parse(t, text).Subject.CommonName; got != strings.Repeat("ü", 64) {
		t.Errorf("common name %q", got)
	}
}

func TestLoadRefusesAnotherKey(t *testing.T) {
	cert, _, err := pki.NewAuthority("a", now, year)
	if err != nil {
		t.Fatal(err)
	}
	_, key := newKey(t)
	if _, err := pki.Load(cert, key); err == nil {
		t.Error("an authority with a stranger's key was loaded")
	}
}

func TestLoadRefusesALeaf(t *testing.T) {
	issuer, _ := newIssuer(t)
	key, text := newKey(t)
	leaf, err := issuer.Issue(pki.Request{PublicKey: key.Public(), CommonName: "leaf", Client: true, Life: year}, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pki.Load(leaf, text); err == nil {
		t.Error("a leaf was loaded as an authority")
	}
}

// Every leaf verifies against its own authority, for the usages it was asked
// for and no other, as long as it lives, and never against another authority.
func TestEveryLeafIsWhatWasAskedFor(t *testing.T) {
	issuer, ca := newIssuer(t)
	_, stranger := newIssuer(t)
	key, _ := newKey(t)
	rapid.Check(t, func(t *rapid.T) {
		r := pki.Request{
			PublicKey:    key.Public(),
			CommonName:   rapid.StringMatching(`[a-z:-]{1,40}`).Draw(t, "name"),
			Organization: rapid.SliceOfN(rapid.StringMatching(`system:[a-z]{1,9}`), 0, 2).Draw(t, "organization"),
			DNSNames:     rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,9}(\.[a-z]{1,9}){0,3}`), 0, 4).Draw(t, "names"),
			IPs:          rapid.SliceOfN(rapid.SampledFrom([]string{"10.0.0.1", "127.0.0.1", "fd00::1"}), 0, 3).Draw(t, "ips"),
			Server:       rapid.Bool().Draw(t, "server"),
			Life:         time.Duration(rapid.Int64Range(int64(time.Minute), int64(9*year)).Draw(t, "life")),
		}
		r.Client = !r.Server || rapid.Bool().Draw(t, "client")
		text, err := issuer.Issue(r, now)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := pki.ParseCertificate(text)
		if err != nil {
			t.Fatal(err)
		}
		checkLeaf(t, cert, r, ca, stranger)
	})
}

func checkLeaf(t *rapid.T, cert *x509.Certificate, r pki.Request, ca, stranger string) {
	end := now.Add(min(r.Life, 5*year))
	check := func(usage x509.ExtKeyUsage, at time.Time, ca string, want bool) {
		pool, err := pki.Pool(ca)
		if err != nil {
			t.Fatal(err)
		}
		_, err = cert.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{usage}})
		if (err == nil) != want {
			t.Fatalf("usage %v at %v: %v, want valid %v", usage, at, err, want)
		}
	}
	check(x509.ExtKeyUsageServerAuth, now, ca, r.Server)
	check(x509.ExtKeyUsageClientAuth, now, ca, r.Client)
	check(x509.ExtKeyUsageAny, end.Add(-time.Second), ca, true)
	check(x509.ExtKeyUsageAny, end.Add(2*time.Second), ca, false)
	check(x509.ExtKeyUsageAny, now, stranger, false)
	if cert.IsCA || cert.Subject.CommonName != r.CommonName || len(cert.IPAddresses) != len(r.IPs) {
		t.Fatalf("%+v is not what was asked for", cert.Subject)
	}
	for _, name := range r.DNSNames {
		if err := cert.VerifyHostname(name); err != nil {
			t.Fatal(err)
		}
	}
}

func TestIssueFromCSRTakesTheKeyAlone(t *testing.T) {
	issuer, ca := newIssuer(t)
	key, _ := newKey(t)
	csr, err := pki.NewCSR(key, "root", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	text, err := issuer.Issue(pki.Request{CSR: csr, CommonName: "system:node:a", Organization: []string{"system:nodes"}, Client: true, Life: year}, now)
	if err != nil {
		t.Fatal(err)
	}
	cert := parse(t, text)
	if got := cert.Subject.String(); got != "CN=system:node:a,O=system:nodes" {
		t.Errorf("subject %s", got)
	}
	if err := verify(t, cert, ca, now, x509.ExtKeyUsageClientAuth); err != nil {
		t.Error(err)
	}
}

func TestIssueRefuses(t *testing.T) {
	issuer, _ := newIssuer(t)
	key, _ := newKey(t)
	for name, r := range map[string]pki.Request{
		"no key":             {CommonName: "a", Client: true},
		"no usage":           {CommonName: "a", PublicKey: key.Public()},
		"no address":         {CommonName: "a", PublicKey: key.Public(), Server: true, IPs: []string{"10.0.0"}},
		"a CSR that is none": {CommonName: "a", CSR: "zzz", Client: true},
	} {
		if _, err := issuer.Issue(r, now); jeroboam.KindOf(err) != jeroboam.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCertificateServesTLS(t *testing.T) {
	issuer, ca := newIssuer(t)
	key, secret := newKey(t)
	text, err := issuer.Issue(pki.Request{PublicKey: key.Public(), CommonName: "api", DNSNames: []string{"api"}, Server: true, Life: year}, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.X509KeyPair([]byte(text), []byte(secret.Reveal())); err != nil {
		t.Error(err)
	}
	if err := verify(t, parse(t, text), ca, now, x509.ExtKeyUsageServerAuth); err != nil {
		t.Error(err)
	}
}

func TestDueIsTwoThirdsOfALife(t *testing.T) {
	issuer, _ := newIssuer(t)
	key, _ := newKey(t)
	text, err := issuer.Issue(pki.Request{PublicKey: key.Public(), CommonName: "a", Client: true, Life: 3 * time.Hour}, now)
	if err != nil {
		t.Fatal(err)
	}
	certs := []*x509.Certificate{parse(t, text)}
	for at, want := range map[time.Duration]int{0: 0, 2*time.Hour - time.Second: 0, 2 * time.Hour: 1, 9 * time.Hour: 1} {
		if got := len(pki.Due(certs, now.Add(at))); got != want {
			t.Errorf("after %v %d are due, want %d", at, got, want)
		}
	}
}

func TestKeysInEveryForm(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]jeroboam.Secret{
		"PKCS#1":         pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)),
		"PKCS#8 RSA":     pkcs8(t, rsaKey),
		"PKCS#8 Ed25519": pkcs8(t, edKey),
	} {
		if _, err := pki.ParseKey(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := pki.ParseKey("-----BEGIN NONSENSE-----\n-----END NONSENSE-----\n"); err == nil {
		t.Error("nonsense was read as a key")
	}
}
