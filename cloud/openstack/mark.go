package openstack

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// The mark of a cluster is on every object from the call that makes it: in
// Neutron the description, because tags there need a second call; in Nova a tag
// and metadata; in Cinder metadata; a server group has nothing but its name.
const (
	keyCluster = "jeroboam-cluster"      // cluster ID
	keyName    = "jeroboam-cluster-name" // for people
	keyMachine = "jeroboam-machine"      // MachineSpec.ID
	keyRole    = "jeroboam-role"
	keyAddress = "jeroboam-address"
	markPrefix = keyCluster + "="
	markAll    = "jeroboam"  // tag on every server of any cluster
	ourNames   = "jeroboam-" // begins names
)

func mark(scope cloud.Scope) string { return markPrefix + scope.Cluster }

// serverTags are found by Nova's own filter; a tag has at most 60 characters.
func serverTags(scope cloud.Scope) []string { return []string{markAll, mark(scope)} }

// metadata is what a server or volume of a machine bears. Nova takes values of
// up to 255 characters; the longest, a cluster's name, has 242.
func metadata(scope cloud.Scope, spec cloud.MachineSpec, more map[string]string) map[string]string {
	m := map[string]string{keyCluster: scope.Cluster, keyName: scope.Name, keyMachine: spec.ID, keyRole: spec.Role}
	maps.Copy(m, more)
	return m
}

// A port is named for the machine that it was made for, and for which of those
// that ever had that name: "demo-worker-0/<machine ID>".
func portName(spec cloud.MachineSpec) string { return spec.Name + "/" + spec.ID }

func portOwner(name string) (machine, id string) {
	machine, id, _ = strings.Cut(name, "/")
	return machine, id
}

// groupName is all that a server group has to be found by. group is the ID of a
// node group.
func groupName(scope cloud.Scope, group string) string { return namePrefix(scope) + group }

// namePrefix begins the names of what has nothing else to be found by.
func namePrefix(scope cloud.Scope) string { return ourNames + scope.Cluster + "-" }

// credentialName is what Keystone calls a cluster's credential: its names are
// unique among all that a user has, and have at most 255 characters.
func credentialName(scope cloud.Scope, name string) string {
	return namePrefix(scope) + strings.TrimPrefix(name, scope.Name+"-")
}

// keypairName is of a key pair that was made for one cluster.
func keypairName(scope cloud.Scope) string { return ourNames + scope.Cluster }

// first chooses which of several like objects is kept: two were made when the
// answer to the first call was lost. The choice is the same whoever makes it.
func first[T any](all []T, id func(T) string) (kept T, extra []T) {
	if len(all) == 0 {
		return kept, nil
	}
	sorted := slices.SortedFunc(slices.Values(all), func(a, b T) int { return cmp.Compare(id(a), id(b)) })
	return sorted[0], sorted[1:]
}
