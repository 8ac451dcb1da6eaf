// Package preflight holds what a change takes of an OpenStack against what there
// is of it. Asking and judging are apart: Cloud.Ask collects figures, all at once
// and as far as they are shown; Problems says everything that speaks against the
// change. What could not be asked speaks against nothing, and neither does what
// is not sure: the services themselves will say so.
package preflight

import "github.com/jeroboam-cloud/jeroboam/cloud"

// Demand is a cloud.Demand with its labels understood.
type Demand struct {
	Machines []Machine
	Balancer bool
	Address  bool // a virtual one
	Entry    bool // a floating address that leads to the balancer or the virtual address
	Shared   Shared
}

// Machine is a machine with its place and its disks.
type Machine struct {
	cloud.MachineSpec
	Zone   string // "": Nova's choice
	Boot   *Disk  // nil: the flavor's own
	Disks  []Disk // all volumes, Boot too
	Strict bool   // must be in its server group
}

// Disk is a volume of Cinder.
type Disk struct {
	SizeGB int
	Type   string // "": the default one
	Zone   string // "": not asked for by the user
}

// Shared is what a new cluster's machines share; the zero value for a change of
// a cluster that has it all.
type Shared struct {
	New      bool
	CIDR     string // of the network that is made; "": an existing one is used
	Router   bool
	Security []int // rules of each security group, those that Neutron puts there too
}

// Facts is what the cloud said. What is nil, or missing from a map, is not known.
type Facts struct {
	Nova, Neutron, Cinder, Octavia Quotas

	NoOutside   bool             // there is no external network, and so will be no router
	Images      map[string]Image // by ID
	Inside      *Room            // where the machines get their addresses, of an existing network
	Outside     *Room            // where floating addresses come from
	Zones       []string
	VolumeZones []string
	VolumeTypes []string       // names and IDs
	Members     map[string]int // of existing server groups, by node group
	Against     []error        // what was wrong with the questions themselves
}

// Quotas are those of one service, by its own words for them.
type Quotas map[string]Quota

// Quota is a limit of the project; a negative one is none.
type Quota struct{ Used, Limit int }

// Image is what Glance says of an image.
type Image struct {
	Name      string
	Status    string
	MinDiskGB int
	MinRAMMB  int
	Bytes     int64 // on the disk, as far as that is known
}

// Room is where addresses come from.
type Room struct {
	Name string
	Free int // at most; never fewer
}
