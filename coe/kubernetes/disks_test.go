package kubernetes_test

import (
	"slices"
	"testing"

	"github.com/jeroboam-cloud/jeroboam/coe/coetest"
	"github.com/jeroboam-cloud/jeroboam/coe/kubernetes"
	"github.com/jeroboam-cloud/jeroboam/node"
)

func TestVolumesAreMountedWhereTheirServicesWrite(t *testing.T) {
	cluster := coetest.Cluster(kubernetes.New().Traits(), 1, 2)
	master, worker := cluster[0], cluster[1]
	master.Machine.Status.Volumes = map[string]string{"etcd": "1", "containers": "2"}
	worker.Machine.Status.Volumes = map[string]string{"containers": "3", "another": "4"}
	if got, want := configOf(t, master).Disks, []node.Disk{{Serial: "1", Mount: "/var/lib/etcd"}, {Serial: "2", Mount: "/var/lib/containerd"}}; !slices.Equal(got, want) {
		t.Errorf("master: got %v, want %v", got, want)
	}
	if got, want := configOf(t, worker).Disks, []node.Disk{{Serial: "3", Mount: "/var/lib/containerd"}}; !slices.Equal(got, want) {
		t.Errorf("worker: got %v, want %v", got, want)
	}
}
