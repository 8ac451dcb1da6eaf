// Command pki writes what the bare cluster needs to trust itself: one CA, a
// certificate per component and node, the service-account key and a kubeconfig
// per client.
//
//	pki -dir DIR -server ADDRESS NODE=ADDRESS...
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"flag"
	"fmt"
	"log"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	dir := flag.String("dir", ".", "folder to write to")
	server := flag.String("server", "", "address of the API server")
	flag.Parse()
	if err := write(*dir, *server, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func write(dir, server string, nodes []string) error {
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	i := issuer{dir: dir, server: server, ca: ca}
	i.files("ca", ca.cert.Raw, ca.key)
	i.serving("apiserver", "kube-apiserver", server, "10.96.0.1", "127.0.0.1", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
	i.serving("etcd", "etcd", "127.0.0.1")
	i.client("kubelet-client", "kube-apiserver-kubelet-client", "system:masters")
	i.client("front-proxy", "front-proxy")
	i.kubeconfig("admin", "admin", "system:masters")
	i.kubeconfig("controller-manager", "system:kube-controller-manager")
	i.kubeconfig("scheduler", "system:kube-scheduler")
	i.kubeconfig("proxy", "system:kube-proxy")
	for _, node := range nodes {
		name, address, _ := strings.Cut(node, "=")
		i.serving("node-"+name, name, address, name)
		i.kubeconfig("kubelet-"+name, "system:node:"+name, "system:nodes")
	}
	i.serviceAccounts()
	return i.err
}

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority() (authority, error) {
	key, err := newKey()
	if err != nil {
		return authority{}, err
	}
	t := template("bare")
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return authority{}, err
	}
	cert, err := x509.ParseCertificate(der)
	return authority{cert, key}, err
}

// issuer writes files until the first error, which it keeps.
type issuer struct {
	dir, server string
	ca          authority
	err         error
}

func (i *issuer) serving(file, name string, hosts ...string) {
	t := template(name)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
			continue
		}
		t.DNSNames = append(t.DNSNames, h)
	}
	i.issue(file, t)
}

func (i *issuer) client(file, name string, groups ...string) {
	t := template(name, groups...)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	i.issue(file, t)
}

func (i *issuer) kubeconfig(file, name string, groups ...string) {
	i.client(file, name, groups...)
	i.put(file+".kubeconfig", fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters: [{name: bare, cluster: {server: "https://%s:6443", certificate-authority-data: %s}}]
users: [{name: me, user: {client-certificate-data: %s, client-key-data: %s}}]
contexts: [{name: bare, context: {cluster: bare, user: me}}]
current-context: bare
`, i.server, i.data("ca.crt"), i.data(file+".crt"), i.data(file+".key")))
}

func (i *issuer) data(file string) string {
	text, err := os.ReadFile(filepath.Join(i.dir, file))
	if err != nil {
		i.err = err
	}
	return base64.StdEncoding.EncodeToString(text)
}

func (i *issuer) issue(file string, t *x509.Certificate) {
	key, err := newKey()
	if err != nil {
		i.err = err
		return
	}
	der, err := x509.CreateCertificate(rand.Reader, t, i.ca.cert, key.Public(), i.ca.key)
	if err != nil {
		i.err = err
		return
	}
	i.files(file, der, key)
}

func (i *issuer) files(file string, der []byte, key *ecdsa.PrivateKey) {
	i.put(file+".crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		i.err = err
		return
	}
	i.put(file+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}))
}

func (i *issuer) serviceAccounts() {
	key, err := newKey()
	if err != nil {
		i.err = err
		return
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		i.err = err
		return
	}
	i.files("sa", nil, key)
	i.put("sa.pub", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
}

func (i *issuer) put(file string, text []byte) {
	if i.err == nil {
		i.err = os.WriteFile(filepath.Join(i.dir, file), text, 0o600)
	}
}

func newKey() (*ecdsa.PrivateKey, error) {
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

func template(name string, groups ...string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) // rand.Reader never fails
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name, Organization: groups},
		NotBefore:    time.Now().Add(-time.Minute),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}
