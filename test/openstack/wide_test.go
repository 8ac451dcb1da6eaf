package openstack

import (
	"slices"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	cloudopenstack "github.com/jeroboam-cloud/jeroboam/cloud/openstack"
	"github.com/jeroboam-cloud/jeroboam/test/openstack/faults"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

// TestBenchOneWideCluster makes one cluster of so many machines as
// JEROBOAM_BENCH_MACHINES says, side by side, and deletes it. The cloud is never
// pressed harder than it was said, and left alone when it asks for that.
func TestBenchOneWideCluster(t *testing.T) {
	machines := setting(t, "JEROBOAM_BENCH_MACHINES", 0)
	if machines == 0 {
		t.Skip("measures: set JEROBOAM_BENCH_MACHINES, e.g. to 200")
	}
	const atOnce, perSecond, refusals = 16, 50, 20
	var proxy *faults.Proxy
	h := openBehind(t, func(k *testbed.Keystone) string {
		var services []string
		for _, name := range []string{"keystone", "glance", "nova", "neutron", "cinder"} {
			services = append(services, k.Address(name))
		}
		proxy = faults.Open(t, 1, services...)
		proxy.Only(faults.TooMany)
		return proxy.Front(k.Address("keystone")) + "/v3"
	}, func(o *cloudopenstack.Options) { o.AtOnce, o.PerSecond = atOnce, perSecond })
	before, no := h.everything(), false
	template := h.template(wire.TemplateCreate{Name: "t", ExternalNetworkID: h.things.External, FloatingIPEnabled: &no})
	lap := func(what string, do func()) {
		proxy.Allow(refusals)
		began, calls := time.Now(), h.cloud.Calls()
		do()
		t.Logf("%s of %d machines: %.0f s, %d calls, at most %d under way", what, machines, time.Since(began).Seconds(), h.cloud.Calls()-calls, h.census.most())
		t.Log(h.census.take())
	}
	var id string
	lap("create", func() {
		id = h.create(wire.ClusterCreate{Name: "wide", ClusterTemplateID: template}, 1, machines-1)
		h.await(id, jeroboam.CreateComplete)
	})
	lap("delete", func() { h.delete(id) })
	each, _, _ := proxy.Count()
	t.Logf("%d times the cloud said 429; %d calls came before the time that it named", each[faults.TooMany], proxy.Hasty())
	if most := h.census.most(); most > atOnce {
		t.Errorf("%d calls were under way, want at most %d", most, atOnce)
	}
	if refused := each[faults.TooMany]; refused != 2*refusals || proxy.Hasty() > refused*(atOnce-1) {
		t.Errorf("%d calls came too early after %d refusals", proxy.Hasty(), refused)
	}
	if after := h.everything(); !slices.Equal(after, before) {
		t.Errorf("before %q\nafter  %q", before, after)
	}
}
