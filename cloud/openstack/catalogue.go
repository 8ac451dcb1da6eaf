package openstack

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/external"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
)

// remembered is how long a flavor, an image or an external network is believed
// to be as it was found.
const remembered = 30 * time.Second

func (c *Cloud) in(ctx context.Context, id string) (*project, error) {
	return c.at(ctx, cloud.Scope{Project: id})
}

// FindFlavor finds a flavor that the project may use.
func (c *Cloud) FindFlavor(ctx context.Context, project, idOrName string) (jeroboam.Flavor, error) {
	p, err := c.in(ctx, project)
	if err != nil {
		return jeroboam.Flavor{}, err
	}
	return p.flavors.Get(ctx, idOrName, remembered, func(ctx context.Context) (jeroboam.Flavor, error) { return p.findFlavor(ctx, idOrName) })
}

func (p *project) findFlavor(ctx context.Context, idOrName string) (jeroboam.Flavor, error) {
	pages, err := flavors.ListDetail(p.compute, nil).AllPages(ctx)
	if err != nil {
		return jeroboam.Flavor{}, fault.Refuse("Nova", "list flavors", err)
	}
	all, err := flavors.ExtractFlavors(pages)
	if err != nil {
		return jeroboam.Flavor{}, fault.Refuse("Nova", "list flavors", err)
	}
	names := []string{}
	for _, f := range all {
		if f.ID == idOrName || f.Name == idOrName {
			return jeroboam.Flavor{ID: f.ID, Name: f.Name, VCPUs: f.VCPUs, MemoryMB: f.RAM, DiskGB: f.Disk}, nil
		}
		names = append(names, f.Name)
	}
	return jeroboam.Flavor{}, unknown("flavor", idOrName, names)
}

// FindImage finds an image that the project may use, of several with one name
// one that is ready to be used. Check tells of one that is not.
func (c *Cloud) FindImage(ctx context.Context, project, idOrName string) (jeroboam.Image, error) {
	p, err := c.in(ctx, project)
	if err != nil {
		return jeroboam.Image{}, err
	}
	return p.images.Get(ctx, idOrName, remembered, func(ctx context.Context) (jeroboam.Image, error) { return p.findImage(ctx, idOrName) })
}

func (p *project) findImage(ctx context.Context, idOrName string) (jeroboam.Image, error) {
	all, err := p.listImages(ctx, images.ListOpts{Name: idOrName})
	if err != nil {
		return jeroboam.Image{}, err
	}
	if uuid.Validate(idOrName) == nil {
		found, err := images.Get(ctx, p.image, idOrName).Extract()
		if err != nil && !fault.Absent(err) {
			return jeroboam.Image{}, fault.Refuse("Glance", "show the image "+idOrName, err)
		}
		if err == nil {
			all = append(all, *found)
		}
	}
	if len(all) == 0 {
		return jeroboam.Image{}, p.unknownImage(ctx, idOrName)
	}
	i := all[max(0, slices.IndexFunc(all, func(i images.Image) bool { return i.Status == images.ImageStatusActive }))]
	return jeroboam.Image{ID: i.ID, Name: i.Name, Distro: property(i, "os_distro"), Driver: property(i, "magnum_driver")}, nil
}

func (p *project) listImages(ctx context.Context, opts images.ListOpts) ([]images.Image, error) {
	pages, err := images.List(p.image, opts).AllPages(ctx)
	if err != nil {
		return nil, fault.Refuse("Glance", "list images", err)
	}
	return images.ExtractImages(pages)
}

// unknownImage names images that a cluster can be made of: those with a distro.
func (p *project) unknownImage(ctx context.Context, idOrName string) error {
	all, err := p.listImages(ctx, images.ListOpts{Status: images.ImageStatusActive})
	if err != nil {
		return err
	}
	names := []string{}
	for _, i := range all {
		if distro := property(i, "os_distro"); distro != "" {
			names = append(names, fmt.Sprintf("%s (%s)", i.Name, distro))
		}
	}
	return unknown("image", idOrName, names)
}

func property(i images.Image, name string) string {
	text, _ := i.Properties[name].(string)
	return text
}

// FindKeypair finds a key pair of a user.
func (c *Cloud) FindKeypair(ctx context.Context, _, user, name string) error {
	p, err := c.in(ctx, "") // key pairs belong to users, and only an administrator sees others'
	if err != nil {
		return err
	}
	if c.options.OwnProject {
		user = "" // the cloud does not know the service's users
	}
	_, err = p.keypair(ctx, user, name)
	return err
}

// FindNetwork finds a network that the project sees.
func (c *Cloud) FindNetwork(ctx context.Context, project, idOrName string, external bool) error {
	p, err := c.in(ctx, project)
	if err != nil {
		return err
	}
	if external {
		_, err = p.external(ctx, idOrName)
		return err
	}
	_, err = p.findNetwork(ctx, idOrName, false)
	return err
}

