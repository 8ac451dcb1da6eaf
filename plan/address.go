package plan

import "github.com/jeroboam-cloud/jeroboam"

// Address is what answers at the address of a cluster's API.
type Address string

// What may answer there: values of LabelAddress.
const (
	OnBalancer Address = "balancer"
	OnVirtual  Address = "virtual" // the control-plane node that has the address at the time
	OnNode     Address = "node"    // the only control-plane node
)

// LabelAddress is the label by which users choose.
var LabelAddress = jeroboam.Label{Name: "api_address", Type: jeroboam.LabelEnum, Since: "0.1",
	Values: []string{string(OnBalancer), string(OnVirtual), string(OnNode)},
	Meaning: "What the API's address is: a load balancer's, a virtual one that the control-plane nodes hand on to each other, or the only control-plane node's; " +
		"if not given, a balancer's with master_lb_enabled and the node's without.",
	Effect: "the address of the API"}

// AddressOf is what answers at the address of the cluster's API: what its label
// says, or else a balancer if one is asked for or there are several
// control-plane nodes.
func AddressOf(c jeroboam.Cluster, groups []jeroboam.NodeGroup) Address {
	if chosen := LabelAddress.In(c.Spec.Labels); chosen != "" {
		return Address(chosen)
	}
	masters := 0
	for _, g := range groups {
		if g.IsMaster() {
			masters += g.Spec.Count
		}
	}
	if c.Spec.MasterLBEnabled || masters > 1 {
		return OnBalancer
	}
	return OnNode
}
