package openstack

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/snapshots"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/volumeattach"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/client"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

// TestWhatRealClustersMadeForThemselvesGoesWithThem: three clusters make, with
// their own credentials, what their Services and claims ask for. One is deleted
// and nobody says anything about its data, one with its data by word, and one by
// its label.
func TestWhatRealClustersMadeForThemselvesGoesWithThem(t *testing.T) {
	testbed.Long(t)
	h := open(t)
	before, no := h.everything(), false
	template := h.template(wire.TemplateCreate{Name: "t", ExternalNetworkID: h.things.External, FloatingIPEnabled: &no})
	ids := map[string]string{}
	for name, labels := range map[string]map[string]string{"kept": nil, "removed": nil, "labelled": {"data_on_delete": "remove"}} {
		ids[name] = h.create(wire.ClusterCreate{Name: name, ClusterTemplateID: template, Labels: labels}, 1, 1)
	}
	for name, id := range ids {
		h.await(id, jeroboam.CreateComplete)
		h.beget(id, name)
		h.attach(id, name+"-worker-0")
	}
	p, err := h.client.Rehearse(t.Context(), func(c *client.Client) error { return c.DeleteCluster(t.Context(), ids["kept"], "") })
	h.must(err)
	wantPlan := []string{"delete floating-address", "delete load-balancer", "delete port", "delete security-group", "keep snapshot", "keep volume"}
	if got := dependentSteps(p); !slices.Equal(got, wantPlan) {
		t.Errorf("the plan has %q, want %q", got, wantPlan)
	}
	h.lap("delete, keep data", 1, func() { h.delete(ids["kept"]) })
	told := h.last(ids["kept"])
	for _, word := range []string{"volume pvc-1 (", "snapshot snapshot-1 (", "1 GB, of default/data"} {
		if !strings.Contains(told, word) {
			t.Errorf("the last event says %q, want %q in it", told, word)
		}
	}
	count := func(kind string) (n int) {
		for _, o := range h.everything() {
			if strings.HasPrefix(o, kind+" ") {
				n++
			}
		}
		return n
	}
	for kind, want := range map[string]int{"volumes": 3, "snapshots": 3, "loadbalancers": 2, "networks": 2, "floatingips": 2} {
		if n := count(kind); n != want {
			t.Errorf("the project has %d %s, want %d: %q", n, kind, want, h.everything())
		}
	}
	h.lap("delete, remove data", 1, func() {
		h.must(h.client.DeleteCluster(t.Context(), ids["removed"], jeroboam.RemoveData))
		h.await(ids["removed"], "")
	})
	h.lap("delete, remove data by label", 1, func() { h.delete(ids["labelled"]) })
	if told := h.last(ids["labelled"]); told != "The cluster is gone." {
		t.Errorf("the last event says %q", told)
	}
	if left := h.everything(); !slices.Equal(left, slices.Sorted(slices.Values(append(slices.Clone(before), "snapshots snapshot-1", "volumes pvc-1")))) {
		t.Errorf("before %q\nafter  %q", before, left)
	}
	h.dropData()
	if after := h.everything(); !slices.Equal(after, before) {
		t.Errorf("before %q\nafter  %q", before, after)
	}
}

// TestARealNetworkIsNotTakenFromWhoElseUsesIt: somebody has attached a server of
// his own to the cluster's network.
func TestARealNetworkIsNotTakenFromWhoElseUsesIt(t *testing.T) {
	testbed.Long(t)
	h := open(t)
	before, no := h.everything(), false
	id := h.create(wire.ClusterCreate{Name: "shared", ClusterTemplateID: h.template(wire.TemplateCreate{Name: "t", ExternalNetworkID: h.things.External, FloatingIPEnabled: &no})}, 1, 0)
	h.await(id, jeroboam.CreateComplete)
	neutron := h.keystone.Neutron("admin")
	network, _ := h.network(neutron, "shared")
	port, err := ports.Create(t.Context(), neutron, ports.CreateOpts{NetworkID: network, ProjectID: h.projectID, DeviceOwner: "compute:nova", DeviceID: "bastion"}).Extract()
	h.must(err)
	h.must(h.client.DeleteCluster(t.Context(), id, ""))
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for reason := ""; !strings.Contains(reason, "used by others: port "+port.ID+" of compute:nova bastion"); <-ticker.C {
		c, err := h.client.Cluster(t.Context(), id)
		h.must(err)
		if c.StatusReason != nil {
			reason = *c.StatusReason
		}
	}
	if all := h.everything(); !slices.Contains(all, "routers shared") {
		t.Errorf("its router is gone: %q", all)
	}
	h.must(ports.Delete(t.Context(), neutron, port.ID).ExtractErr())
	h.await(id, "")
	if after := h.everything(); !slices.Equal(after, before) {
		t.Errorf("before %q\nafter  %q", before, after)
	}
}

