package openstack_test

import (
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/cloudtest"
	cloudopenstack "github.com/jeroboam-cloud/jeroboam/cloud/openstack"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

// site is the testbed as this package's tests use it.
type site struct {
	*testbed.Keystone
	name     string                     // of the project
	project  string                     // its ID
	admin    *gophercloud.ServiceClient // of Nova, in the project
	provider *testbed.Provider          // of load balancers
}

func open(t *testing.T) site {
	t.Helper()
	k := testbed.Start(t, "glance", "placement", "nova", "neutron", "cinder", "octavia")
	name := k.NewProject("cloud")
	k.LetAdminIn(name)
	s := site{Keystone: k, name: name, project: k.Project(name), provider: k.Balance(name)}
	nova, err := openstack.NewComputeV2(k.Login(k.Operator.Name, k.Operator.Password, name), k.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	s.admin = nova
	return s
}

func (s site) options() cloudopenstack.Options {
	return cloudopenstack.Options{
		Auth: s.As(s.Operator, ""), Endpoint: s.Endpoint, Watch: time.Second,
	}
}

func (s site) cloud() *cloudopenstack.Cloud {
	c := cloudopenstack.New(s.options())
	s.Cleanup(c.CloseIdle)
	return c
}

func TestARealCloudConforms(t *testing.T) {
	s := open(t)
	things := s.Things()
	login := s.Login(s.Operator.Name, s.Operator.Password, s.name)
	cloudtest.Run(t, func(t *testing.T) cloudtest.Harness {
		return cloudtest.Harness{
			Open: func() cloud.Cloud { return s.cloud() },
			Stop: func(m cloud.Machine) {
				if err := servers.Stop(t.Context(), s.admin, m.CloudID).ExtractErr(); err != nil {
					t.Fatal(err)
				}
			},
			Flavor: things.Flavor, Image: things.Image, Project: s.project, Patience: 5 * time.Minute, Look: 250 * time.Millisecond,
			Beget: func(scope cloud.Scope, n cloud.Network) { s.Beget(login, scope.Cluster, n.ID, n.Subnet) },
		}
	})
}
