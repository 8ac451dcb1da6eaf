package authorities_test

import (
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/authorities"
	"github.com/jeroboam-cloud/jeroboam/pki"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed/keyfile"
)

// house has the authorities of one cluster, at a time that the test sets.
type house struct {
	*testing.T
	authorities.Authorities
	now  time.Time
	main jeroboam.Authority
}

var cluster = jeroboam.Cluster{ID: "c1", Project: "p1", Name: "one"}

func open(t *testing.T) *house {
	db := memory.New()
	t.Cleanup(func() { _ = db.Close() })
	secrets, err := sealed.Open(t.Context(), sealed.Options{Store: db, Roots: []sealed.Root{keyfile.New(t.TempDir() + "/keys")}})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{T: t, now: time.Now()}
	h.Vault, h.Now = secrets, func() time.Time { return h.now }
	if h.main, err = h.Make(t.Context(), cluster, jeroboam.AuthorityMain); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) administrator() string {
	h.Helper()
	got, err := h.Administrator(h.Context(), h.main, "system:masters")
	if err != nil {
		h.Fatal(err)
	}
	cert, err := pki.ParseCertificate(got.Cert)
	if err != nil {
		h.Fatal(err)
	}
	if o := cert.Subject.Organization; len(o) != 1 || o[0] != "system:masters" || got.Key == "" {
		h.Errorf("the administrator is %v", cert.Subject)
	}
	if h.now.After(cert.NotAfter) {
		h.Errorf("at %v the certificate has ended: %v", h.now, cert.NotAfter)
	}
	return got.Cert
}

func TestTheAdministratorsCertificateIsMadeAgainBeforeItEnds(t *testing.T) {
	h := open(t)
	first := h.administrator()
	h.now = h.now.Add(11 * time.Hour)
	if h.administrator() != first {
		t.Error("it is made again before half its life")
	}
	h.now = h.now.Add(2 * time.Hour)
	second := h.administrator()
	if second == first {
		t.Error("it is not made again after half its life")
	}
	h.Forget("c1")
	if h.administrator() == second {
		t.Error("a cluster that was forgotten is remembered")
	}
}

func TestAnAuthorityIsRotatedWithItsKeys(t *testing.T) {
	h := open(t)
	first, former := h.administrator(), h.main
	next, err := h.Next(t.Context(), cluster, h.main)
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.Next(t.Context(), cluster, h.main) // by a step that runs twice
	if err != nil {
		t.Fatal(err)
	}
	h.main.PEM, h.main.Former, h.main.Generation = next, h.main.PEM, 1
	if h.administrator() == first {
		t.Error("the former authority still speaks for the service")
	}
	issuer, err := h.Issuer(t.Context(), h.main)
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := pki.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	text, err := issuer.Issue(pki.Request{PublicKey: key.Public(), CommonName: "node", Client: true, Life: time.Hour}, h.now)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := pki.ParseCertificate(text)
	if err != nil {
		t.Fatal(err)
	}
	for name, generation := range map[string]string{"the next": next, "the same, made again": again} {
		authority, err := pki.ParseCertificate(generation)
		if err != nil {
			t.Fatal(err)
		}
		if err := signed.CheckSignatureFrom(authority); err != nil || authority.Subject.CommonName != "one" {
			t.Errorf("%s, %s: %v", name, authority.Subject, err)
		}
	}
	if err := h.Retire(t.Context(), h.main); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Issuer(t.Context(), former); jeroboam.KindOf(err) != jeroboam.NotFound {
		t.Errorf("the key of the generation before: %v", err)
	}
	if _, err := h.Issuer(t.Context(), h.main); err != nil {
		t.Errorf("the key in force: %v", err)
	}
}
