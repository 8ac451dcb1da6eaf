// Package coe is the contract of a container orchestration engine: what runs
// on the machines. An implementation is mostly pure: it turns nouns into
// machine configs. What not every engine can do is an optional interface.
package coe

import (
	"context"
	"net"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// Traits is what the house needs to know of an engine, as data.
type Traits struct {
	Name           string   // the wire's word, e.g. "kubernetes"
	NetworkDrivers []string // the first is the default
	VolumeDrivers  []string
	APIPort        int              // on every control-plane node and on the balancer
	Scheme         string           // of api_address: "https"
	Authorities    []string         // names of certificate authorities to make
	Secrets        []SecretSpec     // other secrets to make, once per cluster
	OddMasters     bool             // only odd sizes of the control plane are sound
	Labels         []jeroboam.Label // that it obeys, each read of the cluster and with its Effect
	PodNetwork     jeroboam.Label   // that holds the network whose packets machines forward; zero: none
	VirtualAddress bool             // the control-plane nodes hand on Input.VirtualAddress
	Administrators string           // organization of a client certificate that may do anything, e.g. "system:masters"
}

// SecretSpec names a secret and what it is.
type SecretSpec struct {
	Name string
	Kind SecretKind
}

// SecretKind is how a secret is made.
type SecretKind string

const (
	SigningKey SecretKind = "signing-key" // ECDSA P-256, PKCS#8 PEM
	Random32   SecretKind = "random-32"   // 32 random bytes, base64
)

// Input is everything a machine config is made of.
type Input struct {
	Cluster     jeroboam.Cluster
	Groups      []jeroboam.NodeGroup
	Machines    []jeroboam.Machine // of the whole cluster, this one included; addresses known
	Machine     jeroboam.Machine
	Flavor      jeroboam.Flavor // of this machine
	APIHost     string          // balancer, virtual address, or the one control-plane node
	APIInside   string          // by which nodes call it, "" if that is APIHost
	APIName     string          // by which users reach it through the service; "": they do not
	Authorities map[string]jeroboam.Authority
	Secrets     map[string]jeroboam.Secret // by SecretSpec.Name; empty for a worker
	Credential  map[string]jeroboam.Secret // cloud.Credential.Values; empty for a worker, and on a cloud that gives none
	Gateway     Gateway
	Bundle      node.Bundle
	// VirtualAddress is what the control-plane nodes hand on to each other, APIHost
	// or APIInside; "": they do not.
	VirtualAddress string
}

// Gateway is where the cluster's machines find the service.
type Gateway struct {
	URL string // see node.UserData.Gateway
	CA  string // PEM
}

// COE is an orchestration engine.
type COE interface {
	Traits() Traits
	// Check tells what is wrong with a template's or cluster's wishes:
	// jeroboam.Invalid, naming the field or label.
	Check(jeroboam.Template) error
	// Config makes the machine's config: pure, the same for the same input.
	Config(Input) (node.Config, error)
	// Health asks the live cluster. An API that does not answer is not an error.
	Health(ctx context.Context, access Access) (Health, error)
	// Drain moves the work off a node: nil when it is empty, Unavailable with
	// Reason "draining" while pods still leave, a jeroboam.Conflict with Reason
	// "disruption-budget" that names what is in the way.
	Drain(ctx context.Context, access Access, node string) error
	// Remove makes the cluster forget a node; absent is success.
	Remove(ctx context.Context, access Access, node string) error
}

// Upgrader is implemented by an engine whose clusters change their version in
// place, machine by machine.
type Upgrader interface {
	// Disrupts reports whether a worker must be drained before it goes from one
	// version to the other.
	Disrupts(from, to string) bool
	// Uncordon lets a node that was drained take work again; absent is success.
	Uncordon(ctx context.Context, access Access, node string) error
}

// Scaler is implemented by an engine whose clusters may carry a program that
// resizes them by the work they have.
type Scaler interface {
	// Bounds tells between which sizes that program may resize a group; false:
	// not at all.
	Bounds(jeroboam.Cluster, jeroboam.NodeGroup) (least, most int, ok bool)
	// ProviderID is what the machine's node calls the machine.
	ProviderID(jeroboam.Cluster, jeroboam.Machine) string
	// Blank is a new node of a group, before it carries anything.
	Blank(jeroboam.NodeGroup, jeroboam.Flavor) Blank
}

// Blank is a node as the engine sees it. Quantities are in the engine's words,
// e.g. "2" CPUs and "2048Mi" of memory.
type Blank struct {
	Labels      map[string]string
	Taints      []jeroboam.Taint
	Capacity    map[string]string
	Allocatable map[string]string
}

// Access is how to call a live cluster as its administrator.
type Access struct {
	Cluster  string // cluster ID
	Endpoint string // e.g. "https://10.0.0.2:6443"
	CA       string // PEM
	Cert     string // PEM
	Key      jeroboam.Secret
	Dial     func(ctx context.Context, network, address string) (net.Conn, error)
}

// Health is what a live cluster says of itself.
type Health struct {
	Reachable bool
	Message   string // why it is not
	Nodes     []Node
}

// Node is one node as the engine sees it.
type Node struct {
	Name    string
	Ready   bool
	Message string // why it is not
	Version string
}
