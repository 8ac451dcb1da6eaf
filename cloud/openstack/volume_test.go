package openstack

import (
	"reflect"
	"testing"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/volume"
)

func TestWhatNovaIsToldOfAMachinesDisks(t *testing.T) {
	const image = "image"
	etcd, containers := cloud.Volume{Name: "etcd", SizeGB: 1, Lasts: true}, cloud.Volume{Name: "containers", SizeGB: 2}
	boot := map[string]string{"boot_volume_size": "3"}
	attached := func(id string, index int, goes bool) servers.BlockDevice {
		return servers.BlockDevice{SourceType: "volume", DestinationType: "volume", UUID: id, BootIndex: index, DeleteOnTermination: goes}
	}
	copied := servers.BlockDevice{SourceType: "image", DestinationType: "local", UUID: image, DeleteOnTermination: true}
	for name, c := range map[string]struct {
		spec  cloud.MachineSpec
		image string
		want  []servers.BlockDevice
	}{
		"an image alone needs no word":   {cloud.MachineSpec{}, image, nil},
		"a boot volume is in its place":  {cloud.MachineSpec{Labels: boot}, "", []servers.BlockDevice{attached("0", 0, true)}},
		"beside volumes it is named too": {cloud.MachineSpec{Volumes: []cloud.Volume{etcd}}, image, []servers.BlockDevice{attached("0", -1, false), copied}},
		"all of them": {cloud.MachineSpec{Labels: boot, Volumes: []cloud.Volume{etcd, containers}}, "",
			[]servers.BlockDevice{attached("0", 0, true), attached("1", -1, false), attached("2", -1, true)}},
	} {
		c.spec.Image.ID = image
		want := wantedVolumes(c.spec)
		got, devices := volume.Devices(image, want, []string{"0", "1", "2"}[:len(want)])
		if got != c.image || !reflect.DeepEqual(devices, c.want) {
			t.Errorf("%s: got %q and %+v, want %q and %+v", name, got, devices, c.image, c.want)
		}
	}
}

func TestMachinesOfMetalHaveNoVolumes(t *testing.T) {
	for name, c := range map[string]struct {
		spec cloud.MachineSpec
		fits bool
	}{
		"metal without":         {cloud.MachineSpec{Bare: true}, true},
		"a server with volumes": {cloud.MachineSpec{Volumes: []cloud.Volume{{SizeGB: 1}}}, true},
		"metal with one":        {cloud.MachineSpec{Bare: true, Volumes: []cloud.Volume{{SizeGB: 1}}}, false},
		"metal that boots one":  {cloud.MachineSpec{Bare: true, Labels: map[string]string{"boot_volume_size": "1"}}, false},
	} {
		if err := unfit(c.spec); (err == nil) != c.fits || err != nil && jeroboam.KindOf(err) != jeroboam.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
