package testbed

import (
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/snapshots"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/loadbalancers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/external"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
)

// Beget makes, with somebody's login, what the cloud controller manager and
// Cinder's driver of a cluster make for a Service and for a claim with a
// snapshot, and a port on its network that nobody marked.
func (k *Keystone) Beget(login *gophercloud.ProviderClient, cluster, network, subnet string) {
	k.Helper()
	ctx := k.Context()
	octavia, neutron, cinder := k.of(login, openstack.NewLoadBalancerV2), k.of(login, openstack.NewNetworkV2), k.of(login, openstack.NewBlockStorageV3)
	balancer := "kube_service_" + cluster + "_default_web"
	k.must(loadbalancers.Create(ctx, octavia, loadbalancers.CreateOpts{Name: balancer, Tags: []string{balancer}, VipSubnetID: subnet}).Err)
	k.must(groups.Create(ctx, neutron, groups.CreateOpts{Name: "lb-sg-7d1c-default-web",
		Description: "Security Group for default/web Service LoadBalancer in cluster " + cluster}).Err)
	k.must(floatingips.Create(ctx, neutron, floatingips.CreateOpts{FloatingNetworkID: k.outside(neutron),
		Description: "Floating IP for Kubernetes external service default/web from cluster " + cluster}).Err)
	k.must(ports.Create(ctx, neutron, ports.CreateOpts{NetworkID: network, Name: "stray"}).Err)
	metadata := map[string]string{"cinder.csi.openstack.org/cluster": cluster,
		"csi.storage.k8s.io/pvc/namespace": "default", "csi.storage.k8s.io/pvc/name": "data"}
	v, err := volumes.Create(ctx, cinder, volumes.CreateOpts{Name: "pvc-1", Size: 1, Metadata: metadata}, nil).Extract()
	k.must(err)
	k.settled(func() (string, error) {
		v, err := volumes.Get(ctx, cinder, v.ID).Extract()
		return v.Status, err
	})
	s, err := snapshots.Create(ctx, cinder, snapshots.CreateOpts{Name: "snapshot-1", VolumeID: v.ID}).Extract()
	k.must(err)
	k.settled(func() (string, error) {
		s, err := snapshots.Get(ctx, cinder, s.ID).Extract()
		return s.Status, err
	})
}

func (k *Keystone) of(login *gophercloud.ProviderClient, open opener) *gophercloud.ServiceClient {
	k.Helper()
	client, err := open(login, k.Endpoint)
	k.must(err)
	return client
}

func (k *Keystone) must(err error) {
	k.Helper()
	if err != nil {
		k.Fatal(err)
	}
}

// settled waits until something of Cinder's can be used.
func (k *Keystone) settled(status func() (string, error)) {
	k.Helper()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		is, err := status()
		k.must(err)
		switch is {
		case "available":
			return
		case "error":
			k.Fatal("Cinder could not make it")
		}
		select {
		case <-ticker.C:
		case <-k.Context().Done():
			k.Fatal(k.Context().Err())
		}
	}
}

// outside is the ID of the external network.
func (k *Keystone) outside(neutron *gophercloud.ServiceClient) string {
	k.Helper()
	yes := true
	pages, err := networks.List(neutron, external.ListOptsExt{ListOptsBuilder: networks.ListOpts{}, External: &yes}).AllPages(k.Context())
	k.must(err)
	all, err := networks.ExtractNetworks(pages)
	if err != nil || len(all) == 0 {
		k.Fatalf("external networks: %v, %v", all, err)
	}
	return all[0].ID
}
