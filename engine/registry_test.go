package engine_test

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jeroboam-cloud/jeroboam"
	cloudsim "github.com/jeroboam-cloud/jeroboam/cloud/sim"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/engine"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/gateway"
	"github.com/jeroboam-cloud/jeroboam/pki"
	"github.com/jeroboam-cloud/jeroboam/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheServiceSignsWhatTheConfigAsksForAndNothingElse(t *testing.T) {
	h := open(t, cloudsim.Options{}, nil)
	m := h.made("c1", 1, 1)["c1-worker-0"]
	key, _, err := pki.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	csr, err := pki.NewCSR(key, "root", "administrators")
	if err != nil {
		t.Fatal(err)
	}
	text, err := h.engine.Sign(t.Context(), m.ID, node.SignRequest{Name: "node", CSR: csr})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pki.ParseCertificate(text)
	if err != nil {
		t.Fatal(err)
	}
	if cert.Subject.CommonName != m.Name || len(cert.Subject.Organization) != 0 || len(cert.DNSNames) != 0 ||
		len(cert.IPAddresses) != 1 || !cert.IPAddresses[0].Equal(net.ParseIP(m.Status.Address)) {
		t.Errorf("signed %v %v %v, want what the config asks for", cert.Subject, cert.DNSNames, cert.IPAddresses)
	}
	if life := time.Until(cert.NotAfter); life > 366*24*time.Hour {
		t.Errorf("the certificate is good for %v", life)
	}
	if !key.Public().(interface{ Equal(x crypto.PublicKey) bool }).Equal(cert.PublicKey) {
		t.Error("the certificate is for another key")
	}
	_, err = h.engine.Sign(t.Context(), m.ID, node.SignRequest{Name: "administrator", CSR: csr})
	h.want(err, jeroboam.Forbidden)
	_, err = h.engine.Sign(t.Context(), m.ID, node.SignRequest{CSR: csr})
	h.want(err, jeroboam.Forbidden)
	_, err = h.engine.Sign(t.Context(), m.ID, node.SignRequest{Name: "node", CSR: "nonsense"})
	h.want(err, jeroboam.Invalid)
	_, err = h.engine.Sign(t.Context(), "nobody", node.SignRequest{Name: "node", CSR: csr})
	h.want(err, jeroboam.NotFound)
}

// scaled is a COE whose machines ask for the certificate of their cluster's
// autoscaler, in another cluster's name.
type scaled struct{ coe.COE }

func (s scaled) Config(in coe.Input) (node.Config, error) {
	c, err := s.COE.Config(in)
	c.Certificates = append(c.Certificates, node.Certificate{Name: "autoscaler", Authority: jeroboam.AuthorityGateway, CommonName: "c2", Client: true})
	return c, err
}

func TestTheGatewaySignsAnAutoscalerForItsOwnClusterAlone(t *testing.T) {
	authority, err := gateway.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	h := open(t, cloudsim.Options{}, func(o *engine.Options) {
		o.Gateway.SignAutoscaler = authority.SignAutoscaler
		d := o.Drivers["k8s_sim"]
		d.COE = scaled{d.COE}
		o.Drivers["k8s_sim"] = d
	})
	m := h.made("c1", 1, 0)["c1-master-0"]
	key, _, err := pki.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	csr, err := pki.NewCSR(key, "c2", "administrators")
	if err != nil {
		t.Fatal(err)
	}
	text, err := h.engine.Sign(t.Context(), m.ID, node.SignRequest{Name: "autoscaler", CSR: csr})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pki.ParseCertificate(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := cert.CheckSignatureFrom(authority.Certificate); err != nil {
		t.Error(err)
	}
	of := gateway.AutoscalerOf(tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}, VerifiedChains: [][]*x509.Certificate{{cert, authority.Certificate}}})
	if of != "c1" {
		t.Errorf("it is taken for the autoscaler of %q: %v", of, cert.Subject)
	}
}

func TestSecretsGoToTheControlPlaneAlone(t *testing.T) {
	h := open(t, cloudsim.Options{}, nil)
	for name, m := range h.made("c1", 1, 1) {
		config, ready, err := h.engine.Config(t.Context(), m.ID)
		if err != nil || !ready {
			t.Fatalf("%s has no config: %v", name, err)
		}
		if config.Digest() != m.Status.AppliedConfig {
			t.Errorf("%s runs another config than it is given", name)
		}
		secret := slices.ContainsFunc(config.Files, func(f node.File) bool { return f.Path == "/etc/sim/secret" && f.Content != "" })
		if secret != m.IsMaster() {
			t.Errorf("%s is given the secret: %v", name, secret)
		}
	}
	_, _, err := h.engine.Config(t.Context(), "nobody")
	h.want(err, jeroboam.NotFound)
}

func TestNoSecretIsInTheJournal(t *testing.T) {
	h := open(t, cloudsim.Options{}, nil)
	h.made("c1", 1, 1)
	secret, err := h.engine.Vault.Get(t.Context(), "c1", "encryption")
	if err != nil {
		t.Fatal(err)
	}
	story, err := json.Marshal([]any{list[jeroboam.Event](h, "c1"), list[jeroboam.Step](h, "create-c1"),
		list[jeroboam.Machine](h, "c1"), list[jeroboam.Resource](h, "c1"), list[store.Token](h, "c1")})
	if err != nil {
		t.Fatal(err)
	}
	if len(story) < 1000 || strings.Contains(string(story), secret.Reveal()) {
		t.Error("the story holds the secret, or is none")
	}
}
