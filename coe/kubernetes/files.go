package kubernetes

import (
	"encoding/json"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// object is a JSON object; its keys are written in order, so the same object
// is the same text. Every Kubernetes component reads JSON where it reads YAML.
type object map[string]any

// Where things are on a machine.
const (
	configDir = "/etc/kubernetes"
	pkiDir    = "/etc/kubernetes/pki"

	caFile           = pkiDir + "/ca.crt"
	etcdCAFile       = pkiDir + "/etcd-ca.crt"
	frontProxyCAFile = pkiDir + "/front-proxy-ca.crt"
)

const (
	modePublic  = 0o644
	modePrivate = 0o600
)

// jsonFile is a file that anyone on the machine may read.
func jsonFile(path string, content object) node.File {
	return node.File{Path: path, Mode: modePublic, Content: jsonText(content)}
}

// secretFile is a file for root alone.
func secretFile(path string, content jeroboam.Secret) node.File {
	return node.File{Path: path, Mode: modePrivate, Content: content}
}

func publicFile(path, content string) node.File {
	return node.File{Path: path, Mode: modePublic, Content: jeroboam.Secret(content)}
}

func jsonText(content object) jeroboam.Secret {
	text, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		panic(err) // an object is plain data
	}
	return jeroboam.Secret(text) + "\n"
}

// kubeconfig lets the holder of a certificate call the API server. It names the
// files, which clients read anew when they change, so a renewed certificate
// needs no restart.
func kubeconfig(path, server string, c node.Certificate) node.File {
	return jsonFile(path, object{
		"apiVersion":      "v1",
		"kind":            "Config",
		"current-context": "default",
		"clusters":        []object{{"name": "default", "cluster": object{"server": server, "certificate-authority": caFile}}},
		"users":           []object{{"name": "default", "user": object{"client-certificate": c.CertPath, "client-key": c.KeyPath}}},
		"contexts":        []object{{"name": "default", "context": object{"cluster": "default", "user": "default"}}},
	})
}
