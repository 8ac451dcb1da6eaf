package openstack

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/keypairs"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/quotasets"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/listeners"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

// lap tells how long a part of the test took, and how many calls of the cloud.
func (h *house) lap(what string, clusters int, do func()) {
	h.Helper()
	began, calls := time.Now(), h.cloud.Calls()
	do()
	h.Logf("%-44s %6.1f s %6.1f calls per cluster", what, time.Since(began).Seconds(), float64(h.cloud.Calls()-calls)/float64(clusters))
}

// keypair makes a key pair of the test's user, which the service's user does
// not have.
func (h *house) keypair() string {
	h.Helper()
	nova := h.keystone.Nova(h.keystone.Operator.Project)
	nova.Microversion = "2.67"
	made, err := keypairs.Create(h.Context(), nova, keypairs.CreateOpts{Name: "mine", UserID: h.user.ID}).Extract()
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() {
		if err := keypairs.Delete(context.Background(), nova, made.Name, keypairs.DeleteOpts{UserID: h.user.ID}).ExtractErr(); err != nil {
			h.Error(err)
		}
	})
	return made.Name
}

func TestARealClusterLives(t *testing.T) {
	h := open(t)
	before := h.everything()
	template := h.template(wire.TemplateCreate{Name: "t", ExternalNetworkID: h.things.External, KeypairID: h.keypair()})
	var id string
	h.lap("create 1+3, floating addresses, a key pair", 1, func() {
		id = h.create(wire.ClusterCreate{Name: "life", ClusterTemplateID: template}, 1, 3)
		c := h.await(id, jeroboam.CreateComplete)
		if len(c.NodeAddresses) != 3 || len(c.MasterAddresses) != 1 || !slices.Contains(h.floating(), c.MasterAddresses[0]) {
			t.Errorf("the addresses are %v and %v", c.MasterAddresses, c.NodeAddresses)
		}
	})
	t.Logf("in the cloud: %q", h.everything())
	for _, nodes := range []int{5, 2} {
		h.lap(fmt.Sprintf("resize to %d", nodes), 1, func() {
			if _, err := h.client.ResizeCluster(t.Context(), id, wire.Resize{NodeCount: nodes}); err != nil {
				t.Fatal(err)
			}
			h.await(id, jeroboam.UpdateComplete)
		})
	}
	h.lap("delete", 1, func() { h.delete(id) })
	if after := h.everything(); !slices.Equal(after, before) {
		t.Errorf("before %q\nafter  %q", before, after)
	}
}

// TestARealClusterBehindABalancerLives: three control-plane nodes, whose API has
// a floating address that leads to a load balancer.
func TestARealClusterBehindABalancerLives(t *testing.T) {
	testbed.Long(t)
	h := open(t)
	before := h.everything()
	template := h.template(wire.TemplateCreate{Name: "t", ExternalNetworkID: h.things.External, MasterLBEnabled: true,
		Labels: map[string]string{"server_group_policies": "soft-anti-affinity"}}) // the testbed has one host
	var id string
	h.lap("create 3+2 behind a balancer", 1, func() {
		id = h.create(wire.ClusterCreate{Name: "balanced", ClusterTemplateID: template}, 3, 2)
		c := h.await(id, jeroboam.CreateComplete)
		if c.APIAddress == nil || !slices.ContainsFunc(h.floating(), func(a string) bool { return strings.HasPrefix(*c.APIAddress, "https://"+a+":") }) || len(c.MasterAddresses) != 3 {
			t.Errorf("the API is at %v, of %v", c.APIAddress, c.MasterAddresses)
		}
	})
	has := h.everything()
	t.Logf("in the cloud: %q", has)
	if !slices.Contains(has, "loadbalancers balanced") {
		t.Error("there is no load balancer")
	}
	h.admit("192.0.2.0/24")
	h.lap("resize to 3", 1, func() {
		if _, err := h.client.ResizeCluster(t.Context(), id, wire.Resize{NodeCount: 3}); err != nil {
			t.Fatal(err)
		}
		h.await(id, jeroboam.UpdateComplete)
	})
	if l := h.listener(); len(l.AllowedCIDRs) > 0 {
		t.Errorf("the listener lets in %v alone, as somebody changed it by hand", l.AllowedCIDRs)
	}
	h.lap("delete", 1, func() { h.delete(id) })
	if after := h.everything(); !slices.Equal(after, before) {
		t.Errorf("before %q\nafter  %q", before, after)
	}
}

