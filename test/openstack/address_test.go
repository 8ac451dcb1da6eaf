package openstack

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

// TestRealControlPlaneNodesMayTakeOneAddress: three of them without a balancer,
// with a floating address that leads to the one that they hand on.
func TestRealControlPlaneNodesMayTakeOneAddress(t *testing.T) {
	testbed.Long(t)
	h := open(t)
	before := h.everything()
	template := h.template(wire.TemplateCreate{Name: "t", ExternalNetworkID: h.things.External,
		Labels: map[string]string{"api_address": "virtual", "server_group_policies": "soft-anti-affinity"}}) // the testbed has one hypervisor
	var id string
	var c wire.Cluster
	h.lap("create 3+1 with a virtual address", 1, func() {
		id = h.create(wire.ClusterCreate{Name: "virtual", ClusterTemplateID: template}, 3, 1)
		c = h.await(id, jeroboam.CreateComplete)
	})
	t.Logf("in the cloud: %q", h.everything())
	address := h.virtual("virtual")
	if c.APIAddress == nil || *c.APIAddress != "https://"+h.leadingTo(address)+":6443" {
		t.Errorf("the API is at %v; %s leads to %s", *c.APIAddress, h.leadingTo(address), address)
	}
	for _, p := range h.ports() {
		allowed := slices.ContainsFunc(p.AllowedAddressPairs, func(pair ports.AddressPair) bool { return pair.IPAddress == address })
		if machine := strings.HasPrefix(p.DeviceOwner, "compute:"); machine && allowed != strings.HasPrefix(p.Name, "virtual-master-") {
			t.Errorf("the port of %s lets it take %v", p.Name, p.AllowedAddressPairs)
		}
	}
	h.lap("made again as it was", 1, func() { h.loses(id, address) })
	h.lap("delete", 1, func() { h.delete(id) })
	if after := h.everything(); !slices.Equal(after, before) {
		t.Errorf("before %q\nafter  %q", before, after)
	}
}

// loses deletes the port of a cluster's virtual address by hand, and waits until
// the service has noticed and made it again.
func (h *house) loses(id, address string) {
	h.Helper()
	floating := h.leadingTo(address)
	neutron := h.keystone.Neutron(h.keystone.Operator.Project)
	for _, p := range h.ports() {
		if p.DeviceID == "" {
			if err := ports.Delete(h.Context(), neutron, p.ID).ExtractErr(); err != nil {
				h.Fatal(err)
			}
		}
	}
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for repaired := false; !repaired; <-ticker.C { // the monitor looks once a minute
		all, err := h.client.Operations(h.Context(), id)
		if err != nil {
			h.Fatal(err)
		}
		repaired = slices.ContainsFunc(all, func(op wire.Operation) bool {
			return op.Verb == jeroboam.VerbRepair && op.Summary == "address" && op.State == jeroboam.OperationComplete
		})
	}
	if is := h.virtual("virtual"); is != address || h.leadingTo(is) != floating {
		h.Errorf("%s with %s was lost, and there is %s with %s", address, floating, is, h.leadingTo(is))
	}
}

// virtual is the address of the one port that no device has.
func (h *house) virtual(name string) string {
	h.Helper()
	var found []ports.Port
	for _, p := range h.ports() {
		if p.DeviceID == "" {
			found = append(found, p)
		}
	}
	if len(found) != 1 || found[0].Name != name || len(found[0].FixedIPs) != 1 || len(found[0].SecurityGroups) != 2 {
		h.Fatalf("ports without a device: %+v", found)
	}
	return found[0].FixedIPs[0].IPAddress
}

// leadingTo is the floating address of an address.
func (h *house) leadingTo(address string) string {
	h.Helper()
	var list struct {
		FloatingIPs []struct {
			Address string `json:"floating_ip_address"`
		} `json:"floatingips"`
	}
	h.get(h.keystone.Neutron("admin"), "floatingips?project_id="+h.projectID+"&fixed_ip_address="+url.QueryEscape(address), &list)
	if len(list.FloatingIPs) != 1 {
		h.Fatalf("%d floating addresses lead to %s", len(list.FloatingIPs), address)
	}
	return list.FloatingIPs[0].Address
}
