package cloud_test

import (
	"reflect"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

func TestWhichVolumesAMachineHas(t *testing.T) {
	labels := map[string]string{"etcd_volume_size": "7", "etcd_volume_type": "fast", "docker_volume_type": "large"}
	etcd := cloud.Volume{Name: "etcd", SizeGB: 7, Type: "fast", Lasts: true}
	containers := cloud.Volume{Name: "containers", SizeGB: 5, Type: "large"}
	size := jeroboam.NodeGroupSpec{DockerVolumeSize: 5}
	for name, c := range map[string]struct {
		labels map[string]string
		group  jeroboam.NodeGroup
		want   []cloud.Volume
	}{
		"none, if nothing is said":             {nil, jeroboam.NodeGroup{Role: jeroboam.RoleMaster}, nil},
		"etcd's on a master":                   {labels, jeroboam.NodeGroup{Role: jeroboam.RoleMaster}, []cloud.Volume{etcd}},
		"none for etcd on a worker":            {labels, jeroboam.NodeGroup{Role: jeroboam.RoleWorker}, nil},
		"both on a master":                     {labels, jeroboam.NodeGroup{Role: jeroboam.RoleMaster, Spec: size}, []cloud.Volume{etcd, containers}},
		"for containers in a group of its own": {labels, jeroboam.NodeGroup{Role: "gpu", Spec: size}, []cloud.Volume{containers}},
		"of the cloud's type":                  {nil, jeroboam.NodeGroup{Spec: size}, []cloud.Volume{{Name: "containers", SizeGB: 5}}},
		"none of no size":                      {map[string]string{"etcd_volume_size": "0"}, jeroboam.NodeGroup{Role: jeroboam.RoleMaster}, nil},
		"none of a size that is no number":     {map[string]string{"etcd_volume_size": "x"}, jeroboam.NodeGroup{Role: jeroboam.RoleMaster}, nil},
	} {
		if got := cloud.VolumesOf(c.labels, c.group); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}
