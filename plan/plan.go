// Package plan decides what is still to be done to bring a cluster from what
// is to what is wanted. It is pure: no I/O, no clock, no randomness, so the
// same question always has the same answer, and "crash", "retry", "second
// change in mid-flight" and "show me first" are all the same call.
//
// It refuses to know any cloud, any orchestration engine and how a step is
// done; that is the engine's.
package plan

import "github.com/jeroboam-cloud/jeroboam"

// Desired is what somebody asked for.
type Desired struct {
	Cluster     jeroboam.Cluster
	Groups      []jeroboam.NodeGroup // in order of creation
	Authorities []string             // names of the certificate authorities the COE wants
	Credential  bool                 // the cloud gives the cluster a credential of its own
}

// Actual is what is known to be there.
type Actual struct {
	Authorities []jeroboam.Authority
	Machines    []jeroboam.Machine
	Ledger      []jeroboam.Resource
	// Lost holds the IDs of machines that were made and that the cloud says are
	// stopped or gone.
	Lost map[string]bool
	// FrontLost says that the balancer or virtual address of the ledger, which
	// the API is called at, is not there any more as the ledger tells.
	FrontLost bool
	// Digests holds, by machine ID, the digest of the node config the machine
	// should run. One whose config cannot be made yet has none.
	Digests map[string]string
	// Disrupted holds the IDs of machines whose nodes must be empty while they
	// take that config.
	Disrupted map[string]bool
}

// Action is what a step does.
type Action string

// The actions. Each is safe to repeat.
const (
	MakeAuthorities Action = "authority"  // certificate authorities and secrets
	MakeCredential  Action = "credential" // what the cluster's nodes call the cloud with
	MakeNetwork     Action = "network"
	MakeBalancer    Action = "balancer"  // the one address of the API; also makes a lost one again
	MakeAddress     Action = "address"   // in place of a balancer, one that control-plane nodes hand on; also a lost one again
	SetBackends     Action = "backends"  // which machines the balancer leads to
	MakeMachine     Action = "machine"   // also starts a stopped one and makes a lost one again
	AwaitJoin       Action = "join"      // its agent has called
	Update          Action = "update"    // a machine at work may take another config
	AwaitConfig     Action = "configure" // its agent has applied the config
	AwaitReady      Action = "ready"     // the COE says so
	Uncordon        Action = "uncordon"  // a drained node takes work again
	SetVersion      Action = "version"   // write down that all of a group run it
	Trust           Action = "trust"     // make authorities that are to follow others, trusted beside them
	Reissue         Action = "reissue"   // let them sign
	Retire          Action = "retire"    // forget those they follow
	Select          Action = "select"    // write down which machines of a group go
	Drain           Action = "drain"     // move the work off a node
	Remove          Action = "remove"    // make the COE forget a node
	DeleteObject    Action = "delete"    // from the cloud, then from the ledger
	Keep            Action = "keep"      // write down that an object outlives its cluster
	ForgetGroup     Action = "forget"    // the record of an emptied group
	Sweep           Action = "sweep"     // nothing is left under the tag; forget the cluster
)

// Step is one thing to do. It may start when no step that it Needs is left in
// the plan.
type Step struct {
	Name     string // unique in the plan, e.g. "ready demo-worker-0"
	Needs    []string
	Action   Action
	Machine  jeroboam.Machine  // of an action on a machine; without an ID when it is yet to be written down
	Object   jeroboam.Resource // what DeleteObject deletes and Keep keeps
	Group    string            // NodeGroup.ID of an action on a group
	Targets  []string          // machine IDs that Select marks; names of authorities
	Backends []string          // addresses that SetBackends sets
	Digest   string            // of the config that Update lets the machine have
	Cordon   bool              // Drain for a change: the node is to come back
	Version  string            // that SetVersion writes down
}

// Next returns the steps that lead from actual to desired, none when there is
// nothing to do. The order of the slice is the order to show them in.
func Next(desired Desired, actual Actual) []Step {
	if desired.Cluster.Spec.Deleted {
		return teardown(desired.Cluster, actual)
	}
	b := newBuilder(desired, actual)
	b.foundation()
	b.groups()
	b.backends()
	b.rotate()
	b.retireCredentials()
	return b.steps
}

// Ready returns the steps of a plan that may start now.
func Ready(steps []Step) []Step {
	left := make(map[string]bool, len(steps))
	for _, s := range steps {
		left[s.Name] = true
	}
	var ready []Step
	for _, s := range steps {
		if !anyOf(s.Needs, left) {
			ready = append(ready, s)
		}
	}
	return ready
}

func anyOf(names []string, set map[string]bool) bool {
	for _, n := range names {
		if set[n] {
			return true
		}
	}
	return false
}
