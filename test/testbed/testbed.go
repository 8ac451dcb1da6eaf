// Package testbed gives tests a real OpenStack: the one that OS_CLOUD names, or
// else the all-in-one that lies beside the repository, in
// ../shared/testbed/openstack. That is started if it is not running, and stopped
// again then. It takes away what tests made.
package testbed

import (
	"context"
	"crypto/rand"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

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

// Keystone is that of the cloud, with the accounts that were there before.
type Keystone struct {
	*testing.T
	URL      string
	Testbed  bool                     // it is the testbed beside the repository
	Endpoint gophercloud.EndpointOpts // of the services that tests speak to
	Operator Account                  // the cloud's administrator
	Members  [2]Account               // of two projects
	admin    *gophercloud.ServiceClient
}

// Start returns the Keystone of a cloud that has more services too if they are
// named; without JEROBOAM_TEST_OPENSTACK=1, without a cloud and without one of
// the services the test is skipped.
func Start(t *testing.T, services ...string) *Keystone {
	t.Helper()
	if os.Getenv("JEROBOAM_TEST_OPENSTACK") != "1" {
		t.Skip("needs a real OpenStack: set JEROBOAM_TEST_OPENSTACK=1")
	}
	if os.Getenv("OS_CLOUD") == "" {
		startOwn(t, append([]string{"keystone"}, services...))
	}
	k := named(t)
	k.admin = k.identity(k.Login(k.Operator.Name, k.Operator.Password, k.Operator.Project))
	k.need(services)
	return k
}

// Long leaves a test out of go test -short: continuous integration has to come to
// an end.
func Long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes a while: run without -short")
	}
}

// StartOwn is Start where the test needs what only the testbed has.
func StartOwn(t *testing.T, services ...string) *Keystone {
	t.Helper()
	if os.Getenv("OS_CLOUD") != "" {
		t.Skip("needs the testbed: OS_CLOUD names another cloud")
	}
	return Start(t, services...)
}

// startOwn starts those of the testbed's services that are not running, for the
// length of the test.
func startOwn(t *testing.T, services []string) {
	t.Helper()
	dir := filepath.Join(served.Repository(t), place)
	if _, err := os.Stat(filepath.Join(dir, "up")); err != nil {
		t.Skipf("OS_CLOUD names no cloud, and the testbed is not there: %v", err)
	}
	if os.Geteuid() != 0 {
		t.Skip("the testbed needs root")
	}
	absent := silent(services)
	if len(absent) == 0 {
		return
	}
	run(t, filepath.Join(dir, "up"), "--only", strings.Join(services, ","))
	if absent[0] == "keystone" {
		absent = nil // all of it was down, and shall be again
	}
	t.Cleanup(func() { run(t, filepath.Join(dir, "down"), absent...) })
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
	if err != nil {
		k.Fatalf("role %s: %v", name, err)
	}
	if len(found) == 0 {
		k.Skipf("this cloud has no role %s", name)
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
	own := k.User(k.Operator.Project, "admin")
	all := map[string]string{
		"JEROBOAM_IDENTITY": "keystone", "JEROBOAM_KEYSTONE_AUTH_URL": k.URL, "JEROBOAM_KEYSTONE_USERNAME": own.Name,
		"JEROBOAM_KEYSTONE_PROJECT": k.Operator.Project, "JEROBOAM_KEYSTONE_PASSWORD": own.Password.Reveal(),
	}
	maps.Copy(all, settings)
	return served.Start(k, all)
}
