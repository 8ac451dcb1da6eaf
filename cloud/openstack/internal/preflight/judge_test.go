package preflight

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// machines are so many of a small flavor, of one image.
func machines(n int, change ...func(*Machine)) (all []Machine) {
	for range n {
		m := Machine{MachineSpec: cloud.MachineSpec{Role: jeroboam.RoleWorker, Group: "g",
			Flavor: jeroboam.Flavor{ID: "f", Name: "small", VCPUs: 2, MemoryMB: 512, DiskGB: 10}, Image: jeroboam.Image{ID: "i"}}}
		for _, f := range change {
			f(&m)
		}
		all = append(all, m)
	}
	return all
}

func public(m *Machine) { m.Public.FloatingIP = true }
func strict(m *Machine) { m.Strict = true }
func in(zone string) func(*Machine) {
	return func(m *Machine) { m.Zone = zone }
}
func disk(d Disk) func(*Machine) {
	return func(m *Machine) { m.Disks = append(m.Disks, d) }
}
func boot(gb int) func(*Machine) {
	return func(m *Machine) { m.Boot = &Disk{SizeGB: gb}; m.Disks = append(m.Disks, *m.Boot) }
}

func TestProblems(t *testing.T) {
	own := Shared{New: true, CIDR: "10.0.0.0/24", Router: true, Security: []int{4, 3}}
	for name, test := range map[string]struct {
		want  Demand
		facts Facts
		told  []string // reason, and the beginning of the detail
	}{
		"what is not known objects to nothing": {Demand{Machines: machines(9, public, strict, in("z"), boot(1)), Balancer: true, Shared: own}, Facts{}, nil},
		"a balancer's floating address counts, too": {Demand{Machines: machines(1, public), Balancer: true, Entry: true}, Facts{Neutron: Quotas{"floatingip": {0, 1}}},
			[]string{"quota: The project may have 1 floating addresses; it has 0 and needs 2 more."}},
		"a limit that is just met, and none, are no problems": {Demand{Machines: machines(2)},
			Facts{Nova: Quotas{"instances": {1, 3}, "cores": {0, 4}, "ram": {9999, -1}}, Neutron: Quotas{"port": {0, 2}}}, nil},
		"Nova's": {Demand{Machines: machines(3, strict)}, Facts{Nova: Quotas{"instances": {1, 3}, "cores": {0, 5}, "ram": {0, 1535}, "server_group_members": {0, 4}}, Members: map[string]int{"g": 2}},
			[]string{"quota: The project may have 3 servers; it has 1 and needs 3 more.", "quota: The project may have 5 cores; it has 0 and needs 6 more.",
				"quota: The project may have 1535 MB of memory; it has 0 and needs 1536 more.", "server-group-members: A server group may have 4 members; that of a node group has 2 and needs 3 more."}},
		"server groups that must be made count, others do not": {Demand{Machines: append(machines(2, strict, func(m *Machine) { m.Group = "masters" }), machines(3)...), Shared: own},
			Facts{Nova: Quotas{"server_groups": {5, 5}}}, []string{"quota: The project may have 5 server groups; it has 5 and needs 1 more."}},
		"nor do those of a cluster that has them": {Demand{Machines: machines(2, strict)}, Facts{Nova: Quotas{"server_groups": {5, 5}}, Members: map[string]int{"g": 1}}, nil},
		"Neutron's": {Demand{Machines: machines(2, public), Balancer: true, Shared: own},
			Facts{Neutron: Quotas{"network": {1, 1}, "subnet": {1, 1}, "router": {1, 1}, "port": {0, 3}, "security_group": {1, 2}, "security_group_rule": {0, 6}, "floatingip": {0, 1}}},
			[]string{"quota: The project may have 1 networks; it has 1 and needs 1 more.", "quota: The project may have 1 subnets", "quota: The project may have 1 routers",
				"quota: The project may have 3 ports; it has 0 and needs 4 more.", "quota: The project may have 2 security groups; it has 1 and needs 2 more.",
				"quota: The project may have 6 security group rules; it has 0 and needs 7 more.", "quota: The project may have 1 floating addresses; it has 0 and needs 2 more."}},
		"a cloud without an outside needs no router": {Demand{Machines: machines(1), Shared: own}, Facts{NoOutside: true, Neutron: Quotas{"router": {0, 0}, "port": {0, 1}}}, nil},
		"Cinder's, in all and of a type, and of a single volume": {Demand{Machines: machines(2, boot(5), disk(Disk{SizeGB: 20, Type: "ssd"}))},
			Facts{Cinder: Quotas{"volumes": {0, 3}, "gigabytes": {1, 50}, "volumes_ssd": {0, 1}, "gigabytes_ssd": {0, 39}, "per_volume_gigabytes": {0, 19}}},
			[]string{"quota: The project may have 3 volumes; it has 0 and needs 4 more.", "quota: The project may have 50 GB of volumes; it has 1 and needs 50 more.",
				"quota: The project may have 1 volumes of the type ssd; it has 0 and needs 2 more.", "quota: The project may have 39 GB of volumes of the type ssd; it has 0 and needs 40 more.",
				"volume-size: A volume of the project may have 19 GB; one of 20 GB is needed."}},
		"Octavia's": {Demand{Balancer: true}, Facts{Octavia: Quotas{"load_balancer": {2, 2}}}, []string{"quota: The project may have 2 load balancers; it has 2 and needs 1 more."}},
		"an image that is not active, told once": {Demand{Machines: machines(2)}, Facts{Images: map[string]Image{"i": {Name: "linux", Status: "queued"}}},
			[]string{"image-status: The image linux is queued."}},
		"an image that is too large for the flavor": {Demand{Machines: machines(2)}, Facts{Images: map[string]Image{"i": {Name: "linux", Status: "active", MinDiskGB: 20, MinRAMMB: 1024}}},
			[]string{"flavor-memory: The flavor small has 512 MB of memory; the image linux needs 1024.", "flavor-disk: The disk of the flavor small has 10 GB; the image linux needs 20."}},
		"an image whose bytes are too many": {Demand{Machines: machines(1)}, Facts{Images: map[string]Image{"i": {Name: "linux", Status: "active", Bytes: 10<<30 + 1}}},
			[]string{"flavor-disk: The disk of the flavor small has 10 GB; the image linux needs 11."}},
		"a volume to boot from counts in place of the flavor's disk": {Demand{Machines: append(machines(1, boot(20)), machines(1, boot(19))...)},
			Facts{Images: map[string]Image{"i": {Name: "linux", Status: "active", MinDiskGB: 20}}}, []string{"flavor-disk: The volume to boot from has 19 GB; the image linux needs 20."}},
		"a flavor without a disk sets no limit, and one that nobody knows none at all": {Demand{Machines: append(machines(1, func(m *Machine) { m.Flavor.DiskGB = 0 }), machines(1, func(m *Machine) { m.Flavor = jeroboam.Flavor{} })...)},
			Facts{Images: map[string]Image{"i": {Status: "active", MinDiskGB: 20, MinRAMMB: 512}}}, nil},
		"a network that is nearly full": {Demand{Machines: machines(3), Balancer: true}, Facts{Inside: &Room{"lan", 3}}, []string{"addresses: The network lan has 3 addresses left; 4 are needed."}},
		"a network without room for a virtual address": {Demand{Machines: machines(3), Address: true}, Facts{Inside: &Room{"lan", 3}, Neutron: Quotas{"port": {7, 10}}},
			[]string{"quota: The project may have 10 ports; it has 7 and needs 4 more.", "addresses: The network lan has 3 addresses left; 4 are needed."}},
		"a network that would be too small": {Demand{Machines: machines(6), Shared: Shared{New: true, CIDR: "10.0.0.0/29", Router: true}}, Facts{},
			[]string{"addresses: The network 10.0.0.0/29 has 5 addresses left; 6 are needed."}},
		"an outside that is full": {Demand{Machines: machines(2, public), Shared: own}, Facts{Outside: &Room{"wan", 2}}, []string{"addresses: The network wan has 2 addresses left; 3 are needed."}},
		"zones and types that are not there, told once": {Demand{Machines: append(machines(2, in("mars"), disk(Disk{Type: "gold", Zone: "venus"})), machines(1, in("nova:host"))...)},
			Facts{Zones: []string{"nova"}, VolumeZones: []string{}, VolumeTypes: []string{"ssd"}},
			[]string{"zone: Nova has no available zone mars.", "volume-zone: Cinder has no available zone venus.", "volume-type: Cinder has no volume type gold."}},
		"what was wrong with a question comes first": {Demand{Machines: machines(1)}, Facts{Against: []error{jeroboam.Errorf(jeroboam.Invalid, "external-network", "Two.")}, Nova: Quotas{"instances": {0, 0}}},
			[]string{"external-network: Two.", "quota: The project may have 0 servers"}},
	} {
		var told []string
		for _, problem := range Problems(test.want, test.facts) {
			e, ok := jeroboam.AsError(problem)
			if !ok || e.Remedy == "" && e.Reason != "external-network" {
				t.Errorf("%s: no remedy for %v", name, problem)
				continue
			}
			told = append(told, e.Reason+": "+e.Detail)
		}
		if len(told) != len(test.told) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, strings.Join(told, "\n"), strings.Join(test.told, "\n"))
			continue
		}
		for i, begins := range test.told {
			if !strings.HasPrefix(told[i], begins) {
				t.Errorf("%s: got %q, want %q", name, told[i], begins)
			}
		}
	}
}

func TestFreeAddressesAreThoseOfThePoolsThatNoPortHas(t *testing.T) {
	s := subnets.Subnet{ID: "s", AllocationPools: []subnets.AllocationPool{{Start: "10.0.0.10", End: "10.0.0.13"}, {Start: "10.0.0.250", End: "10.0.1.1"}, {Start: "fd00::1", End: "fd00::9"}}}
	var all []ports.Port
	for i, address := range []string{"10.0.0.1", "10.0.0.10", "10.0.0.13", "10.0.1.0", "10.0.0.11"} {
		subnet := "s"
		if i == 4 {
			subnet = "another"
		}
		all = append(all, ports.Port{FixedIPs: []ports.IP{{SubnetID: subnet, IPAddress: address}}})
	}
	if got, want := fmt.Sprint(free(s, nil), free(s, all)), "12 9"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
