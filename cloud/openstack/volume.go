package openstack

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/pace"
)

// volumeWait is how long a call waits for a new volume; after that it is asked
// about again. A large image takes minutes to copy.
const (
	volumeWait = 20 * time.Second
	volumeLook = 500 * time.Millisecond
)

// wantedVolume is a volume that a machine shall have.
type wantedVolume struct {
	purpose string // "boot"
	opts    volumes.CreateOpts
}

// wantedVolumes are those that the labels ask for.
func (m machine) wantedVolumes() []wantedVolume {
	size, _ := strconv.Atoi(labelBootSize.In(m.spec.Labels)) // checked with the cluster
	if size == 0 {
		return nil
	}
	zone := labelBootZone.In(m.spec.Labels)
	if zone == "" {
		zone = labelZone.In(m.spec.Labels)
	}
	return []wantedVolume{{"boot", volumes.CreateOpts{Size: size, ImageID: m.spec.Image.ID,
		VolumeType: labelBootType.In(m.spec.Labels), AvailabilityZone: zone}}}
}

// ensureVolumes makes or finds the machine's volumes and waits a while for
// them. They are made here and not by Nova, so that they bear the mark.
func (m machine) ensureVolumes(ctx context.Context) ([]servers.BlockDevice, error) {
	wanted := m.wantedVolumes()
	if len(wanted) == 0 {
		return nil, nil
	}
	if m.project.volume == nil {
		return nil, jeroboam.Errorf(jeroboam.Unsupported, "volume", "The cloud has no volumes.").WithRemedy("Leave the label boot_volume_size out.")
	}
	have, err := m.project.volumesOf(ctx, m.scope)
	if err != nil {
		return nil, err
	}
	var devices []servers.BlockDevice
	for _, w := range wanted {
		v, err := m.ensureVolume(ctx, w, have)
		if err != nil {
			return nil, err
		}
		devices = append(devices, servers.BlockDevice{SourceType: servers.SourceVolume, DestinationType: servers.DestinationVolume,
			UUID: v.ID, BootIndex: 0, DeleteOnTermination: true})
	}
	return devices, nil
}

func (m machine) ensureVolume(ctx context.Context, w wantedVolume, have []volumes.Volume) (volumes.Volume, error) {
	same := slices.DeleteFunc(slices.Clone(have), func(v volumes.Volume) bool {
		return v.Metadata[keyMachine] != m.spec.ID || v.Metadata[keyVolume] != w.purpose
	})
	kept, extra := first(same, func(v volumes.Volume) string { return v.ID })
	for _, v := range extra {
		if err := m.project.dropVolume(ctx, v); err != nil {
			return kept, err
		}
	}
	if kept.ID == "" {
		w.opts.Name, w.opts.Metadata = m.spec.Name, metadata(m.scope, m.spec, map[string]string{keyVolume: w.purpose})
		made, err := volumes.Create(ctx, m.project.volume, w.opts, nil).Extract()
		if err != nil {
			return kept, refuse("Cinder", "make the volume "+m.spec.Name, err)
		}
		kept = *made
	}
	return m.project.awaitVolume(ctx, kept)
}

// awaitVolume asks about a new volume until it can be used, for a while.
func (p *project) awaitVolume(ctx context.Context, v volumes.Volume) (volumes.Volume, error) {
	for until := time.Now().Add(volumeWait); ; {
		switch v.Status {
		case "available":
			return v, nil
		case "error", "error_deleting", "error_extending":
			if err := p.dropVolume(ctx, v); err != nil {
				return v, err
			}
			return v, jeroboam.Errorf(jeroboam.Unavailable, "volume-error", "The volume %s (%s) is in the state %q.", v.Name, v.ID, v.Status).
				WithRemedy("It is made anew by itself; the operator of the cloud finds its cause in Cinder's log.")
		}
		if time.Now().After(until) {
			return v, jeroboam.Errorf(jeroboam.Unavailable, "volume", "The volume %s is being made (%s).", v.Name, v.Status)
		}
		if err := pace.Pause(ctx, volumeLook); err != nil {
			return v, refuse("Cinder", "show the volume "+v.Name, err)
		}
		fresh, err := volumes.Get(ctx, p.volume, v.ID).Extract()
		if err != nil {
			return v, refuse("Cinder", "show the volume "+v.Name, err)
		}
		v = *fresh
	}
}

func (p *project) dropVolume(ctx context.Context, v volumes.Volume) error {
	if v.Status == "deleting" {
		return nil
	}
	err := volumes.Delete(ctx, p.volume, v.ID, volumes.DeleteOpts{}).ExtractErr()
	if err == nil || absent(err) {
		return nil
	}
	return refuse("Cinder", "delete the volume "+v.Name, err)
}
