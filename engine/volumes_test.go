package engine_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	cloudsim "github.com/jeroboam-cloud/jeroboam/cloud/sim"
)

// TestTheSerialNumbersOfVolumesAreWrittenDown: the machines' configs are made of
// them.
func TestTheSerialNumbersOfVolumesAreWrittenDown(t *testing.T) {
	h := open(t, cloudsim.Options{}, nil)
	machines := h.made("c1", 1, 1, func(s *jeroboam.ClusterSpec) {
		s.DockerVolumeSize, s.Labels = 5, map[string]string{"etcd_volume_size": "7"}
	})
	for name, want := range map[string][]string{"c1-master-0": {"containers", "etcd"}, "c1-worker-0": {"containers"}} {
		m := machines[name]
		if got := slices.Sorted(maps.Keys(m.Status.Volumes)); !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", name, m.Status.Volumes, want)
		}
		for volume, serial := range m.Status.Volumes {
			if serial != m.ID+"-"+volume { // as the simulated cloud names them
				t.Errorf("the volume %s of %s is %q", volume, name, serial)
			}
		}
	}
}
