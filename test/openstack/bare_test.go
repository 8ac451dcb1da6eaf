package openstack

import (
	"slices"
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

// TestRealBareMetalLives: the testbed's hypervisor pretends to be metal, too.
func TestRealBareMetalLives(t *testing.T) {
	testbed.Long(t)
	h := open(t)
	if !h.keystone.Testbed {
		t.Skip("needs the testbed's flavor bm.standard: OS_CLOUD names another cloud")
	}
	before, no := h.everything(), false
	template := h.template(wire.TemplateCreate{Name: "t", ServerType: "bm", FlavorID: "bm.standard", FixedNetwork: h.things.Shared, FloatingIPEnabled: &no})
	laden := cloud.Demand{Machines: []cloud.MachineSpec{{Bare: true, Volumes: []cloud.Volume{{Name: "containers", SizeGB: 5}}}}}
	if err := h.cloud.Check(t.Context(), cloud.Scope{Project: h.projectID}, laden); err == nil || !strings.Contains(err.Error(), "no volumes") {
		t.Errorf("metal with volumes: %v", err)
	}
	var id string
	h.lap("create 1+1 of bare metal", 1, func() {
		id = h.create(wire.ClusterCreate{Name: "bare", ClusterTemplateID: template}, 1, 1)
		if c := h.await(id, jeroboam.CreateComplete); c.CreateTimeout != 180 {
			t.Errorf("it may take %d minutes", c.CreateTimeout)
		}
	})
	there := h.everything()
	t.Logf("in the cloud: %q", there)
	if slices.ContainsFunc(there, func(o string) bool { return strings.HasPrefix(o, "server_groups ") || strings.HasPrefix(o, "volumes ") }) {
		t.Error("machines of metal are placed apart, or have volumes")
	}
	if all := h.servers(); len(all) != 2 || all[0].ConfigDrive != true || all[1].ConfigDrive != true {
		t.Errorf("the servers are %s", text(all))
	}
	machines := 0
	for _, p := range h.ports() {
		if !strings.HasPrefix(p.Name, "bare-") {
			continue
		}
		machines++
		if len(p.AllowedAddressPairs) > 0 || len(p.SecurityGroups) == 0 {
			t.Errorf("the port is %s", text(p))
		}
	}
	if machines != 2 {
		t.Errorf("there are %d ports of machines", machines)
	}
	h.lap("delete", 1, func() { h.delete(id) })
	if after := h.everything(); !slices.Equal(after, before) {
		t.Errorf("before %q\nafter  %q", before, after)
	}
}
