package main

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/clusters"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/clustertemplates"
	"github.com/gophercloud/gophercloud/v2/openstack/keymanager/v1/secrets"
	"golang.org/x/crypto/bcrypt"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/identity/embedded"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

// keystoneSite is a Keystone and who has logged in to it.
type keystoneSite struct {
	url      string
	settings map[string]string // the service's own login
	// clients are the service at url as two users' programs see it.
	clients func(url string) (alice, bob *gophercloud.ServiceClient)
}

// TestServeWithKeystone has the embedded identity, over HTTP, for a Keystone.
func TestServeWithKeystone(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	id, err := embedded.Open(embedded.Options{Dir: t.TempDir(), URL: server.URL, PasswordCost: bcrypt.MinCost})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/identity/", http.StripPrefix("/identity", id.Handler()))
	admin, _ := id.GeneratedPassword()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(admin.Reveal()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	login := func(user, project string) *gophercloud.ProviderClient {
		if _, err := id.EnsureProject(project); err != nil {
			t.Fatal(err)
		}
		password, err := id.EnsureUser(user, project, embedded.RoleMember)
		if err != nil {
			t.Fatal(err)
		}
		p, err := openstack.AuthenticatedClient(t.Context(), gophercloud.AuthOptions{
			IdentityEndpoint: server.URL + "/identity/v3", Username: user, Password: password.Reveal(), DomainID: "default", TenantName: project,
		})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	at := func(url string, p *gophercloud.ProviderClient) *gophercloud.ServiceClient {
		return &gophercloud.ServiceClient{ProviderClient: p, Endpoint: url + "/v1/", Type: "container-infra"}
	}
	serveWithKeystone(t, keystoneSite{
		url: server.URL + "/identity/v3",
		settings: map[string]string{
			"JEROBOAM_KEYSTONE_AUTH_URL": server.URL + "/identity/v3", "JEROBOAM_KEYSTONE_USERNAME": "admin",
			"JEROBOAM_KEYSTONE_PROJECT": "admin", "JEROBOAM_KEYSTONE_PASSWORD_FILE": file,
			"JEROBOAM_KEYSTONE_REGION": "RegionOne", "JEROBOAM_KEYSTONE_INTERFACE": "internal",
		},
		clients: func(url string) (alice, bob *gophercloud.ServiceClient) {
			return at(url, login("alice", "physics")), at(url, login("bob", "it"))
		},
	})
}

// TestServeWithARealKeystone registers the service in the catalogue as the
// operator does, and finds it there as a client does.
func TestServeWithARealKeystone(t *testing.T) {
	serveWithKeystone(t, realSite(t, testbed.Start(t)))
}

// TestServeWithARealBarbican has the secrets of a whole service and a cluster's
// life in a real Barbican.
func TestServeWithARealBarbican(t *testing.T) {
	k := testbed.Start(t, "barbican")
	site, prefix := realSite(t, k), "test-"+rand.Text()
	site.settings["JEROBOAM_VAULT"], site.settings["JEROBOAM_BARBICAN_PREFIX"] = vaultBarbican, prefix
	project, err := openstack.NewKeyManagerV1(k.Login(k.Operator.Name, k.Operator.Password, k.Operator.Project), k.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	kept := func(prefix string) (refs []string) {
		pages, err := secrets.List(project, secrets.ListOpts{Limit: 100}).AllPages(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		all, err := secrets.ExtractSecrets(pages)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			if strings.HasPrefix(s.Name, prefix) {
				refs = append(refs, path.Base(s.SecretRef))
			}
		}
		return refs
	}
	t.Cleanup(func() { // what the service itself keeps
		for _, ref := range kept(prefix + "/service/") {
			if err := secrets.Delete(context.Background(), project, ref).ExtractErr(); err != nil {
				t.Error(err)
			}
		}
	})
	serveWithKeystone(t, site)
	if len(kept(prefix+"/service/")) != 1 {
		t.Error("the service keeps nothing in Barbican")
	}
	eventually(t, "the deleted cluster's secrets are gone", func() bool { return len(kept(prefix+"/")) == 1 })
}

// realSite has a user of its own for the service.
func realSite(t *testing.T, k *testbed.Keystone) keystoneSite {
	own := k.User(k.Operator.Project, "admin")
	find := func(p *gophercloud.ProviderClient, region string) *gophercloud.ServiceClient {
		client, err := openstack.NewContainerInfraV1(p, gophercloud.EndpointOpts{Region: region})
		if err != nil {
			t.Fatal(err)
		}
		return client
	}
	return keystoneSite{
		url: k.URL,
		settings: map[string]string{
			"JEROBOAM_KEYSTONE_AUTH_URL": k.URL, "JEROBOAM_KEYSTONE_USERNAME": own.Name,
			"JEROBOAM_KEYSTONE_PROJECT": k.Operator.Project, "JEROBOAM_KEYSTONE_PASSWORD": own.Password.Reveal(),
		},
		clients: func(url string) (alice, bob *gophercloud.ServiceClient) {
			region := k.Register(url)
			member := func(a testbed.Account) *gophercloud.ServiceClient {
				return find(k.Login(a.Name, a.Password, a.Project), region)
			}
			return member(k.Members[0]), member(k.Members[1])
		},
	}
}

// serveWithKeystone starts the service and lets alice make a cluster that bob
// must not see.
func serveWithKeystone(t *testing.T, site keystoneSite) {
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(policy, []byte("# Nobody asks for figures.\nstats:get_all: \"!\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	site.settings["JEROBOAM_IDENTITY"] = "keystone"
	site.settings["JEROBOAM_POLICY_FILE"] = policy
	url, state := startService(t, site.settings)
	alice, bob := site.clients(url)
	ctx := t.Context()

	template, err := clustertemplates.Create(ctx, alice, clustertemplates.CreateOpts{
		Name: "t", COE: "kubernetes", ImageID: "sim", FlavorID: "small", MasterFlavorID: "small",
	}).Extract()
	if err != nil {
		t.Fatal(err)
	}
	one := 1
	id, err := clusters.Create(ctx, alice, clusters.CreateOpts{Name: "c", ClusterTemplateID: template.UUID, MasterCount: &one, NodeCount: &one}).Extract()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cluster is complete", func() bool {
		c, err := clusters.Get(ctx, alice, id).Extract()
		if err != nil || c.Status == "CREATE_FAILED" {
			t.Fatalf("%+v, %v", c, err)
		}
		return c.Status == "CREATE_COMPLETE"
	})
	for what, err := range map[string]error{
		"cluster":         clusters.Get(ctx, bob, id).Err,
		"template":        clustertemplates.Get(ctx, bob, template.UUID).Err,
		"cluster, delete": clusters.Delete(ctx, bob, id).ExtractErr(),
	} {
		if !gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
			t.Errorf("bob meets alice's %s: %v, want 404", what, err)
		}
	}
	if err := clusters.Delete(ctx, alice, id).ExtractErr(); err != nil {
		t.Error(err)
	}

	for what, test := range map[string]struct {
		path, token string
		status      int
	}{
		"no token":                {"/v1/clusters", "", 401},
		"a wrong token":           {"/v1/clusters", "wrong", 401},
		"what the policy forbids": {"/v1/stats", alice.Token(), 403},
		"no identity of its own":  {"/identity/v3", alice.Token(), 404},
	} {
		response := get(t, url+test.path, test.token)
		header, want := response.Header.Get("WWW-Authenticate"), ""
		if test.status == 401 {
			want = `Keystone uri="` + site.url + `"`
		}
		if response.StatusCode != test.status || header != want {
			t.Errorf("%s: %s, WWW-Authenticate %q; want %d, %q", what, response.Status, header, test.status, want)
		}
	}
	if _, err := os.Stat(identityDir(state)); !os.IsNotExist(err) {
		t.Errorf("the service has users of its own: %v", err)
	}
}

func get(t *testing.T, url, token string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response
}

// startService serves until the test ends, and returns the API's address and
// the state directory.
func startService(t *testing.T, settings map[string]string) (url, state string) {
	t.Helper()
	state = filepath.Join(t.TempDir(), "state")
	c, err := loadConfig(t, "", settings, "--state", state, "--listen", "127.0.0.1:0", "--drivers", "k8s_sim", "--bundles", t.TempDir(), "--log-level", "error")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- serve(t.Context(), c, io.Discard, t.Output()) }()
	t.Cleanup(func() { // after t.Context has ended
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	eventually(t, "the service serves", func() bool {
		select {
		case err := <-ended:
			ended <- nil
			t.Fatal(err)
		default:
		}
		text, err := os.ReadFile(filepath.Join(state, "endpoint"))
		url = strings.TrimSpace(string(text))
		return err == nil
	})
	return url, state
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline, tick := time.After(time.Minute), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("not after a minute: %s", what)
		case <-tick.C:
		}
	}
}

func TestAStartThatKeystoneRefusesSaysWhyAndLeavesNothing(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	state := filepath.Join(t.TempDir(), "state")
	c, err := loadConfig(t, "", map[string]string{"JEROBOAM_KEYSTONE_PASSWORD": "guess"}, "--identity", "keystone",
		"--keystone-auth-url", server.URL+"/v3", "--state", state, "--listen", "127.0.0.1:0", "--drivers", "k8s_sim", "--bundles", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	err = serve(t.Context(), c, io.Discard, io.Discard)
	if e, ok := jeroboam.AsError(err); !ok || e.Reason != "keystone-login" || e.Remedy == "" || strings.Contains(err.Error(), "guess") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(state); !os.IsNotExist(err) {
		t.Errorf("it leaves %s: %v", state, err)
	}
}

func TestTheServicesLoginIsReadFromWhereItIsKept(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("OS_CLIENT_CONFIG_FILE", write("clouds.yaml", `clouds:
  full: {auth: {auth_url: "http://k/v3", username: u, password: p, project_name: service, user_domain_name: D, project_domain_name: E}}
  bare: {auth: {auth_url: "http://k/v3", username: u, project_name: service, user_domain_name: D}}
`))
	secret, empty, page := write("secret", "s3cret\n"), write("empty", "\n"), write("page", "<html>")
	scope := func(domain string) *gophercloud.AuthScope {
		return &gophercloud.AuthScope{ProjectName: "service", DomainName: domain}
	}
	for name, test := range map[string]struct {
		config keystoneConfig
		want   gophercloud.AuthOptions
		fails  string
	}{
		"a user with a file": {
			config: keystoneConfig{AuthURL: "http://k/v3", Username: "u", UserDomain: "D", Project: "service", ProjectDomain: "E", PasswordFile: secret},
			want:   gophercloud.AuthOptions{IdentityEndpoint: "http://k/v3", Username: "u", DomainName: "D", Password: "s3cret", Scope: scope("E")},
		},
		"an application credential": {
			config: keystoneConfig{AuthURL: "http://k/v3", Username: "u", Credential: "id", Password: "x"},
			want:   gophercloud.AuthOptions{IdentityEndpoint: "http://k/v3", ApplicationCredentialID: "id", ApplicationCredentialSecret: "x"},
		},
		"a cloud": {
			config: keystoneConfig{Cloud: "full"},
			want:   gophercloud.AuthOptions{IdentityEndpoint: "http://k/v3", Username: "u", DomainName: "D", Password: "p", TenantName: "service", Scope: scope("E")},
		},
		"a cloud and a password": {
			config: keystoneConfig{Cloud: "bare", Password: "x"},
			want:   gophercloud.AuthOptions{IdentityEndpoint: "http://k/v3", Username: "u", DomainName: "D", Password: "x", TenantName: "service", Scope: scope("")},
		},
		"a cloud without a password":     {config: keystoneConfig{Cloud: "bare"}, fails: "has no auth_url or no password"},
		"a cloud that is not there":      {config: keystoneConfig{Cloud: "none"}, fails: `The cloud "none"`},
		"a file that is not there":       {config: keystoneConfig{AuthURL: "http://k", PasswordFile: dir + "/none"}, fails: "cannot be read"},
		"an empty file":                  {config: keystoneConfig{AuthURL: "http://k", PasswordFile: empty}, fails: "is empty"},
		"an authority that is a page":    {config: keystoneConfig{AuthURL: "http://k", Password: "x", CAFile: page}, fails: "holds no certificate"},
		"an authority that is not there": {config: keystoneConfig{AuthURL: "http://k", Password: "x", CAFile: dir + "/none"}, fails: "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.config.options()
			if test.fails != "" {
				if jeroboam.KindOf(err) != jeroboam.Invalid || !strings.Contains(err.Error(), test.fails) {
					t.Errorf("%v, want %q", err, test.fails)
				}
				return
			}
			if err != nil || got.Auth.Scope == nil != (test.want.Scope == nil) {
				t.Fatalf("%+v, %v", got.Auth, err)
			}
			if got.Auth.Scope != nil && *got.Auth.Scope != *test.want.Scope {
				t.Errorf("scope %+v, want %+v", *got.Auth.Scope, *test.want.Scope)
			}
			got.Auth.Scope, test.want.Scope = nil, nil
			if got.Auth != test.want {
				t.Errorf("\n got %+v\nwant %+v", got.Auth, test.want)
			}
		})
	}
}
