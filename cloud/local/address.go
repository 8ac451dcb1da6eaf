package local

import (
	"context"
	"path/filepath"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// EnsureAddress implements cloud.Addresses: an address that no machine gets. On
// the cluster's bridge every machine may take it.
func (l *Local) EnsureAddress(_ context.Context, scope cloud.Scope, spec cloud.AddressSpec) (cloud.Address, error) {
	if err := checkNames(scope.Cluster, spec.Name); err != nil {
		return cloud.Address{}, err
	}
	defer l.locks.lock(scope.Cluster)()
	network, found, err := readRecord[networkRecord](l.networkFile(scope.Cluster))
	if err != nil {
		return cloud.Address{}, err
	}
	if !found {
		return cloud.Address{}, jeroboam.Errorf(jeroboam.Conflict, "network-missing", "The address's cluster has no network yet.")
	}
	path := filepath.Join(l.addressDir(scope.Cluster, spec.Name), addressFile)
	record, found, err := readRecord[addressRecord](path)
	if err == nil && !found {
		record = addressRecord{Scope: scope, Name: spec.Name}
		if record.Address, err = l.allocate(network, firstBalancer, lastBalancer); err == nil {
			err = writeRecord(path, record)
		}
	}
	if err != nil {
		return cloud.Address{}, err
	}
	return cloud.Address{CloudID: spec.Name, Address: record.Address.String()}, nil
}

func (l *Local) deleteAddress(cluster, name string) error {
	defer l.locks.lock(cluster)()
	return removeRecorded(l.addressDir(cluster, name), addressFile)
}
