package openstack

import (
	"testing"

	"github.com/jeroboam-cloud/jeroboam/cloud"
)

func TestMachinesAreSpreadOverZonesInTurn(t *testing.T) {
	for label, want := range map[string]string{"": "", "a": "a", "a, b": "b", "a,b,c": "b"} {
		if got := zoneOf(cloud.MachineSpec{Index: 1, Labels: map[string]string{"availability_zone": label}}); got != want {
			t.Errorf("the second machine of %q is in %q, want %q", label, got, want)
		}
	}
}
