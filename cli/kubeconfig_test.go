package cli

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheRequestNamesTheUserAndProvesTheKey(t *testing.T) {
	key, csr, err := newKey("ann", []string{"system:masters"})
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(csr))
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if err := request.CheckSignature(); err != nil {
		t.Error(err)
	}
	if got := request.Subject.String(); got != "CN=ann,O=system:masters" {
		t.Errorf("the subject is %s", got)
	}
	if strings.Contains(csr, "PRIVATE") || !strings.Contains(key.Reveal(), "PRIVATE KEY") {
		t.Error("key and request are mixed up")
	}
}

func TestAKubeconfigHoldsWhatKubectlNeeds(t *testing.T) {
	got, err := access{Cluster: "demo", User: "admin", Server: "https://10.0.0.1:6443", CA: "ca", Certificate: "cert", Key: "key"}.kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	want := `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: Y2E=
    server: https://10.0.0.1:6443
  name: demo
contexts:
- context:
    cluster: demo
    user: demo-admin
  name: demo
current-context: demo
kind: Config
users:
- name: demo-admin
  user:
    client-certificate-data: Y2VydA==
    client-key-data: a2V5
`
	if string(got) != want {
		t.Errorf("got\n%s", got)
	}
}

func TestAPrivateFileIsReplacedAtOnceAndIsNobodyElses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writePrivate(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != "new" {
		t.Errorf("%q, %v", text, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
