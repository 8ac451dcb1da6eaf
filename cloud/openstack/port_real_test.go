package openstack_test

import (
	"context"
	"testing"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/portsecurity"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"

	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// TestARealNetworkWithoutPortSecurityIsUsedAsItIs: Neutron refuses groups and
// pairs there.
func TestARealNetworkWithoutPortSecurityIsUsedAsItIs(t *testing.T) {
	s := open(t)
	neutron, off := s.Neutron(s.Operator.Project), false
	open, err := networks.Create(t.Context(), neutron, portsecurity.NetworkCreateOptsExt{PortSecurityEnabled: &off,
		CreateOptsBuilder: networks.CreateOpts{Name: "unguarded", ProjectID: s.project}}).Extract()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := networks.Delete(context.Background(), neutron, open.ID).ExtractErr(); err != nil {
			t.Error(err)
		}
	})
	_, err = subnets.Create(t.Context(), neutron, subnets.CreateOpts{NetworkID: open.ID, ProjectID: s.project, IPVersion: 4, CIDR: "10.44.0.0/24"}).Extract()
	if err != nil {
		t.Fatal(err)
	}
	life := s.life("unguarded", s.cloud())
	n := again(life, func(ctx context.Context) (cloud.Network, error) {
		return life.cloud.EnsureNetwork(ctx, life.scope, cloud.NetworkSpec{Name: life.scope.Name, FixedNetwork: open.ID, APIPort: 6443})
	})
	m, err := life.ensure(life.spec("unguarded-master-0", n))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := ports.List(neutron, ports.ListOpts{NetworkID: open.ID}).AllPages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, err := ports.ExtractPorts(pages)
	if err != nil || len(all) != 1 || all[0].FixedIPs[0].IPAddress != m.Address || len(all[0].SecurityGroups)+len(all[0].AllowedAddressPairs) > 0 {
		t.Errorf("the ports are %+v (%v), the machine is %+v", all, err, m)
	}
	life.clear()
}
