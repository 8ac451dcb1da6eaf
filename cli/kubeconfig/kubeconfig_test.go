package kubeconfig

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
)

func TestTheRequestNamesTheUserAndProvesTheKey(t *testing.T) {
	key, csr, err := NewKey("ann", []string{"system:masters"})
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
	got, err := Access{Cluster: "demo", User: "admin", Server: "https://10.0.0.1:6443", CA: "ca", Certificate: "cert", Key: "key"}.YAML()
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
