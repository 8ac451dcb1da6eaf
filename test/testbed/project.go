package testbed

import (
	"context"
	"net/http"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
)

// LetAdminIn gives the administrator a role in a project that the test made, to
// have machines there. At the end of the test it takes along the security group
// that Neutron gives every project.
func (k *Keystone) LetAdminIn(project string) {
	k.Helper()
	pages, err := users.List(k.admin, users.ListOpts{Name: k.Operator.Name, DomainID: "default"}).AllPages(k.Context())
	if err != nil {
		k.Fatal(err)
	}
	admins, err := users.ExtractUsers(pages)
	if err != nil || len(admins) != 1 {
		k.Fatalf("admin: %v, %v", admins, err)
	}
	id := k.Project(project)
	k.Grant(User{Name: k.Operator.Name}, "admin", roles.AssignOpts{UserID: admins[0].ID, ProjectID: id})
	neutron := k.Neutron(k.Operator.Project)
	k.Cleanup(func() { k.dropSecurityGroups(neutron, id) })
}

func (k *Keystone) dropSecurityGroups(neutron *gophercloud.ServiceClient, project string) {
	ctx := context.Background()
	pages, err := groups.List(neutron, groups.ListOpts{ProjectID: project}).AllPages(ctx)
	if err != nil {
		k.Error(err)
		return
	}
	left, err := groups.ExtractGroups(pages)
	if err != nil {
		k.Error(err)
	}
	for _, g := range left {
		if err := groups.Delete(ctx, neutron, g.ID).ExtractErr(); err != nil && !gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
			k.Error(err)
		}
	}
}

// Nova is the compute service as the administrator asks it in a project.
func (k *Keystone) Nova(project string) *gophercloud.ServiceClient {
	return k.service(openstack.NewComputeV2, project)
}

// Neutron is the network service as the administrator asks it in a project.
func (k *Keystone) Neutron(project string) *gophercloud.ServiceClient {
	return k.service(openstack.NewNetworkV2, project)
}

// Cinder is the volume service as the administrator asks it in a project.
func (k *Keystone) Cinder(project string) *gophercloud.ServiceClient {
	return k.service(openstack.NewBlockStorageV3, project)
}

// Octavia is the load-balancer service as the administrator asks it in a project.
func (k *Keystone) Octavia(project string) *gophercloud.ServiceClient {
	return k.service(openstack.NewLoadBalancerV2, project)
}

type opener func(*gophercloud.ProviderClient, gophercloud.EndpointOpts) (*gophercloud.ServiceClient, error)

func (k *Keystone) service(open opener, project string) *gophercloud.ServiceClient {
	k.Helper()
	client, err := open(k.Login(k.Operator.Name, k.Operator.Password, project), k.Endpoint)
	if err != nil {
		k.Fatal(err)
	}
	return client
}
