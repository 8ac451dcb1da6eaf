package preflight

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
)

// Problems are all reasons why the demand cannot be met, each a jeroboam.Error.
func Problems(want Demand, f Facts) []error {
	all := slices.Clone(f.Against)
	for _, judge := range []func(Demand, Facts) []error{limits, volumeSizes, members, fits, inside, outside, zones, volumeTypes} {
		all = append(all, judge(want, f)...)
	}
	return all
}

func limits(want Demand, f Facts) (problems []error) {
	for _, n := range needs(want, f) {
		q, known := n.of[n.key]
		if n.more == 0 || !known || q.Limit < 0 || q.Used+n.more <= q.Limit {
			continue
		}
		problems = append(problems, jeroboam.Errorf(jeroboam.QuotaExceeded, "quota",
			"The project may have %d %s; it has %d and needs %d more.", q.Limit, n.words, q.Used, n.more).
			WithRemedy("%s", fault.Remedy(jeroboam.QuotaExceeded)))
	}
	return problems
}

// volumeSizes minds the limit of each single volume.
func volumeSizes(want Demand, f Facts) []error {
	largest := 0
	for _, d := range disks(want) {
		largest = max(largest, d.SizeGB)
	}
	q, known := f.Cinder["per_volume_gigabytes"]
	if !known || q.Limit < 0 || largest <= q.Limit {
		return nil
	}
	return []error{jeroboam.Errorf(jeroboam.QuotaExceeded, "volume-size", "A volume of the project may have %d GB; one of %d GB is needed.", q.Limit, largest).
		WithRemedy("Ask for smaller volumes, or the operator of the cloud for a larger quota.")}
}

// members minds the limit of each single server group, where machines must be
// in theirs.
func members(want Demand, f Facts) (problems []error) {
	q, known := f.Nova["server_group_members"]
	if !known || q.Limit < 0 {
		return nil
	}
	for _, g := range strictGroups(want) {
		if has := f.Members[g.id]; has+g.more > q.Limit {
			problems = append(problems, jeroboam.Errorf(jeroboam.QuotaExceeded, "server-group-members",
				"A server group may have %d members; that of a node group has %d and needs %d more.", q.Limit, has, g.more).
				WithRemedy("Ask for fewer nodes, leave the label server_group_policies out, or ask the operator of the cloud for a larger quota."))
		}
	}
	return problems
}

// fits minds the images, and whether the machines are large enough for them.
func fits(want Demand, f Facts) (problems []error) {
	seen := map[string]bool{}
	tell := func(key string, problem *jeroboam.Error) {
		if !seen[key] {
			seen[key] = true
			problems = append(problems, problem)
		}
	}
	for _, m := range want.Machines {
		i, known := f.Images[m.Image.ID]
		if !known {
			continue
		}
		if i.Status != "active" {
			tell(m.Image.ID, jeroboam.Errorf(jeroboam.Invalid, "image-status", "The image %s is %s.", i.Name, i.Status).WithRemedy("Choose one that is active."))
		}
		if ram := m.Flavor.MemoryMB; m.Flavor.ID != "" && ram < i.MinRAMMB {
			tell("ram "+m.Flavor.ID+m.Image.ID, jeroboam.Errorf(jeroboam.Invalid, "flavor-memory", "The flavor %s has %d MB of memory; the image %s needs %d.", m.Flavor.Name, ram, i.Name, i.MinRAMMB).
				WithRemedy("Choose a larger flavor."))
		}
		if what, has, remedy := root(m); has > 0 && has < i.disk() {
			tell("disk "+what+m.Image.ID, jeroboam.Errorf(jeroboam.Invalid, "flavor-disk", "The %s has %d GB; the image %s needs %d.", what, has, i.Name, i.disk()).
				WithRemedy("%s", remedy))
		}
	}
	return problems
}

// root is what a machine boots from. A flavor without a disk sets no limit.
func root(m Machine) (what string, sizeGB int, remedy string) {
	if m.Boot != nil {
		return "volume to boot from", m.Boot.SizeGB, "Set the label boot_volume_size to more."
	}
	return "disk of the flavor " + m.Flavor.Name, m.Flavor.DiskGB, "Choose a larger flavor, or boot from a volume with the label boot_volume_size."
}

// disk is the least disk that the image fits on, in GB.
func (i Image) disk() int {
	const gb = 1 << 30
	return max(i.MinDiskGB, int((i.Bytes+gb-1)/gb))
}

// inside minds the addresses of the network that machines stand on.
func inside(want Demand, f Facts) []error {
	needed := len(want.Machines) + one(want.Balancer) + one(want.Address)
	room, remedy := f.Inside, "Use another network or subnet, or fewer nodes."
	if own := want.Shared.CIDR; own != "" {
		room, remedy = roomOf(own), "Set the label fixed_subnet_cidr to a larger network."
	}
	return short(room, needed, remedy)
}

// roomOf is the room of a network that is not made yet: not its first and last
// address, and not the router's.
func roomOf(cidr string) *Room {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil || !prefix.Addr().Is4() {
		return nil // the labels' own rules say so
	}
	return &Room{Name: cidr, Free: 1<<(32-prefix.Bits()) - 3}
}

// outside minds floating addresses, and that of the router.
func outside(want Demand, f Facts) []error {
	needed := floating(want)
	if want.Shared.Router {
		needed++ // its own
	}
	return short(f.Outside, needed, "Ask for no floating addresses (floating_ip_enabled), release some, or use another external network.")
}

func short(room *Room, needed int, remedy string) []error {
	if room == nil || needed <= room.Free {
		return nil
	}
	return []error{jeroboam.Errorf(jeroboam.QuotaExceeded, "addresses", "The network %s has %d addresses left; %d are needed.", room.Name, max(room.Free, 0), needed).
		WithRemedy("%s", remedy)}
}

func zones(want Demand, f Facts) []error {
	var nova, cinder []string
	for _, m := range want.Machines {
		zone, _, _ := strings.Cut(m.Zone, ":") // an administrator may name a host after it
		nova = append(nova, zone)
	}
	for _, d := range disks(want) {
		cinder = append(cinder, d.Zone)
	}
	return append(unknown("zone", "Nova has no available zone %s.", nova, f.Zones),
		unknown("volume-zone", "Cinder has no available zone %s.", cinder, f.VolumeZones)...)
}

func volumeTypes(want Demand, f Facts) []error {
	var named []string
	for _, d := range disks(want) {
		named = append(named, d.Type)
	}
	return unknown("volume-type", "Cinder has no volume type %s.", named, f.VolumeTypes)
}

// unknown tells of what is wanted and not there, once each.
func unknown(reason, format string, wanted, have []string) (problems []error) {
	if have == nil {
		return nil
	}
	slices.Sort(wanted)
	for _, name := range slices.Compact(wanted) {
		if name != "" && !slices.Contains(have, name) {
			problems = append(problems, jeroboam.Errorf(jeroboam.Invalid, reason, format, name).
				WithRemedy("Choose one of %s.", cmp.Or(strings.Join(have, ", "), "none")))
		}
	}
	return problems
}
