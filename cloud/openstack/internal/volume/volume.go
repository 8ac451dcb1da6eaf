// Package volume makes the volumes of a machine: the one that it may boot from,
// and those that it has besides. They are made here and not by Nova, so that
// they bear the mark of their cluster from the call that makes them.
package volume

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/mark"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/pace"
)

// A call waits this long for a new volume; after that it is asked about again. A
// large image takes minutes to copy.
const (
	wait = 20 * time.Second
	look = 500 * time.Millisecond
)

// Want is a volume that a machine shall have. That without a name is the one it
// boots from.
type Want struct {
	cloud.Volume
	Image string // that it is made of; "": blank
	Zone  string // "": Cinder chooses
}

// Owner is whose volumes they are.
type Owner struct {
	Scope cloud.Scope
	Spec  cloud.MachineSpec
}

// Ensure makes the volume or finds it among all that the cluster has, and waits
// a while until it can be used. One that failed is deleted, and told of.
func (o Owner) Ensure(ctx context.Context, cinder *gophercloud.ServiceClient, cluster []volumes.Volume, want Want) (id string, err error) {
	mine := slices.DeleteFunc(slices.Clone(cluster), func(v volumes.Volume) bool {
		return v.Metadata[mark.KeyMachine] != o.Spec.ID || v.Metadata[mark.KeyVolume] != want.Name
	})
	kept, extra := mark.First(mine, func(v volumes.Volume) string { return v.ID })
	for _, v := range extra {
		if err := Drop(ctx, cinder, v); err != nil {
			return "", err
		}
	}
	if kept.ID == "" {
		if kept, err = o.make(ctx, cinder, want); err != nil {
			return "", err
		}
	}
	return kept.ID, await(ctx, cinder, kept)
}

func (o Owner) make(ctx context.Context, cinder *gophercloud.ServiceClient, want Want) (volumes.Volume, error) {
	more := map[string]string{}
	if want.Name != "" {
		more[mark.KeyVolume] = want.Name
	}
	name := mark.Volume(o.Spec, want.Name)
	made, err := volumes.Create(ctx, cinder, volumes.CreateOpts{Name: name, Size: want.SizeGB, ImageID: want.Image, VolumeType: want.Type,
		AvailabilityZone: want.Zone, Metadata: mark.Metadata(o.Scope, o.Spec, more)}, nil).Extract()
	if err != nil {
		return volumes.Volume{}, fault.Refuse("Cinder", "make the volume "+name+" of "+strconv.Itoa(want.SizeGB)+" GB", err)
	}
	return *made, nil
}

// await asks about a volume until it can be used, for a while.
func await(ctx context.Context, cinder *gophercloud.ServiceClient, v volumes.Volume) error {
	for until := time.Now().Add(wait); ; {
		switch v.Status {
		case "available":
			return nil
		case "error", "error_deleting":
			if err := Drop(ctx, cinder, v); err != nil {
				return err
			}
			return jeroboam.Errorf(jeroboam.Unavailable, "volume-error", "The volume %s (%s) is in the state %q.", v.Name, v.ID, v.Status).
				WithRemedy("It is made anew by itself; the operator of the cloud finds its cause in Cinder's log.")
		}
		if time.Now().After(until) {
			return jeroboam.Errorf(jeroboam.Unavailable, "volume", "The volume %s (%s) cannot be used yet: it is in the state %q.", v.Name, v.ID, v.Status)
		}
		if err := pace.Pause(ctx, look); err != nil {
			return fault.Refuse("Cinder", "show the volume "+v.Name, err)
		}
		fresh, err := volumes.Get(ctx, cinder, v.ID).Extract()
		if err != nil {
			return fault.Refuse("Cinder", "show the volume "+v.Name, err)
		}
		v = *fresh
	}
}

// Drop deletes a volume; absent is success.
func Drop(ctx context.Context, cinder *gophercloud.ServiceClient, v volumes.Volume) error {
	if v.Status == "deleting" {
		return nil
	}
	err := volumes.Delete(ctx, cinder, v.ID, volumes.DeleteOpts{}).ExtractErr()
	if err == nil || fault.Absent(err) {
		return nil
	}
	return fault.Refuse("Cinder", "delete the volume "+v.Name, err)
}

// Devices describes a machine's disks to Nova. ids are those of the volumes, in
// the order of want. Among several, the copy of the image that a machine boots
// from has to be named, too.
func Devices(image string, want []Want, ids []string) (boot string, devices []servers.BlockDevice) {
	for i, w := range want {
		device := servers.BlockDevice{SourceType: servers.SourceVolume, DestinationType: servers.DestinationVolume, UUID: ids[i],
			BootIndex: -1, DeleteOnTermination: !w.Lasts}
		if w.Name == "" {
			device.BootIndex, image = 0, ""
		}
		devices = append(devices, device)
	}
	if image != "" && len(devices) > 0 {
		devices = append(devices, servers.BlockDevice{SourceType: servers.SourceImage, DestinationType: servers.DestinationLocal,
			UUID: image, DeleteOnTermination: true})
	}
	return image, devices
}

// Metadata is what a server bears of its volumes besides the one it boots from:
// a volume's ID is the serial number of the disk that the machine sees.
func Metadata(want []Want, ids []string) map[string]string {
	out := map[string]string{}
	for i, w := range want {
		if w.Name != "" {
			out[mark.KeyVolume+"-"+w.Name] = ids[i]
		}
	}
	return out
}

// Serials reads what Metadata wrote; nil for none.
func Serials(metadata map[string]string) map[string]string {
	var out map[string]string
	for key, id := range metadata {
		name, is := strings.CutPrefix(key, mark.KeyVolume+"-")
		if !is {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[name] = id
	}
	return out
}
