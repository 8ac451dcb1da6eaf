package preflight

import (
	"context"
	"slices"

	blockzones "github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/availabilityzones"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumetypes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/availabilityzones"

	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/together"
)

func (c Cloud) zones(ctx context.Context, want Demand) []string {
	if !slices.ContainsFunc(want.Machines, func(m Machine) bool { return m.Zone != "" }) {
		return nil
	}
	return remember(ctx, &c.Memory.zones, func(ctx context.Context) ([]string, error) {
		pages, err := availabilityzones.List(c.Nova).AllPages(ctx)
		if err != nil {
			return nil, err
		}
		all, err := availabilityzones.ExtractAvailabilityZones(pages)
		out := []string{}
		for _, z := range all {
			if z.ZoneState.Available {
				out = append(out, z.ZoneName)
			}
		}
		return out, err
	})
}

func (c Cloud) volumeZones(ctx context.Context, want Demand) []string {
	if c.Cinder == nil || !slices.ContainsFunc(disks(want), func(d Disk) bool { return d.Zone != "" }) {
		return nil
	}
	return remember(ctx, &c.Memory.volumeZones, func(ctx context.Context) ([]string, error) {
		pages, err := blockzones.List(c.Cinder).AllPages(ctx)
		if err != nil {
			return nil, err
		}
		all, err := blockzones.ExtractAvailabilityZones(pages)
		out := []string{}
		for _, z := range all {
			if z.ZoneState.Available {
				out = append(out, z.ZoneName)
			}
		}
		return out, err
	})
}

func (c Cloud) volumeTypes(ctx context.Context, want Demand) []string {
	if c.Cinder == nil || !slices.ContainsFunc(disks(want), func(d Disk) bool { return d.Type != "" }) {
		return nil
	}
	return remember(ctx, &c.Memory.volumeTypes, func(ctx context.Context) ([]string, error) {
		pages, err := volumetypes.List(c.Cinder, volumetypes.ListOpts{}).AllPages(ctx)
		if err != nil {
			return nil, err
		}
		all, err := volumetypes.ExtractVolumeTypes(pages)
		out := []string{}
		for _, t := range all {
			out = append(out, t.Name, t.ID)
		}
		return out, err
	})
}

func remember(ctx context.Context, memo *together.Memo[[]string], ask func(context.Context) ([]string, error)) []string {
	names, err := memo.Get(ctx, "", remembered, ask)
	if err != nil {
		return nil
	}
	return names
}
