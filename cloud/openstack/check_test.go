package openstack

import (
	"reflect"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/preflight"
)

func TestADemandIsReadWithItsLabels(t *testing.T) {
	labels := map[string]string{"availability_zone": "a,b", "boot_volume_size": "7", "boot_volume_type": "fast", "fixed_subnet_cidr": "10.9.0.0/24"}
	spec := func(role string, index int) cloud.MachineSpec {
		return cloud.MachineSpec{Role: role, Index: index, Group: role, Labels: labels, Public: cloud.Public{FloatingIP: true}}
	}
	master, worker, bare := spec(jeroboam.RoleMaster, 0), spec(jeroboam.RoleWorker, 1), spec(jeroboam.RoleMaster, 2)
	worker.Volumes = []cloud.Volume{{SizeGB: 3, Type: "slow"}}
	bare.Bare, bare.Labels = true, nil
	lonely := bare
	lonely.Group = ""
	boot := preflight.Disk{SizeGB: 7, Type: "fast"}
	want := preflight.Demand{
		Machines: []preflight.Machine{
			{MachineSpec: master, Zone: "a", Boot: &boot, Disks: []preflight.Disk{boot}, Strict: true},
			{MachineSpec: worker, Zone: "b", Boot: &boot, Disks: []preflight.Disk{boot, {SizeGB: 3, Type: "slow"}}},
			{MachineSpec: lonely},
		},
		Balancer: true, Entry: true,
		Shared: preflight.Shared{New: true, CIDR: "10.9.0.0/24", Router: true, Security: []int{4, 3}},
	}
	got := demandOf(cloud.Demand{Network: &cloud.NetworkSpec{APIPort: 6443, Labels: labels}, Balancer: true, Machines: []cloud.MachineSpec{master, worker, bare}})
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	got = demandOf(cloud.Demand{Network: &cloud.NetworkSpec{FixedNetwork: "lan"}})
	if want := (preflight.Demand{Shared: preflight.Shared{New: true, Security: []int{4}}}); !reflect.DeepEqual(got, want) {
		t.Errorf("an existing network: got %+v, want %+v", got, want)
	}
	for name, test := range map[string]struct {
		labels   map[string]string
		balanced bool
		want     []int // rules
	}{
		"named callers":                    {map[string]string{"master_lb_allowed_cidrs": "192.0.2.0/24, 198.51.100.0/24"}, false, []int{4, 4}},
		"named callers through a balancer": {map[string]string{"master_lb_allowed_cidrs": "192.0.2.0/24, 198.51.100.0/24"}, true, []int{4, 5}},
		"a tunnel":                         {map[string]string{"api_access": "tunnel"}, false, []int{4}},
		"a tunnel, machines at a balancer": {map[string]string{"api_access": "tunnel"}, true, []int{4, 3}},
	} {
		got := demandOf(cloud.Demand{Network: &cloud.NetworkSpec{APIPort: 6443, Labels: test.labels, Balanced: test.balanced}}).Shared.Security
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
	if got := demandOf(cloud.Demand{Machines: []cloud.MachineSpec{worker}}); got.Shared.New || len(got.Machines) != 1 {
		t.Errorf("more of a group: %+v", got)
	}
}