// FindSubnet finds a subnet that the project sees.
func (c *Cloud) FindSubnet(ctx context.Context, project, idOrName string) error {
	p, err := c.in(ctx, project)
	if err != nil {
		return err
	}
	pages, err := subnets.List(p.network, subnets.ListOpts{}).AllPages(ctx)
	if err != nil {
		return fault.Refuse("Neutron", "list subnets", err)
	}
	all, err := subnets.ExtractSubnets(pages)
	names := []string{}
	for _, s := range all {
		if s.ID == idOrName || s.Name == idOrName {
			return nil
		}
		names = append(names, s.Name)
	}
	if err != nil {
		return fault.Refuse("Neutron", "list subnets", err)
	}
	return unknown("subnet", idOrName, names)
}

// findNetwork finds a network by ID or name; of several with one name none is
// chosen.
func (p *project) findNetwork(ctx context.Context, idOrName string, outside bool) (networks.Network, error) {
	all, err := p.networks(ctx, outside)
	if err != nil {
		return networks.Network{}, err
	}
	names := []string{}
	var named []networks.Network
	for _, n := range all {
		if n.ID == idOrName {
			return n, nil
		}
		if n.Name == idOrName {
			named = append(named, n)
		}
		names = append(names, n.Name)
	}
	switch len(named) {
	case 0:
		return networks.Network{}, unknown("network", idOrName, names)
	case 1:
		return named[0], nil
	}
	return networks.Network{}, jeroboam.Errorf(jeroboam.Invalid, "network", "%d networks are called %s.", len(named), idOrName).
		WithRemedy("Give the ID of one.")
}

func (p *project) networks(ctx context.Context, outside bool) ([]networks.Network, error) {
	var opts networks.ListOptsBuilder = networks.ListOpts{}
	if outside {
		opts = external.ListOptsExt{ListOptsBuilder: opts, External: &outside}
	}
	pages, err := networks.List(p.network, opts).AllPages(ctx)
	if err != nil {
		return nil, fault.Refuse("Neutron", "list networks", err)
	}
	return networks.ExtractNetworks(pages)
}

// external is the ID of the external network that was named, or else of the
// only one; "" if the cloud has none.
func (p *project) external(ctx context.Context, idOrName string) (string, error) {
	return p.outside.Get(ctx, idOrName, remembered, func(ctx context.Context) (string, error) {
		if idOrName != "" {
			n, err := p.findNetwork(ctx, idOrName, true)
			return n.ID, err
		}
		all, err := p.networks(ctx, true)
		if err != nil || len(all) == 0 {
			return "", err
		}
		if len(all) > 1 {
			return "", jeroboam.Errorf(jeroboam.Invalid, "external-network", "The cloud has %d external networks.", len(all)).
				WithRemedy("Choose one of them as external_network_id of the template: %s.", list(nameOf(all)))
		}
		return all[0].ID, nil
	})
}

// marked tells of everything in Neutron and Octavia that bears the mark of any
// cluster.
func (p *project) marked(ctx context.Context, tell func(description, project, name string)) error {
	all, err := p.networks(ctx, false)
	if err != nil {
		return err
	}
	for _, n := range all {
		tell(n.Description, n.ProjectID, n.Name)
	}
	pages, err := routers.List(p.network, routers.ListOpts{}).AllPages(ctx)
	if err != nil {
		return fault.Refuse("Neutron", "list routers", err)
	}
	found, err := routers.ExtractRouters(pages)
	for _, r := range found {
		tell(r.Description, r.ProjectID, r.Name)
	}
	if err != nil {
		return fault.Refuse("Neutron", "list routers", err)
	}
	security, err := p.allSecurity(ctx)
	for _, g := range security {
		tell(g.Description, g.ProjectID, strings.TrimSuffix(g.Name, apiSuffix))
	}
	if err != nil {
		return err
	}
	return p.markedBalancers(ctx, tell)
}

func (p *project) allSecurity(ctx context.Context) ([]securityGroup, error) {
	pages, err := groups.List(p.network, groups.ListOpts{}).AllPages(ctx)
	if err != nil {
		return nil, fault.Refuse("Neutron", "list security groups", err)
	}
	return groups.ExtractGroups(pages)
}

func networkID(n networks.Network) string { return n.ID }

func nameOf(all []networks.Network) []string {
	names := []string{}
	for _, n := range all {
		names = append(names, n.Name)
	}
	return names
}

// unknown is the error for a name that the cloud does not have.
func unknown(what, idOrName string, have []string) error {
	e := jeroboam.Errorf(jeroboam.NotFound, what, "Unable to find %s %s.", what, idOrName)
	if len(have) == 0 {
		return e.WithRemedy("The project has none.")
	}
	return e.WithRemedy("Choose one of %s.", list(have))
}

// list names the first of many.
func list(names []string) string {
	const most = 20
	slices.Sort(names)
	names = slices.Compact(names)
	if more := len(names) - most; more > 0 {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(names, ", ")
}
