package preflight

import "slices"

// need is how much of something a demand takes, by the service's word for it and
// by ours.
type need struct {
	of    Quotas
	key   string
	words string
	more  int
}

// needs are all that a project's quotas may limit.
func needs(want Demand, f Facts) []need {
	cores, memory := 0, 0
	for _, m := range want.Machines {
		cores, memory = cores+m.Flavor.VCPUs, memory+m.Flavor.MemoryMB
	}
	all := []need{
		{f.Nova, "instances", "servers", len(want.Machines)},
		{f.Nova, "cores", "cores", cores},
		{f.Nova, "ram", "MB of memory", memory},
		{f.Nova, "server_groups", "server groups", newGroups(want, f)},
	}
	return slices.Concat(all, ofNetworks(want, f), ofVolumes(want, f), []need{{f.Octavia, "load_balancer", "load balancers", one(want.Balancer)}})
}

func ofNetworks(want Demand, f Facts) []need {
	own, router, rules := one(want.Shared.CIDR != ""), one(want.Shared.Router && !f.NoOutside), 0
	for _, n := range want.Shared.Security {
		rules += n
	}
	return []need{
		{f.Neutron, "network", "networks", own},
		{f.Neutron, "subnet", "subnets", own},
		{f.Neutron, "router", "routers", router},
		{f.Neutron, "port", "ports", len(want.Machines) + router + one(want.Balancer) + one(want.Address)}, // a router's port inside, and that of the API's address
		{f.Neutron, "security_group", "security groups", len(want.Shared.Security)},
		{f.Neutron, "security_group_rule", "security group rules", rules},
		{f.Neutron, "floatingip", "floating addresses", floating(want)},
	}
}

// ofVolumes minds the limits of each type that is named, too.
func ofVolumes(want Demand, f Facts) []need {
	all := []need{{f.Cinder, "volumes", "volumes", 0}, {f.Cinder, "gigabytes", "GB of volumes", 0}}
	of := map[string]int{"": 0} // where a type's two are in all
	for _, d := range disks(want) {
		if _, known := of[d.Type]; !known {
			of[d.Type] = len(all)
			all = append(all, need{f.Cinder, "volumes_" + d.Type, "volumes of the type " + d.Type, 0},
				need{f.Cinder, "gigabytes_" + d.Type, "GB of volumes of the type " + d.Type, 0})
		}
		for _, at := range slices.Compact([]int{0, of[d.Type]}) {
			all[at].more++
			all[at+1].more += d.SizeGB
		}
	}
	return all
}

// newGroups counts the server groups that must be made.
func newGroups(want Demand, f Facts) (n int) {
	if !want.Shared.New && f.Members == nil {
		return 0 // nobody knows
	}
	for _, g := range strictGroups(want) {
		if _, there := f.Members[g.id]; !there {
			n++
		}
	}
	return n
}

type group struct {
	id   string
	more int
}

// strictGroups are the node groups whose machines must be in a server group.
func strictGroups(want Demand) (all []group) {
	for _, m := range want.Machines {
		if !m.Strict {
			continue
		}
		at := slices.IndexFunc(all, func(g group) bool { return g.id == m.Group })
		if at < 0 {
			at, all = len(all), append(all, group{id: m.Group})
		}
		all[at].more++
	}
	return all
}

func floating(want Demand) int {
	n := one(want.Entry)
	for _, m := range want.Machines {
		n += one(m.Public.FloatingIP)
	}
	return n
}

func disks(want Demand) (all []Disk) {
	for _, m := range want.Machines {
		all = append(all, m.Disks...)
	}
	return all
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}
