package coetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// Cluster is the input of every machine's config of one made-up cluster, the
// same at every call. Machines come in the order of their making: the control
// plane, then the workers.
func Cluster(t coe.Traits, masters, workers int) []coe.Input {
	base := coe.Input{
		Cluster:     jeroboam.Cluster{ID: "5ad5bc4e-2ad9-4bb1-8d05-4ae2a1e1a001", Project: "p", Name: "demo", Spec: jeroboam.ClusterSpec{COE: t.Name}},
		Groups:      groups(masters, workers),
		Flavor:      jeroboam.Flavor{ID: "1", Name: "small", VCPUs: 1, MemoryMB: 2048, DiskGB: 10},
		APIHost:     apiHost(masters),
		Authorities: authorities(t),
		Bundle:      node.Bundle{Name: t.Name, Version: "v1", Digest: strings.Repeat("0f", 32)},
	}
	base.Machines = append(machines(base.Groups[0], masters, 10), machines(base.Groups[1], workers, 20)...)
	var inputs []coe.Input
	for _, m := range base.Machines {
		in := base
		in.Machine = m
		if m.IsMaster() {
			in.Secrets = Secrets(t)
		}
		inputs = append(inputs, in)
	}
	return inputs
}

// apiHost is the one control-plane machine, or a balancer before several.
func apiHost(masters int) string {
	if masters > 1 {
		return "10.0.0.9"
	}
	return "10.0.0.10"
}

func groups(masters, workers int) []jeroboam.NodeGroup {
	return []jeroboam.NodeGroup{
		{ID: "group-of-masters", Name: jeroboam.DefaultMaster, Role: jeroboam.RoleMaster, Spec: jeroboam.NodeGroupSpec{Count: masters}},
		{ID: "group-of-workers", Name: jeroboam.DefaultWorker, Role: jeroboam.RoleWorker, Spec: jeroboam.NodeGroupSpec{Count: workers}},
	}
}

func machines(g jeroboam.NodeGroup, count, from int) []jeroboam.Machine {
	var all []jeroboam.Machine
	for i := range count {
		all = append(all, jeroboam.Machine{
			ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", from+i), Group: g.ID, Role: g.Role, Index: i,
			Name:   fmt.Sprintf("demo-%s-%d", g.Role, i),
			Status: jeroboam.MachineStatus{Address: fmt.Sprintf("10.0.0.%d", from+i)},
		})
	}
	return all
}

func authorities(t coe.Traits) map[string]jeroboam.Authority {
	all := map[string]jeroboam.Authority{}
	for _, name := range t.Authorities {
		all[name] = jeroboam.Authority{Name: name, PEM: "-----BEGIN CERTIFICATE-----\n" + base64.StdEncoding.EncodeToString([]byte(name)) + "\n-----END CERTIFICATE-----\n"}
	}
	return all
}

// Secrets are made-up ones of the right kinds, all different.
func Secrets(t coe.Traits) map[string]jeroboam.Secret {
	all := map[string]jeroboam.Secret{}
	for i, spec := range t.Secrets {
		seed := strings.Repeat(string(rune('A'+i)), 32)
		if spec.Kind == coe.SigningKey {
			all[spec.Name] = signingKey([]byte(seed))
		} else {
			all[spec.Name] = jeroboam.Secret(base64.StdEncoding.EncodeToString([]byte(seed)))
		}
	}
	return all
}

// signingKey is a key known to everybody.
func signingKey(seed []byte) jeroboam.Secret {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return jeroboam.Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
