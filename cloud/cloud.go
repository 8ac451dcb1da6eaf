// Package cloud is the contract of a place where machines come from. Every
// object is tagged with the cluster it is for and is found again by that tag,
// so each Ensure is find-by-tag, then create, and is safe to repeat after a
// crash at any moment.
package cloud

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam"
)

// Scope says for whom an object is made. Cluster is the tag.
type Scope struct {
	Cluster string // cluster ID
	Project string
	Name    string // the cluster's name, for people who look at the cloud
}

// Capabilities is what a cloud can do, as data.
type Capabilities struct {
	Balancers   bool // makes them, where what is behind it has the service for that: Check tells
	Addresses   bool // keeps virtual ones
	Volumes     bool
	FloatingIPs bool
	// StockImages says that machines boot an image that knows nothing of us:
	// their user-data brings the agent. Others find it there, and get
	// node.UserData as JSON.
	StockImages bool
	Credentials bool // gives each cluster a credential of its own
	Zones       []string
	Labels      []jeroboam.Label // that it obeys, each with its Effect
}

// NetworkSpec asks for the network of a cluster, and with it for whatever else
// its machines share.
type NetworkSpec struct {
	Name            string
	FixedNetwork    string // existing ones to use; "" makes new ones
	FixedSubnet     string
	ExternalNetwork string // way out of one that is made; "": the cloud's only one
	DNSNameserver   string
	APIPort         int               // of control-plane machines, open to who may call it; 0: none
	Balanced        bool              // a balancer will call that port
	Labels          map[string]string // the cluster's; the cloud reads its own
}

// Network is what EnsureNetwork made or found.
type Network struct {
	ID      string
	Subnet  string // ID, of a cloud whose networks have several
	CIDR    string // IPv4
	Gateway string
}

// MachineSpec asks for one machine.
type MachineSpec struct {
	ID       string // the machine's UUID, chosen by us; also its system UUID
	Name     string // host name
	Role     string
	Index    int    // within its node group
	Group    string // ID of its node group: machines of one are placed apart
	Network  Network
	Flavor   jeroboam.Flavor
	Image    jeroboam.Image
	Bare     bool     // of metal: no volumes, nothing that only a hypervisor does
	Volumes  []Volume // disks besides the one it boots from: VolumesOf; a cloud without volumes ignores them
	Routed   []string // networks and addresses besides Address that packets come from and go to, e.g. that of pods
	Public   Public
	Keypair  Keypair
	Labels   map[string]string      // the cluster's; the cloud reads its own
	UserData func() ([]byte, error) // called only when the machine is really made; see Capabilities.StockImages
}

// Public says how a machine is reached from outside.
type Public struct {
	FloatingIP      bool
	ExternalNetwork string // that the address is of; "": the cloud's only one
	Address         string // that it had before, and has again where it can be had; "": none
}

// Keypair is whom a machine lets in by SSH; the zero value is nobody.
type Keypair struct {
	Name string
	User string // ID of its owner
}

// Volume is a disk of its own that a machine has besides the one it boots from.
// It goes with the machine.
type Volume struct {
	Name   string // what it is for, e.g. jeroboam.VolumeEtcd; unique on the machine
	SizeGB int
	Type   string // "": the cloud's default
	Lasts  bool   // it stays when the machine is made anew because it failed or was lost
}

// Machine is what the cloud knows of a machine.
type Machine struct {
	ID      string // MachineSpec.ID
	CloudID string
	Name    string
	Address string // IPv4 inside the cluster's network; known as soon as EnsureMachine returns
	Public  string // floating address, if it has one; told by EnsureMachine alone
	State   MachineState
	Fault   *jeroboam.Cause // why State is error

	// Volumes are the serial numbers of its volumes, by their names. A disk may
	// show no more than the first 20 characters of one.
	Volumes map[string]string
}

// MachineState is the cloud's word on a machine.
type MachineState string

const (
	Building MachineState = "building"
	Active   MachineState = "active"
	Stopped  MachineState = "stopped" // exists, does not run; EnsureMachine starts it again
	Faulty   MachineState = "error"
)

// Lives reports whether a machine runs or is about to.
func (s MachineState) Lives() bool { return s == Active || s == Building }

// Object names one thing a cloud holds for a cluster.
type Object struct {
	Kind    string // jeroboam.KindNetwork, KindBalancer, KindAddress, KindMachine, KindCredential
	Name    string // machines: MachineSpec.Name
	ID      string // machines: MachineSpec.ID
	CloudID string
}

