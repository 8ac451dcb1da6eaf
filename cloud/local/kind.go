package local

import (
	"net/netip"
	"path/filepath"
	"slices"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// kind is one of what a cluster has on its network. What runs of it has the
// control group NAME-OF below the cluster's.
type kind struct {
	name        string
	directory   string // of the records, below the cluster's
	first, last int    // of its addresses, counted from the subnet's start
	only        string // address that will do; "": any of these
}

// The kinds, in the order in which they can be deleted. The host has the address 1.
var (
	machineKind  = kind{jeroboam.KindMachine, "machines", 10, 254, ""}
	balancerKind = kind{jeroboam.KindBalancer, "balancers", 2, 9, ""}
	addressKind  = kind{jeroboam.KindAddress, "addresses", 2, 9, ""}
	kinds        = []kind{machineKind, balancerKind, addressKind}
)

// at is the kind of one that had an address before, and has it again.
func (k kind) at(address string) kind {
	k.only = address
	return k
}

func (k kind) file() string { return k.name + ".json" }

func (l *Local) dirOf(k kind, cluster, name string) string {
	return filepath.Join(l.clusterDir(cluster), k.directory, name)
}

func (l *Local) recordOf(k kind, cluster, name string) string {
	return filepath.Join(l.dirOf(k, cluster, name), k.file())
}

func (l *Local) groupOf(k kind, cluster, name string) string {
	return l.group(cluster, k.name+"-"+name)
}

// ensureRecord finds the record of a named one, or writes a fresh one with an
// address that nothing else has, before anything of it is made.
func ensureRecord[T any](l *Local, k kind, scope cloud.Scope, name string, fresh func(netip.Addr) T) (T, networkRecord, error) {
	defer l.locks.lock(scope.Cluster)()
	var none T
	network, found, err := readRecord[networkRecord](l.networkFile(scope.Cluster))
	if err != nil {
		return none, network, err
	}
	if !found {
		return none, network, jeroboam.Errorf(jeroboam.Conflict, "network-missing", "The %s's cluster has no network yet.", k.name)
	}
	path := l.recordOf(k, scope.Cluster, name)
	record, found, err := readRecord[T](path)
	if err != nil || found {
		return record, network, err
	}
	address, err := l.allocate(network, k)
	if err != nil {
		return none, network, err
	}
	record = fresh(address)
	return record, network, writeRecord(path, record)
}

// recordAddress records a balancer or a virtual address.
func (l *Local) recordAddress(k kind, scope cloud.Scope, name string) (addressRecord, networkRecord, error) {
	return ensureRecord(l, k, scope, name, func(address netip.Addr) addressRecord {
		return addressRecord{Scope: scope, Name: name, Address: address}
	})
}

// findAddress reads the record of a balancer or a virtual address.
func (l *Local) findAddress(k kind, scope cloud.Scope, name string) (addressRecord, error) {
	if err := checkNames(scope.Cluster, name); err != nil {
		return addressRecord{}, err
	}
	record, found, err := readRecord[addressRecord](l.recordOf(k, scope.Cluster, name))
	if err == nil && !found {
		err = jeroboam.Errorf(jeroboam.NotFound, k.name, "There is no %s %s.", k.name, name)
	}
	return record, err
}

// allocate picks the lowest address for the kind that no record has, or its only
// one.
func (l *Local) allocate(network networkRecord, of kind) (netip.Addr, error) {
	var taken []netip.Addr
	for _, k := range kinds {
		all, err := records[struct{ Address netip.Addr }](l, k, network.Scope.Cluster)
		if err != nil {
			return netip.Addr{}, err
		}
		for _, r := range all {
			taken = append(taken, r.Address)
		}
	}
	if of.only != "" {
		return reclaim(of.only, taken)
	}
	for n := of.first; n <= of.last; n++ {
		if address := nth(network.Subnet, n); !slices.Contains(taken, address) {
			return address, nil
		}
	}
	return netip.Addr{}, jeroboam.Errorf(jeroboam.QuotaExceeded, "addresses", "The network %s has no free address.", network.Subnet).
		WithRemedy("A cluster of the local cloud has at most %d machines; make another cluster.", machineKind.last-machineKind.first+1)
}

// reclaim is an address that was had before, unless another has it by now.
func reclaim(was string, taken []netip.Addr) (netip.Addr, error) {
	address, err := netip.ParseAddr(was)
	if err != nil || slices.Contains(taken, address) {
		return netip.Addr{}, jeroboam.Errorf(jeroboam.Conflict, "address-taken", "The address %s is another's by now.", was).
			WithRemedy("Delete what has it; then the cluster takes it back by itself.").Wrap(err)
	}
	return address, nil
}

// nth returns the address that lies n after the subnet's first, n < 256.
func nth(subnet netip.Prefix, n int) netip.Addr {
	bytes := subnet.Masked().Addr().As4()
	bytes[3] += byte(n)
	return netip.AddrFrom4(bytes)
}
