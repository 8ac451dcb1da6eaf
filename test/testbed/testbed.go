// Package testbed gives tests a real OpenStack: the all-in-one that lies beside
// the repository, in ../shared/testbed/openstack. It starts it if it is not
// running, stops it again then, and takes away what tests made in it.
package testbed

import (
	"context"
	"crypto/rand"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/endpoints"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/regions"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/services"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/test/served"
)

// place is where the testbed lies, from the root of the repository.
const place = "../shared/testbed/openstack"

// Keystone is the testbed's. It has the users admin, alice (member of physics)
// and bob (member of it), whose passwords are their names and "-pw".
type Keystone struct {
	*testing.T
	URL   string
	admin *gophercloud.ServiceClient
}

// listen is the ports of the testbed's services, on this host.
var listen = map[string]string{
	"keystone": "5000", "glance": "9292", "placement": "8778", "nova": "8774", "neutron": "9696", "barbican": "9311", "cinder": "8776", "octavia": "9876",
}

// Start returns the testbed's Keystone, with more services if they are named;
// without JEROBOAM_TEST_OPENSTACK=1 or without the testbed the test is skipped.
func Start(t *testing.T, services ...string) *Keystone {
	t.Helper()
	if os.Getenv("JEROBOAM_TEST_OPENSTACK") != "1" {
		t.Skip("needs a real OpenStack: set JEROBOAM_TEST_OPENSTACK=1")
	}
	dir := filepath.Join(served.Repository(t), place)
	if _, err := os.Stat(filepath.Join(dir, "up")); err != nil {
		t.Skipf("the testbed is not there: %v", err)
	}
	if os.Geteuid() != 0 {
		t.Skip("the testbed needs root")
	}
	services = append([]string{"keystone"}, services...)
	if absent := silent(services); len(absent) > 0 {
		run(t, filepath.Join(dir, "up"), "--only", strings.Join(services, ","))
		if absent[0] == "keystone" {
			absent = nil // all of it was down, and shall be again
		}
		t.Cleanup(func() { run(t, filepath.Join(dir, "down"), absent...) })
	}
	k := &Keystone{T: t, URL: "http://127.0.0.1:5000/v3"}
	k.admin = k.identity(k.Login("admin", "admin-pw", "admin"))
	return k
}

// Address is where one of the testbed's services listens.
func Address(service string) string { return "http://127.0.0.1:" + listen[service] }

// Service is whose an address ("host:port") is; "" for nobody's.
func Service(address string) string {
	for name, port := range listen {
		if strings.HasSuffix(address, ":"+port) {
			return name
		}
	}
	return ""
}