// beget has the cluster make things with a credential of its own.
func (h *house) beget(id, name string) {
	h.Helper()
	secret := jeroboam.Secret(strings.Repeat("s", 44))
	c, err := h.cloud.EnsureCredential(h.Context(), cloud.Scope{Cluster: id, Project: h.projectID, Name: name}, cloud.CredentialSpec{Name: name + "-9", Secret: secret})
	h.must(err)
	login, err := openstack.AuthenticatedClient(h.Context(), gophercloud.AuthOptions{IdentityEndpoint: h.keystone.URL,
		ApplicationCredentialID: c.CloudID, ApplicationCredentialSecret: secret.Reveal()})
	h.must(err)
	network, subnet := h.network(h.keystone.Neutron("admin"), name)
	h.keystone.Beget(login, id, network, subnet)
}

// attach gives a server of the cluster the volume that it has made.
func (h *house) attach(id, server string) {
	h.Helper()
	nova, cinder := h.keystone.Nova(h.project), h.keystone.Cinder(h.project)
	pages, err := servers.List(nova, servers.ListOpts{Name: server}).AllPages(h.Context())
	h.must(err)
	found, err := servers.ExtractServers(pages)
	h.must(err)
	if pages, err = volumes.List(cinder, volumes.ListOpts{Metadata: map[string]string{"cinder.csi.openstack.org/cluster": id}}).AllPages(h.Context()); err != nil {
		h.Fatal(err)
	}
	made, err := volumes.ExtractVolumes(pages)
	h.must(err)
	if len(found) != 1 || len(made) != 1 {
		h.Fatalf("servers %+v, volumes %+v", found, made)
	}
	h.must(volumeattach.Create(h.Context(), nova, found[0].ID, volumeattach.CreateOpts{VolumeID: made[0].ID}).Err)
	h.until(func(ctx context.Context) bool {
		v, err := volumes.Get(ctx, cinder, made[0].ID).Extract()
		h.must(err)
		return v.Status == "in-use"
	})
}

// network is the one of that name, and its subnet.
func (h *house) network(neutron *gophercloud.ServiceClient, name string) (network, subnet string) {
	h.Helper()
	pages, err := networks.List(neutron, networks.ListOpts{ProjectID: h.projectID, Name: name}).AllPages(h.Context())
	h.must(err)
	all, err := networks.ExtractNetworks(pages)
	h.must(err)
	if len(all) != 1 || len(all[0].Subnets) != 1 {
		h.Fatalf("the networks %s are %+v", name, all)
	}
	return all[0].ID, all[0].Subnets[0]
}

// dependentSteps are those of a plan that are about what a cluster made for itself.
func dependentSteps(p wire.Plan) (out []string) {
	for _, s := range p.Steps {
		if s.Changes != nil && jeroboam.MadeByCluster(s.Changes.Kind) {
			out = append(out, s.Changes.Action+" "+s.Changes.Kind)
		}
	}
	slices.Sort(out)
	return out
}

// last is the last event of a cluster that is gone.
func (h *house) last(id string) (told string) {
	h.Helper()
	h.must(h.client.Events(h.Context(), id, 0, func(e wire.Event) error {
		if e.Type == "cluster" {
			told = e.Message
		}
		return nil
	}))
	return told
}

// dropData removes as its owner what a cluster has left: it is whole.
func (h *house) dropData() {
	h.Helper()
	cinder := h.keystone.Cinder(h.project)
	pages, err := snapshots.List(cinder, snapshots.ListOpts{}).AllPages(h.Context())
	h.must(err)
	copies, err := snapshots.ExtractSnapshots(pages)
	h.must(err)
	for _, s := range copies {
		h.must(snapshots.Delete(h.Context(), cinder, s.ID).ExtractErr())
		h.gone(func(ctx context.Context) error { return snapshots.Get(ctx, cinder, s.ID).Err })
	}
	if pages, err = volumes.List(cinder, volumes.ListOpts{}).AllPages(h.Context()); err != nil {
		h.Fatal(err)
	}
	all, err := volumes.ExtractVolumes(pages)
	h.must(err)
	for _, v := range all {
		if v.Status != "available" {
			h.Errorf("the volume %s is %s", v.Name, v.Status)
		}
		h.must(volumes.Delete(h.Context(), cinder, v.ID, volumes.DeleteOpts{}).ExtractErr())
		h.gone(func(ctx context.Context) error { return volumes.Get(ctx, cinder, v.ID).Err })
	}
}

// gone waits until show finds nothing.
func (h *house) gone(show func(context.Context) error) {
	h.Helper()
	h.until(func(ctx context.Context) bool {
		err := show(ctx)
		if gone := gophercloud.ResponseCodeIs(err, http.StatusNotFound); gone {
			return true
		}
		h.must(err)
		return false
	})
}

func (h *house) until(yes func(context.Context) bool) {
	h.Helper()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for !yes(h.Context()) {
		<-ticker.C
	}
}
