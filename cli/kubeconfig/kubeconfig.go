// Package kubeconfig makes the file that kubectl reads, and the key in it, which
// leaves the process in that file alone.
package kubeconfig

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"

	"sigs.k8s.io/yaml"

	"github.com/jeroboam-cloud/jeroboam"
)

// NewKey makes a client key and a CSR for it. The key stays in this process
// and in the file it is written to; the service sees the CSR alone.
func NewKey(user string, groups []string) (key jeroboam.Secret, csr string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", fmt.Errorf("encode the key: %w", err)
	}
	subject := pkix.Name{CommonName: user, Organization: groups}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject}, private)
	if err != nil {
		return "", "", fmt.Errorf("make a certificate request: %w", err)
	}
	return jeroboam.Secret(encodePEM("PRIVATE KEY", der)), encodePEM("CERTIFICATE REQUEST", request), nil
}

func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// file is the part of a kubeconfig that one user of one cluster needs.
// https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
type file struct {
	APIVersion     string         `json:"apiVersion"`
	Kind           string         `json:"kind"`
	CurrentContext string         `json:"current-context"`
	Clusters       []namedCluster `json:"clusters"`
	Users          []namedUser    `json:"users"`
	Contexts       []namedContext `json:"contexts"`
}

type namedCluster struct {
	Name    string `json:"name"`
	Cluster struct {
		Server string `json:"server"`
		Name   string `json:"tls-server-name,omitempty"`
		CA     []byte `json:"certificate-authority-data"`
	} `json:"cluster"`
}

type namedUser struct {
	Name string `json:"name"`
	User struct {
		Certificate []byte `json:"client-certificate-data"`
		Key         []byte `json:"client-key-data"`
	} `json:"user"`
}

type namedContext struct {
	Name    string `json:"name"`
	Context struct {
		Cluster string `json:"cluster"`
		User    string `json:"user"`
	} `json:"context"`
}

// Access is what a kubeconfig is made of; certificates are PEM.
type Access struct {
	Cluster, User, Server, CA, Certificate string
	Name                                   string // that the server has; "": the one in its address
	Key                                    jeroboam.Secret
}

// YAML is the file.
func (a Access) YAML() ([]byte, error) {
	cluster := namedCluster{Name: a.Cluster}
	cluster.Cluster.Server, cluster.Cluster.Name, cluster.Cluster.CA = a.Server, a.Name, []byte(a.CA)
	user := namedUser{Name: a.Cluster + "-" + a.User}
	user.User.Certificate, user.User.Key = []byte(a.Certificate), []byte(a.Key.Reveal())
	context := namedContext{Name: a.Cluster}
	context.Context.Cluster, context.Context.User = cluster.Name, user.Name
	return yaml.Marshal(file{
		APIVersion: "v1", Kind: "Config", CurrentContext: context.Name,
		Clusters: []namedCluster{cluster}, Users: []namedUser{user}, Contexts: []namedContext{context},
	})
}
