// Package mark says how what was made for a cluster is found again.
package mark

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// The words of marks. The mark of a cluster is on every object from the call that makes it: in
// Neutron the description, because tags there need a second call; in Nova a tag
// and metadata; in Cinder metadata; a server group has nothing but its name.
const (
	KeyCluster = "jeroboam-cluster"      // cluster ID
	KeyName    = "jeroboam-cluster-name" // for people
	KeyMachine = "jeroboam-machine"      // MachineSpec.ID
	KeyRole    = "jeroboam-role"
	KeyAddress = "jeroboam-address"
	KeyVolume  = "jeroboam-volume" // what a volume is for, if not to boot from; of a server, begins a key per volume
	Begins     = KeyCluster + "="
	All        = "jeroboam"  // tag on every server of any cluster
	Names      = "jeroboam-" // begins names
)

// Of is the mark of a cluster.
func Of(scope cloud.Scope) string { return Begins + scope.Cluster }

// ServerTags are found by Nova's own filter; a tag has at most 60 characters.
func ServerTags(scope cloud.Scope) []string { return []string{All, Of(scope)} }

// Metadata is what a server or volume of a machine bears. Nova takes values of
// up to 255 characters; the longest, a cluster's name, has 242.
func Metadata(scope cloud.Scope, spec cloud.MachineSpec, more map[string]string) map[string]string {
	m := map[string]string{KeyCluster: scope.Cluster, KeyName: scope.Name, KeyMachine: spec.ID, KeyRole: spec.Role}
	maps.Copy(m, more)
	return m
}

// Port is a port's name. It is named for the machine that it was made for, and for which of those
// that ever had that name: "demo-worker-0/<machine ID>".
func Port(spec cloud.MachineSpec) string { return spec.Name + "/" + spec.ID }

// Volume is a volume's name: the machine's, and behind a slash what it is for, if
// the machine does not boot from it: "demo-master-0/etcd".
func Volume(spec cloud.MachineSpec, purpose string) string {
	if purpose == "" {
		return spec.Name
	}
	return spec.Name + "/" + purpose
}

// VolumeOwner is the machine that a volume was made for.
func VolumeOwner(name string, metadata map[string]string) (machine, id string) {
	machine, _, _ = strings.Cut(name, "/")
	return machine, metadata[KeyMachine]
}

// PortOwner is the machine that a port was made for, by the port's name.
func PortOwner(name string) (machine, id string) {
	machine, id, _ = strings.Cut(name, "/")
	return machine, id
}

// Group is the name of a server group, which is all that it is found by. group is
// the ID of a node group.
func Group(scope cloud.Scope, group string) string { return Prefix(scope) + group }

// Prefix begins the names of what has nothing else to be found by.
func Prefix(scope cloud.Scope) string { return Names + scope.Cluster + "-" }

// Credential is what Keystone calls a cluster's credential: its names are
// unique among all that a user has, and have at most 255 characters.
func Credential(scope cloud.Scope, name string) string {
	return Prefix(scope) + strings.TrimPrefix(name, scope.Name+"-")
}

// Keypair is the name of a key pair that was made for one cluster.
func Keypair(scope cloud.Scope) string { return Names + scope.Cluster }

// First chooses which of several like objects is kept: two were made when the
// answer to the first call was lost. The choice is the same whoever makes it.
func First[T any](all []T, id func(T) string) (kept T, extra []T) {
	if len(all) == 0 {
		return kept, nil
	}
	sorted := slices.SortedFunc(slices.Values(all), func(a, b T) int { return cmp.Compare(id(a), id(b)) })
	return sorted[0], sorted[1:]
}
