package openstack

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	blockquotas "github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/quotasets"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/quotasets"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/imagedata"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	balancerquotas "github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/quotas"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/quotas"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/client"
)

// TestARealCloudRefusesWithEveryReason: one request that nearly everything
// speaks against is told so at once, and leaves nothing; asked for as a rehearsal
// it is told the same.
func TestARealCloudRefusesWithEveryReason(t *testing.T) {
	h := open(t)
	network := h.narrowNetwork()
	image := h.uselessImage()
	before := h.everything()
	template, err := h.client.CreateTemplate(t.Context(), wire.TemplateCreate{Name: "t", COE: "kubernetes", ImageID: image, FlavorID: h.things.Flavor, MasterFlavorID: h.things.Flavor,
		ExternalNetworkID: h.things.External, FixedNetwork: network,
		Labels: map[string]string{"availability_zone": "atlantis", "boot_volume_size": "2", "boot_volume_type": "gold", "boot_volume_availability_zone": "atlantis"}})
	h.must(err)
	h.narrowQuotas()
	masters, nodes, yes := 3, 2, true
	want := wire.ClusterCreate{Name: "refused", ClusterTemplateID: template.UUID, MasterCount: &masters, NodeCount: &nodes, MasterLBEnabled: &yes}
	reasons := []string{
		"may have 2 servers; it has 0 and needs 5 more", "may have 3 cores; it has 0 and needs 5 more", "may have 512 MB of memory; it has 0 and needs 1280 more",
		"may have 0 server groups; it has 0 and needs 1 more", "may have 4 ports; it has 0 and needs 6 more", "may have 1 security groups",
		"may have 4 floating addresses; it has 0 and needs 6 more", "may have 4 volumes; it has 0 and needs 5 more", "may have 9 GB of volumes; it has 0 and needs 10 more",
		"may have 0 load balancers; it has 0 and needs 1 more", "A server group may have 2 members; that of a node group has 0 and needs 3 more",
		"is deactivated", "The flavor m1.tiny has 256 MB of memory", "The volume to boot from has 2 GB",
		"has 4 addresses left; 6 are needed", "Nova has no available zone atlantis", "Cinder has no available zone atlantis", "Cinder has no volume type gold",
	}
	for name, ask := range map[string]func() error{
		"create": func() error { _, err := h.client.CreateCluster(t.Context(), want); return err },
		"rehearse": func() error {
			_, err := h.client.Rehearse(t.Context(), func(c *client.Client) error { _, err := c.CreateCluster(t.Context(), want); return err })
			return err
		},
	} {
		calls, began := h.cloud.Calls(), time.Now()
		e, ok := jeroboam.AsError(ask())
		t.Logf("%s: %d calls, %d ms", name, h.cloud.Calls()-calls, time.Since(began).Milliseconds())
		if !ok || e.Kind != jeroboam.QuotaExceeded && e.Kind != jeroboam.Forbidden {
			t.Fatalf("%s: %v", name, e)
		}
		for _, reason := range reasons {
			if !strings.Contains(e.Detail, reason) {
				t.Errorf("%s: %q is not in %q", name, reason, e.Detail)
			}
		}
	}
	if after := h.everything(); !slices.Equal(after, before) {
		t.Errorf("before %q\nafter  %q", before, after)
	}
	if left, err := h.client.Clusters(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

// narrowNetwork makes a network of the project with four addresses left.
func (h *house) narrowNetwork() string {
	h.Helper()
	neutron := h.keystone.Neutron(h.project)
	n, err := networks.Create(h.Context(), neutron, networks.CreateOpts{Name: "narrow"}).Extract()
	h.must(err)
	h.Cleanup(func() { h.wish(networks.Delete(context.Background(), neutron, n.ID).ExtractErr()) })
	_, err = subnets.Create(h.Context(), neutron, subnets.CreateOpts{NetworkID: n.ID, Name: "narrow", IPVersion: gophercloud.IPv4, CIDR: "10.77.0.0/24",
		AllocationPools: []subnets.AllocationPool{{Start: "10.77.0.10", End: "10.77.0.13"}}}).Extract()
	h.must(err)
	return n.ID
}

// uselessImage makes an image that is deactivated, and too large for the
// testbed's smallest machines besides.
func (h *house) uselessImage() string {
	h.Helper()
	glance, err := openstack.NewImageV2(h.keystone.Login(h.keystone.Operator.Name, h.keystone.Operator.Password, h.project), h.keystone.Endpoint)
	h.must(err)
	i, err := images.Create(h.Context(), glance, images.CreateOpts{Name: "useless", ContainerFormat: "bare", DiskFormat: "raw", MinDisk: 5, MinRAM: 1024,
		Properties: map[string]string{"os_distro": "fedora-coreos"}}).Extract()
	h.must(err)
	h.Cleanup(func() { h.wish(images.Delete(context.Background(), glance, i.ID).ExtractErr()) })
	h.must(imagedata.Upload(h.Context(), glance, i.ID, strings.NewReader("not much")).ExtractErr())
	_, err = glance.Post(h.Context(), glance.ServiceURL("images", i.ID, "actions", "deactivate"), nil, nil, &gophercloud.RequestOpts{OkCodes: []int{204}})
	h.must(err)
	return i.ID
}

// narrowQuotas leave the project little, until the end of the test.
func (h *house) narrowQuotas() {
	h.Helper()
	num := func(n int) *int { return &n }
	nova, neutron, cinder := h.keystone.Nova(h.keystone.Operator.Project), h.keystone.Neutron(h.keystone.Operator.Project), h.keystone.Cinder(h.keystone.Operator.Project)
	octavia := h.keystone.Octavia(h.keystone.Operator.Project)
	h.Cleanup(func() {
		ctx := context.Background()
		h.wish(quotasets.Delete(ctx, nova, h.projectID).Err)
		h.wish(blockquotas.Delete(ctx, cinder, h.projectID).Err)
		_, err := neutron.Delete(ctx, neutron.ServiceURL("quotas", h.projectID), nil)
		h.wish(err)
		_, err = octavia.Delete(ctx, octavia.ServiceURL("lbaas", "quotas", h.projectID), nil)
		h.wish(err)
	})
	h.must(quotasets.Update(h.Context(), nova, h.projectID, quotasets.UpdateOpts{Instances: num(2), Cores: num(3), RAM: num(512), ServerGroups: num(0), ServerGroupMembers: num(2)}).Err)
	h.must(quotas.Update(h.Context(), neutron, h.projectID, quotas.UpdateOpts{Port: num(4), FloatingIP: num(4), SecurityGroup: num(1)}).Err)
	h.must(blockquotas.Update(h.Context(), cinder, h.projectID, blockquotas.UpdateOpts{Volumes: num(4), Gigabytes: num(9)}).Err)
	h.must(balancerquotas.Update(h.Context(), octavia, h.projectID, balancerquotas.UpdateOpts{Loadbalancer: num(0)}).Err)
}

// wish is must for the end of a test.
func (h *house) wish(err error) {
	h.Helper()
	if err != nil {
		h.Error(err)
	}
}
