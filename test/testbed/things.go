package testbed

import (
	"cmp"
	"os"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/availabilityzones"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/external"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/pagination"
)

// Things are what tests use of a cloud and do not make, by name: what the
// environment says (JEROBOAM_TEST_IMAGE, _FLAVOR, _EXTERNAL_NETWORK, _NETWORK,
// _ZONE), and else the first that is fit.
type Things struct {
	Image    string // of Fedora CoreOS
	DiskGB   int    // of a volume that the image fits on
	Flavor   string // the smallest that the image fits
	External string // network
	Shared   string // network that every project may use, not external; "": there is none
	Zone     string // of Nova
}

// Things looks for them.
func (k *Keystone) Things() Things {
	k.Helper()
	image := k.image(os.Getenv("JEROBOAM_TEST_IMAGE"))
	const gb = 1 << 30
	t := Things{Image: image.Name, DiskGB: max(1, image.MinDiskGigabytes, int((image.VirtualSize+gb-1)/gb))}
	t.Flavor = cmp.Or(os.Getenv("JEROBOAM_TEST_FLAVOR"), k.flavor(t.DiskGB, image.MinRAMMegabytes))
	yes, no := true, false
	t.External = cmp.Or(os.Getenv("JEROBOAM_TEST_EXTERNAL_NETWORK"), k.network(external.ListOptsExt{ListOptsBuilder: networks.ListOpts{}, External: &yes}))
	t.Shared = cmp.Or(os.Getenv("JEROBOAM_TEST_NETWORK"), k.network(external.ListOptsExt{ListOptsBuilder: networks.ListOpts{Shared: &yes}, External: &no}))
	t.Zone = cmp.Or(os.Getenv("JEROBOAM_TEST_ZONE"), k.zone())
	return t
}

func (k *Keystone) image(name string) images.Image {
	k.Helper()
	glance := k.service(openstack.NewImageV2, k.Operator.Project)
	all := everyOne(k, images.List(glance, images.ListOpts{Name: name, Status: images.ImageStatusActive, Sort: "name:asc"}), images.ExtractImages)
	for _, i := range all {
		if name != "" || i.Properties["os_distro"] == "fedora-coreos" {
			return i
		}
	}
	k.Skip("this cloud has no image whose os_distro is fedora-coreos: set JEROBOAM_TEST_IMAGE")
	return images.Image{}
}

func (k *Keystone) flavor(disk, ram int) string {
	k.Helper()
	all := everyOne(k, flavors.ListDetail(k.Nova(k.Operator.Project), flavors.ListOpts{MinDisk: disk, MinRAM: ram}), flavors.ExtractFlavors)
	if len(all) == 0 {
		k.Skipf("this cloud has no flavor of %d GB and %d MB: set JEROBOAM_TEST_FLAVOR", disk, ram)
	}
	return slices.MinFunc(all, func(a, b flavors.Flavor) int {
		return cmp.Or(cmp.Compare(a.RAM, b.RAM), cmp.Compare(a.Disk, b.Disk), strings.Compare(a.Name, b.Name))
	}).Name
}

func (k *Keystone) network(which networks.ListOptsBuilder) string {
	k.Helper()
	for _, n := range everyOne(k, networks.List(k.Neutron(k.Operator.Project), which), networks.ExtractNetworks) {
		if len(n.Subnets) > 0 {
			return n.Name
		}
	}
	return ""
}

func (k *Keystone) zone() string {
	k.Helper()
	for _, z := range everyOne(k, availabilityzones.List(k.Nova(k.Operator.Project)), availabilityzones.ExtractAvailabilityZones) {
		if z.ZoneState.Available {
			return z.ZoneName
		}
	}
	return ""
}

// everyOne is a list as a whole.
func everyOne[T any](k *Keystone, list pagination.Pager, extract func(pagination.Page) ([]T, error)) []T {
	k.Helper()
	pages, err := list.AllPages(k.Context())
	if err != nil {
		k.Fatal(err)
	}
	all, err := extract(pages)
	if err != nil {
		k.Fatal(err)
	}
	return all
}
