package openstack

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/mark"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/pace"
)

// volumeWait is how long a call waits for a new volume; after that it is asked
// about again. A large image takes minutes to copy.
const (
	volumeWait = 20 * time.Second
	volumeLook = 500 * time.Millisecond
)

// ensureBootVolume makes or finds the volume that the machine boots from, if the
// labels ask for one, and waits a while for it. It is made here and not by Nova,
// so that it bears the mark.
func (m machine) ensureBootVolume(ctx context.Context) (id string, err error) {
	size, _ := strconv.Atoi(labelBootSize.In(m.spec.Labels)) // checked with the cluster
	if size == 0 {
		return "", nil
	}
	if m.project.volume == nil {
		return "", jeroboam.Errorf(jeroboam.Unsupported, "volume", "The cloud has no volumes.").WithRemedy("Leave the label boot_volume_size out.")
	}
	have, err := m.project.volumesOf(ctx, m.scope)
	if err != nil {
		return "", err
	}
	mine := slices.DeleteFunc(have, func(v volumes.Volume) bool { return v.Metadata[mark.KeyMachine] != m.spec.ID })
	kept, extra := mark.First(mine, func(v volumes.Volume) string { return v.ID })
	for _, v := range extra {
		if err := m.project.dropVolume(ctx, v); err != nil {
			return "", err
		}
	}
	if kept.ID == "" {
		if kept, err = m.makeBootVolume(ctx, size); err != nil {
			return "", err
		}
	}
	return kept.ID, m.project.awaitVolume(ctx, kept)
}

func (m machine) makeBootVolume(ctx context.Context, size int) (volumes.Volume, error) {
	zone := labelBootZone.In(m.spec.Labels)
	if zone == "" {
		zone = zoneOf(m.spec)
	}
	made, err := volumes.Create(ctx, m.project.volume, volumes.CreateOpts{Name: m.spec.Name, Size: size, ImageID: m.spec.Image.ID,
		VolumeType: labelBootType.In(m.spec.Labels), AvailabilityZone: zone, Metadata: mark.Metadata(m.scope, m.spec, nil)}, nil).Extract()
	if err != nil {
		return volumes.Volume{}, fault.Refuse("Cinder", "make the volume "+m.spec.Name, err)
	}
	return *made, nil
}

// awaitVolume asks about a new volume until it can be used, for a while.
func (p *project) awaitVolume(ctx context.Context, v volumes.Volume) error {
	for until := time.Now().Add(volumeWait); ; {
		switch v.Status {
		case "available":
			return nil
		case "error", "error_deleting", "error_extending":
			if err := p.dropVolume(ctx, v); err != nil {
				return err
			}
			return jeroboam.Errorf(jeroboam.Unavailable, "volume-error", "The volume %s (%s) is in the state %q.", v.Name, v.ID, v.Status).
				WithRemedy("It is made anew by itself; the operator of the cloud finds its cause in Cinder's log.")
		}
		if time.Now().After(until) {
			return jeroboam.Errorf(jeroboam.Unavailable, "volume", "The volume %s is being made (%s).", v.Name, v.Status)
		}
		if err := pace.Pause(ctx, volumeLook); err != nil {
			return fault.Refuse("Cinder", "show the volume "+v.Name, err)
		}
		fresh, err := volumes.Get(ctx, p.volume, v.ID).Extract()
		if err != nil {
			return fault.Refuse("Cinder", "show the volume "+v.Name, err)
		}
		v = *fresh
	}
}

func (p *project) dropVolume(ctx context.Context, v volumes.Volume) error {
	if v.Status == "deleting" {
		return nil
	}
	err := volumes.Delete(ctx, p.volume, v.ID, volumes.DeleteOpts{}).ExtractErr()
	if err == nil || fault.Absent(err) {
		return nil
	}
	return fault.Refuse("Cinder", "delete the volume "+v.Name, err)
}
