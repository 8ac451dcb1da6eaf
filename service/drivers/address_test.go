package drivers_test

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/service/drivers"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var olga = jeroboam.Caller{UserID: "olga", ProjectID: "p1", Roles: []string{"member", "reader"}}

// fixed is an engine whose control plane hands no address on.
type fixed struct{ apikit.Engine }

func (f fixed) Traits() coe.Traits {
	t := f.Engine.Traits()
	t.VirtualAddress = false
	return t
}

func TestAnAddressOfTheAPIThatCannotBeIsRefused(t *testing.T) {
	for _, c := range []struct {
		name     string
		label    string
		masters  int
		balancer bool
		change   func(*drivers.Driver)
		want     string // "": it can be
	}{
		{"three control-plane nodes without a choice", "", 3, false, nil, "master_count must be 1 when master_lb_enabled is False"},
		{"three with a balancer", "", 3, true, nil, ""},
		{"three with a balancer by the label", "balancer", 3, false, nil, ""},
		{"three with a virtual address", "virtual", 3, false, nil, ""},
		{"one with a virtual address", "virtual", 1, false, nil, ""},
		{"three with the address of one", "node", 3, false, nil, "master_count must be 1 when the label api_address is node"},
		{"one with its own address", "node", 1, false, nil, ""},
		{"a balancer and a virtual address", "virtual", 3, true, nil, "master_lb_enabled for a balancer"},
		{"a balancer and a node's address", "node", 1, true, nil, "master_lb_enabled for a balancer"},
		{"something else", "anycast", 1, false, nil, "must be one of balancer, virtual, node"},
		{"a cloud that keeps no addresses", "virtual", 3, false, func(d *drivers.Driver) { d.Addresses = false }, "The cloud of the driver k8s_test has no virtual addresses."},
		{"an engine that hands none on", "virtual", 3, false, func(d *drivers.Driver) { d.Engine = fixed{} }, "cannot hand an address on"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := apikit.New(t, func(o *service.Options, _ *api.Options) {
				if c.change != nil {
					c.change(&o.Drivers[0])
				}
			})
			_, err := h.Service.CreateTemplate(t.Context(), olga, jeroboam.Template{Name: "k8s", COE: apikit.COE, Image: apikit.Image,
				Flavor: apikit.Flavor, ServerType: "vm"})
			if err != nil {
				t.Fatal(err)
			}
			_, err = h.Service.CreateCluster(t.Context(), olga, service.ClusterRequest{Template: "k8s", Masters: &c.masters, MasterLB: &c.balancer,
				Labels: map[string]string{"api_address": c.label}})
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (jeroboam.KindOf(err) != jeroboam.Invalid || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
