package openstack

import (
	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// unfit says what is asked of a machine of metal that it cannot have; nil if
// there is nothing. Nova makes such machines through Ironic.
func unfit(spec cloud.MachineSpec) error {
	if !spec.Bare || len(wantedVolumes(spec)) == 0 {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Invalid, "volume", "Bare-metal machines have no volumes.").
		WithRemedy("Leave out docker_volume_size and the labels boot_volume_size and etcd_volume_size.")
}

// pairs are the networks that Neutron shall let pass through a machine's port.
// Between machines of metal it does not stand, and may know no such thing.
func (m machine) pairs() []string {
	if m.spec.Bare {
		return nil
	}
	return m.spec.Routed
}