// listener is the only one of the project.
func (h *house) listener() listeners.Listener {
	h.Helper()
	pages, err := listeners.List(h.keystone.Octavia(h.project), listeners.ListOpts{ProjectID: h.projectID}).AllPages(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	all, err := listeners.ExtractListeners(pages)
	if err != nil || len(all) != 1 {
		h.Fatalf("there are the listeners %+v (%v)", all, err)
	}
	return all[0]
}

// admit has the listener take calls from these networks alone, as an operator
// would by hand.
func (h *house) admit(networks ...string) {
	h.Helper()
	if err := listeners.Update(h.Context(), h.keystone.Octavia(h.project), h.listener().ID, listeners.UpdateOpts{AllowedCIDRs: &networks}).Err; err != nil {
		h.Fatal(err)
	}
}

// fromVolumes are the labels of clusters that boot from volumes.
func (h *house) fromVolumes() map[string]string {
	return map[string]string{"boot_volume_size": strconv.Itoa(h.things.DiskGB), "availability_zone": h.things.Zone}
}

// floating are the floating addresses of the project.
func (h *house) floating() []string {
	h.Helper()
	var list struct {
		FloatingIPs []struct {
			Address string `json:"floating_ip_address"`
		}
	}
	h.get(h.keystone.Neutron(h.keystone.Operator.Project), "floatingips?project_id="+h.projectID, &list)
	var out []string
	for _, f := range list.FloatingIPs {
		out = append(out, f.Address)
	}
	return out
}

// TestRealVolumesAndAnExistingNetwork: a provider network without router and
// floating addresses, and servers that boot from volumes and have more of them.
func TestRealVolumesAndAnExistingNetwork(t *testing.T) {
	testbed.Long(t)
	h := open(t)
	if h.things.Shared == "" {
		t.Skip("this cloud has no shared network: set JEROBOAM_TEST_NETWORK")
	}
	before, no := h.everything(), false
	labels := h.fromVolumes()
	labels["etcd_volume_size"], labels["etcd_volume_type"] = "2", "__DEFAULT__"
	template := h.template(wire.TemplateCreate{Name: "t", FixedNetwork: h.things.Shared, FloatingIPEnabled: &no, DockerVolumeSize: 1, Labels: labels})
	var id string
	h.lap("create 1+1 from volumes, an existing network", 1, func() {
		id = h.create(wire.ClusterCreate{Name: "volumes", ClusterTemplateID: template}, 1, 1)
		h.await(id, jeroboam.CreateComplete)
	})
	master := []string{"volumes-master-0 1 GB", "volumes-master-0/containers 1 GB", "volumes-master-0/etcd 2 GB"}
	first := []string{"volumes-worker-0 1 GB", "volumes-worker-0/containers 1 GB"}
	second := []string{"volumes-worker-1 1 GB", "volumes-worker-1/containers 1 GB"}
	h.attached(slices.Concat(master, first))
	h.lap("resize to 2", 1, func() {
		if _, err := h.client.ResizeCluster(t.Context(), id, wire.Resize{NodeCount: 2}); err != nil {
			t.Fatal(err)
		}
		h.await(id, jeroboam.UpdateComplete)
	})
	h.attached(slices.Concat(master, first, second))
	h.lap("delete", 1, func() { h.delete(id) })
	if after := h.everything(); !slices.Equal(after, before) {
		t.Errorf("before %q\nafter  %q", before, after)
	}
}

// TestARealQuotaIsToldAndWorkGoesOnWhenThereIsRoom: Nova's quota shrinks after
// the request was accepted, and grows again.
func TestARealQuotaIsToldAndWorkGoesOnWhenThereIsRoom(t *testing.T) {
	testbed.Long(t)
	h := open(t)
	before, no := h.everything(), false
	template := h.template(wire.TemplateCreate{Name: "t", ExternalNetworkID: h.things.External, FloatingIPEnabled: &no})
	id := h.create(wire.ClusterCreate{Name: "narrow", ClusterTemplateID: template}, 1, 2)
	h.allow(2)
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for said := ""; !strings.Contains(said, "Quota exceeded"); <-ticker.C {
		c, err := h.client.Cluster(t.Context(), id)
		if err != nil || c.Status != jeroboam.CreateInProgress {
			t.Fatalf("%s, %v", c.Status, err)
		}
		if c.StatusReason != nil {
			said = *c.StatusReason
		}
		if said != "" && !strings.Contains(said, "request req-") {
			t.Fatalf("the reason is %q", said)
		}
	}
	h.allow(10)
	h.await(id, jeroboam.CreateComplete)
	h.delete(id)
	if after := h.everything(); !slices.Equal(after, before) {
		t.Errorf("before %q\nafter  %q", before, after)
	}
}

// allow sets how many servers the project may have.
func (h *house) allow(servers int) {
	h.Helper()
	opts := quotasets.UpdateOpts{Instances: &servers}
	if err := quotasets.Update(h.Context(), h.keystone.Nova(h.keystone.Operator.Project), h.keystone.Project(h.project), opts).Err; err != nil {
		h.Fatal(err)
	}
}

func TestTwentyRealClustersAtOnce(t *testing.T) {
	testbed.Long(t)
	const clusters = 20
	h := open(t)
	before := h.everything()
	no := false
	template := h.template(wire.TemplateCreate{Name: "t", ExternalNetworkID: h.things.External, FloatingIPEnabled: &no})
	var ids []string
	h.lap(fmt.Sprintf("create %d of 1+1 at once", clusters), clusters, func() {
		for i := range clusters {
			ids = append(ids, h.create(wire.ClusterCreate{Name: fmt.Sprintf("many-%d", i), ClusterTemplateID: template}, 1, 1))
		}
		for _, id := range ids {
			h.await(id, jeroboam.CreateComplete)
		}
	})
	h.lap(fmt.Sprintf("delete %d at once", clusters), clusters, func() {
		var all sync.WaitGroup
		for _, id := range ids {
			all.Go(func() { h.delete(id) })
		}
		all.Wait()
	})
	if after := h.everything(); !slices.Equal(after, before) {
		t.Errorf("before %q\nafter  %q", before, after)
	}
}

func (h *house) delete(id string) {
	h.Helper()
	if err := h.client.DeleteCluster(h.Context(), id, ""); err != nil {
		h.Error(err)
		return
	}
	h.await(id, "")
}
