// Package kubernetes is the COE of that name: what a Kubernetes machine runs,
// and how a live cluster is asked, drained and told to forget a node.
//
// Every machine runs containerd, the kubelet and kube-proxy. A control-plane
// machine also runs etcd, the API server, the controller manager and the
// scheduler in one process. No private key but the cluster's own secrets is in
// a config: each machine makes its keys and has them signed.
//
// The pod network has no overlay and no daemon. Each machine owns a slice of
// the pod network that follows from its address, so that no machine's config
// speaks of another worker: see network.go.
package kubernetes

import (
	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
)

// Name is the wire's word for this COE.
const Name = "kubernetes"

// APIPort is where the API server listens.
const APIPort = 6443

// Secrets of a cluster that only its control plane has.
const (
	secretServiceAccount = "service-account" // signs service account tokens
	secretEncryption     = "encryption"      // encrypts Secrets in etcd
)

// COE implements coe.COE for Kubernetes.
type COE struct {
	clients *clients
}

// New returns the COE. It keeps connections to the clusters it is asked about.
func New() *COE { return &COE{clients: newClients()} }

// Traits says what a Kubernetes cluster needs of the house.
func (*COE) Traits() coe.Traits {
	return coe.Traits{
		Name:           Name,
		NetworkDrivers: []string{networkFlannel},
		VolumeDrivers:  nil,
		APIPort:        APIPort,
		Scheme:         "https",
		Authorities:    []string{jeroboam.AuthorityMain, jeroboam.AuthorityEtcd, jeroboam.AuthorityFrontProxy},
		Secrets: []coe.SecretSpec{
			{Name: secretServiceAccount, Kind: coe.SigningKey},
			{Name: secretEncryption, Kind: coe.Random32},
		},
		OddMasters:     true,
		VirtualAddress: true,
		Administrators: "system:masters",
		Labels:         ownLabels(),
		PodNetwork:     labelPods,
	}
}