// Cloud makes machines. Its errors are jeroboam.Errors whose Detail carries the
// cloud's own words: QuotaExceeded and Invalid block until a person acts,
// Unavailable and Timeout are tried again.
type Cloud interface {
	Capabilities() Capabilities
	// Check tells, before anything is made, every reason why want cannot be;
	// several problems come joined (errors.Join).
	Check(ctx context.Context, scope Scope, want Demand) error
	EnsureNetwork(ctx context.Context, scope Scope, spec NetworkSpec) (Network, error)
	EnsureMachine(ctx context.Context, scope Scope, spec MachineSpec) (Machine, error)
	// Machines lists the cluster's machines, whatever their state.
	Machines(ctx context.Context, scope Scope) ([]Machine, error)
	// List finds by tag everything the cloud holds for the cluster.
	List(ctx context.Context, scope Scope) ([]Object, error)
	// Delete removes the object; absent is success. It returns when the object
	// is gone, or Unavailable with Reason "deleting" when that takes longer.
	Delete(ctx context.Context, scope Scope, object Object) error
}

// Demand is what a change needs of the cloud in addition to what is there.
type Demand struct {
	Network  *NetworkSpec  // nil: it is there
	Balancer bool          // one in front of the API
	Address  bool          // a virtual one for the API
	Machines []MachineSpec // what is known of them before they have names; a flavor or image that nobody knows is zero
}

// Balancers is implemented by a cloud whose Capabilities say so.
type Balancers interface {
	EnsureBalancer(ctx context.Context, scope Scope, spec BalancerSpec) (Balancer, error)
	// FindBalancer tells how the balancer is reached now, and changes nothing;
	// jeroboam.NotFound if there is none of that name.
	FindBalancer(ctx context.Context, scope Scope, name string) (Balancer, error)
}

// BalancerSpec asks for one address in front of several.
type BalancerSpec struct {
	Name     string
	Network  Network
	Port     int
	Backends []string // addresses of machines; a repeated Ensure updates them
	Public   Public
	Address  string            // that it had before, for a cloud that may have to make it anew; "": none
	Labels   map[string]string // the cluster's; the cloud reads its own
}

// Balancer is what EnsureBalancer made or found.
type Balancer struct {
	CloudID string
	Address string // known at the first Ensure, before any backend is
	Public  string // floating address that leads to Address, if it has one
}

// Addresses is implemented by a cloud whose Capabilities say so: it keeps an
// address free that no machine has for good. Machines whose MachineSpec.Routed
// names it may take it, and whoever has it says so by ARP.
type Addresses interface {
	// EnsureAddress makes the address or finds it by its scope and name. One that
	// it had before and that somebody else has by now is a Conflict.
	EnsureAddress(ctx context.Context, scope Scope, spec AddressSpec) (Address, error)
	// FindAddress tells of the address as it is now, and changes nothing;
	// jeroboam.NotFound if there is none of that name.
	FindAddress(ctx context.Context, scope Scope, name string) (Address, error)
}

// AddressSpec asks for one address of the machines' network.
type AddressSpec struct {
	Name    string
	Network Network
	Public  Public
	Address string // that it had before, and nothing but which will do; "": any
}

// Address is what EnsureAddress made or found.
type Address struct {
	CloudID string
	Address string // IPv4
	Public  string // floating address that leads to Address, if it has one
}

// Catalogue tells what machines may be made of. Names and IDs are both found;
// an unknown one is NotFound, saying which exist.
type Catalogue interface {
	FindFlavor(ctx context.Context, project, idOrName string) (jeroboam.Flavor, error)
	FindImage(ctx context.Context, project, idOrName string) (jeroboam.Image, error)
	FindKeypair(ctx context.Context, project, user, name string) error
	// FindNetwork finds an existing network; external tells which sort.
	FindNetwork(ctx context.Context, project, idOrName string, external bool) error
	FindSubnet(ctx context.Context, project, idOrName string) error
}

// Sweeper is implemented by a cloud that can list what it holds for any
// cluster of this service, for finding orphans.
type Sweeper interface {
	Clusters(ctx context.Context) ([]Scope, error)
}

// Watcher is implemented by a cloud that notices by itself when a machine
// stops.
type Watcher interface {
	// Watch sends the ID of a cluster of which a machine has stopped running,
	// until ctx ends; then it closes the channel. A cluster may be named once
	// more than needed.
	Watch(ctx context.Context) <-chan string
}