// silent are those of the services that nobody answers for.
func silent(services []string) []string {
	return slices.DeleteFunc(slices.Clone(services), func(name string) bool {
		c, err := net.DialTimeout("tcp", "127.0.0.1:"+listen[name], time.Second)
		return err == nil && c.Close() == nil
	})
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// Login is a client of a user in a project of the domain Default.
func (k *Keystone) Login(user string, password jeroboam.Secret, project string) *gophercloud.ProviderClient {
	k.Helper()
	return k.LoginFor(user, password, &gophercloud.AuthScope{ProjectName: project, DomainID: "default"})
}

// LoginFor is a client of a user in any scope.
func (k *Keystone) LoginFor(user string, password jeroboam.Secret, scope *gophercloud.AuthScope) *gophercloud.ProviderClient {
	k.Helper()
	p, err := openstack.AuthenticatedClient(k.Context(), gophercloud.AuthOptions{
		IdentityEndpoint: k.URL, Username: user, Password: password.Reveal(), DomainID: "default", Scope: scope,
	})
	if err != nil {
		k.Fatalf("log in as %s: %v", user, err)
	}
	return p
}

func (k *Keystone) identity(p *gophercloud.ProviderClient) *gophercloud.ServiceClient {
	k.Helper()
	c, err := openstack.NewIdentityV3(p, gophercloud.EndpointOpts{})
	if err != nil {
		k.Fatal(err)
	}
	return c
}

// Admin is Keystone as its administrator asks it.
func (k *Keystone) Admin() *gophercloud.ServiceClient { return k.admin }

// User is one that a test made.
type User struct {
	ID, Name string
	Password jeroboam.Secret
}

// User makes a user with a role in a project, for the length of the test.
func (k *Keystone) User(project, role string) User {
	k.Helper()
	u := User{Name: "test-" + rand.Text(), Password: jeroboam.Secret(rand.Text())}
	made, err := users.Create(k.Context(), k.admin, users.CreateOpts{Name: u.Name, Password: u.Password.Reveal(), DomainID: "default"}).Extract()
	if err != nil {
		k.Fatal(err)
	}
	u.ID = made.ID
	k.Cleanup(func() {
		if err := users.Delete(context.Background(), k.admin, u.ID).ExtractErr(); err != nil {
			k.Error(err)
		}
	})
	k.Grant(u, role, roles.AssignOpts{UserID: u.ID, ProjectID: k.Project(project)})
	return u
}

// Grant gives a user a role somewhere.
func (k *Keystone) Grant(u User, role string, where roles.AssignOpts) {
	k.Helper()
	if err := roles.Assign(k.Context(), k.admin, k.Role(role), where).ExtractErr(); err != nil {
		k.Fatalf("grant %s to %s: %v", role, u.Name, err)
	}
}

// Role is the ID of a role.
func (k *Keystone) Role(name string) string {
	k.Helper()
	pages, err := roles.List(k.admin, roles.ListOpts{Name: name}).AllPages(k.Context())
	if err != nil {
		k.Fatal(err)
	}
	found, err := roles.ExtractRoles(pages)
	if err != nil || len(found) != 1 {
		k.Fatalf("role %s: %v, %v", name, found, err)
	}
	return found[0].ID
}

// NewProject makes a project for the length of the test and returns its name,
// which begins with prefix.
func (k *Keystone) NewProject(prefix string) string {
	k.Helper()
	made, err := projects.Create(k.Context(), k.admin, projects.CreateOpts{Name: prefix + "-" + rand.Text(), DomainID: "default"}).Extract()
	if err != nil {
		k.Fatal(err)
	}
	k.Cleanup(func() {
		err := projects.Delete(context.Background(), k.admin, made.ID).ExtractErr()
		if err != nil && !gophercloud.ResponseCodeIs(err, http.StatusNotFound) { // a test may have done so
			k.Error(err)
		}
	})
	return made.Name
}

// Project is the ID of a project.
func (k *Keystone) Project(name string) string {
	k.Helper()
	pages, err := projects.List(k.admin, projects.ListOpts{Name: name}).AllPages(k.Context())
	if err != nil {
		k.Fatal(err)
	}
	found, err := projects.ExtractProjects(pages)
	if err != nil || len(found) != 1 {
		k.Fatalf("project %s: %v, %v", name, found, err)
	}
	return found[0].ID
}

// Register puts a service that serves at url into the catalogue, in a region of
// its own, as the page on identity tells operators to do.
func (k *Keystone) Register(url string) (region string) {
	k.Helper()
	region = "test-" + rand.Text()
	k.Cleanup(func() { // last: the endpoint's region comes and stays by itself
		if err := regions.Delete(context.Background(), k.admin, region).ExtractErr(); err != nil {
			k.Error(err)
		}
	})
	s, err := services.Create(k.Context(), k.admin, services.CreateOpts{Type: "container-infra", Extra: map[string]any{"name": "magnum"}}).Extract()
	if err != nil {
		k.Fatal(err)
	}
	k.Cleanup(func() {
		if err := services.Delete(context.Background(), k.admin, s.ID).ExtractErr(); err != nil {
			k.Error(err)
		}
	})
	e, err := endpoints.Create(k.Context(), k.admin, endpoints.CreateOpts{
		Availability: gophercloud.AvailabilityPublic, Region: region, URL: url + "/v1", ServiceID: s.ID, Name: "magnum",
	}).Extract()
	if err != nil {
		k.Fatal(err)
	}
	k.Cleanup(func() {
		if err := endpoints.Delete(context.Background(), k.admin, e.ID).ExtractErr(); err != nil {
			k.Error(err)
		}
	})
	return region
}

// Serve starts a service whose callers are Keystone's, with more settings of the
// environment than those that make it so.
func (k *Keystone) Serve(settings map[string]string) *served.Service {
	k.Helper()
	own := k.User("admin", "admin")
	all := map[string]string{
		"JEROBOAM_IDENTITY": "keystone", "JEROBOAM_KEYSTONE_AUTH_URL": k.URL, "JEROBOAM_KEYSTONE_USERNAME": own.Name,
		"JEROBOAM_KEYSTONE_PROJECT": "admin", "JEROBOAM_KEYSTONE_PASSWORD": own.Password.Reveal(),
	}
	maps.Copy(all, settings)
	return served.Start(k, all)
}
