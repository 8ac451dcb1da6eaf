package local

import (
	"context"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud/local/internal/cgroup"
)

// flavors are the sizes on offer, each under two names. A control plane idles
// at about 700 MiB with its containerd and kubelet, so it wants a medium one.
// They have no disk of their own: machines share the host's.
func flavors() []jeroboam.Flavor {
	sizes := []jeroboam.Flavor{
		{Name: "tiny", VCPUs: 1, MemoryMB: 512},
		{Name: "small", VCPUs: 1, MemoryMB: 1024},
		{Name: "medium", VCPUs: 2, MemoryMB: 2048},
		{Name: "large", VCPUs: 4, MemoryMB: 4096},
		{Name: "xlarge", VCPUs: 8, MemoryMB: 8192},
	}
	var all []jeroboam.Flavor
	for _, prefix := range []string{"local.", "m1."} {
		for _, size := range sizes {
			size.Name = prefix + size.Name
			size.ID = size.Name
			all = append(all, size)
		}
	}
	return all
}

// images are what machines boot: the host itself is the only one.
func images() []jeroboam.Image {
	return []jeroboam.Image{{ID: "host", Name: "host", Distro: "linux-host"}}
}

// pidsPerCPU and pidsBase limit what a fork bomb can do to the host, far above
// what a node full of pods needs.
const (
	pidsBase   = 4096
	pidsPerCPU = 4096
)

func limitsOf(record machineRecord) cgroup.Limits {
	size, address := record.Flavor, record.Address.As4()
	return cgroup.Limits{
		CPUs: size.VCPUs, MemoryMB: size.MemoryMB, Pids: pidsBase + pidsPerCPU*size.VCPUs,
		Slot: int(address[2]) + int(address[3]) - machineKind.first,
	}
}

// FindFlavor implements cloud.Catalogue.
func (l *Local) FindFlavor(_ context.Context, _, idOrName string) (jeroboam.Flavor, error) {
	var names []string
	for _, flavor := range flavors() {
		if flavor.ID == idOrName {
			return flavor, nil
		}
		names = append(names, flavor.Name)
	}
	return jeroboam.Flavor{}, unknown("flavor", idOrName, names)
}

// FindImage implements cloud.Catalogue.
func (l *Local) FindImage(_ context.Context, _, idOrName string) (jeroboam.Image, error) {
	at := slices.IndexFunc(images(), func(i jeroboam.Image) bool { return i.ID == idOrName })
	if at < 0 {
		return jeroboam.Image{}, unknown("image", idOrName, []string{"host"})
	}
	return images()[at], nil
}

// FindKeypair implements cloud.Catalogue: nobody logs in to a local machine.
func (l *Local) FindKeypair(_ context.Context, _, _, name string) error {
	return unknown("keypair", name, nil)
}

// externalNetwork is the way out through the host's address translation. It has
// a name because openstack coe cluster template create insists on one.
const externalNetwork = "public"

// FindNetwork implements cloud.Catalogue: each cluster gets a network of its
// own, and the one way out is every cluster's.
func (l *Local) FindNetwork(_ context.Context, _, idOrName string, external bool) error {
	switch {
	case external && idOrName == externalNetwork:
		return nil
	case external:
		return unknown("external network", idOrName, []string{externalNetwork})
	}
	return unknown("network", idOrName, nil)
}

// FindSubnet implements cloud.Catalogue.
func (l *Local) FindSubnet(_ context.Context, _, idOrName string) error {
	return unknown("subnet", idOrName, nil)
}

func unknown(what, name string, exist []string) error {
	err := jeroboam.Errorf(jeroboam.NotFound, what, "The local cloud has no %s %q.", what, name)
	if len(exist) == 0 {
		return err.WithRemedy("Leave it out: the local cloud has no %ss and needs none.", what)
	}
	return err.WithRemedy("Choose from: %s.", strings.Join(exist, ", "))
}
