package preflight

import (
	"context"
	"encoding/binary"
	"net/netip"
	"strconv"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/networkipavailabilities"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"

	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// inside is the room in the existing network that machines stand on.
func (c Cloud) inside(ctx context.Context) (*Room, error) {
	if c.Inside == nil {
		return nil, nil
	}
	n, err := c.Inside(ctx)
	if err != nil {
		return nil, err
	}
	return c.in(ctx, n), nil
}

// in is the room in the subnet of a network. Who may not be told counts the
// ports that he sees: others' may be more.
func (c Cloud) in(ctx context.Context, n cloud.Network) *Room {
	if told := c.told(ctx, n.ID); told != nil {
		for _, s := range told.SubnetIPAvailabilities {
			if s.SubnetID == n.Subnet {
				return roomIn(told.NetworkName, s)
			}
		}
	}
	s, err := subnets.Get(ctx, c.Neutron, n.Subnet).Extract()
	if err != nil {
		return nil
	}
	pages, err := ports.List(c.Neutron, ports.ListOpts{NetworkID: n.ID}).AllPages(ctx)
	if err != nil {
		return nil
	}
	all, err := ports.ExtractPorts(pages)
	if err != nil {
		return nil
	}
	return &Room{Name: s.Name, Free: free(*s, all)}
}

// outside is the room in all subnets of the external network, as an
// administrator is told it, or that there is no such network.
func (c Cloud) outside(ctx context.Context, want Demand) (room *Room, none bool, err error) {
	if !want.Shared.Router && floating(want) == 0 {
		return nil, false, nil
	}
	network, err := c.Outside(ctx)
	if err != nil || network == "" {
		return nil, err == nil, err
	}
	told := c.told(ctx, network)
	if told == nil {
		return nil, false, nil
	}
	all := Room{Name: told.NetworkName}
	for _, s := range told.SubnetIPAvailabilities {
		if s.IPVersion != 4 {
			continue
		}
		room := roomIn("", s)
		if room == nil {
			return nil, false, nil
		}
		all.Free += room.Free
	}
	return &all, false, nil
}

func (c Cloud) told(ctx context.Context, network string) *networkipavailabilities.NetworkIPAvailability {
	if c.Operator == nil {
		return nil
	}
	told, err := c.Memory.rooms.Get(ctx, network, moment, func(ctx context.Context) (*networkipavailabilities.NetworkIPAvailability, error) {
		return networkipavailabilities.Get(ctx, c.Operator, network).Extract()
	})
	if err != nil {
		return nil
	}
	return told
}

// roomIn counts one address more than Neutron: its used ones include the
// router's, which is none of those that it may give out.
func roomIn(network string, s networkipavailabilities.SubnetIPAvailability) *Room {
	total, err := strconv.Atoi(s.TotalIPs)
	used, usedErr := strconv.Atoi(s.UsedIPs)
	if err != nil || usedErr != nil {
		return nil
	}
	return &Room{Name: network, Free: min(total, total-used+1)}
}

// free counts the addresses of a subnet that Neutron may give out and that no
// port has.
func free(s subnets.Subnet, all []ports.Port) (n int) {
	for _, pool := range s.AllocationPools {
		first, ok := number(pool.Start)
		last, also := number(pool.End)
		if !ok || !also || last < first {
			continue
		}
		n += int(last-first) + 1
		for _, p := range all {
			for _, ip := range p.FixedIPs {
				if at, ok := number(ip.IPAddress); ok && ip.SubnetID == s.ID && at >= first && at <= last {
					n--
				}
			}
		}
	}
	return n
}

func number(address string) (uint32, bool) {
	a, err := netip.ParseAddr(address)
	if err != nil || !a.Is4() {
		return 0, false
	}
	bytes := a.As4()
	return binary.BigEndian.Uint32(bytes[:]), true
}
