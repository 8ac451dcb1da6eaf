package local

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// EnsureAddress implements cloud.Addresses: an address that no machine gets. On
// the cluster's bridge every machine may take it.
func (l *Local) EnsureAddress(_ context.Context, scope cloud.Scope, spec cloud.AddressSpec) (cloud.Address, error) {
	if err := checkNames(scope.Cluster, spec.Name); err != nil {
		return cloud.Address{}, err
	}
	record, _, err := l.recordAddress(addressKind.at(spec.Address), scope, spec.Name)
	if err != nil {
		return cloud.Address{}, err
	}
	return cloud.Address{CloudID: spec.Name, Address: record.Address.String()}, nil
}

// FindAddress implements cloud.Addresses.
func (l *Local) FindAddress(_ context.Context, scope cloud.Scope, name string) (cloud.Address, error) {
	record, err := l.findAddress(addressKind, scope, name)
	if err != nil {
		return cloud.Address{}, err
	}
	return cloud.Address{CloudID: name, Address: record.Address.String()}, nil
}

func (l *Local) deleteAddress(cluster, name string) error {
	defer l.locks.lock(cluster)()
	return removeRecorded(l.dirOf(addressKind, cluster, name), addressKind.file())
}
