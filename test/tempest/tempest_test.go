// Package tempest runs OpenStack's own tests of the Magnum API, as Debian
// packages them, against a service with the simulated cloud and the testbed's
// Keystone.
package tempest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/clustertemplates"

	"github.com/jeroboam-cloud/jeroboam/pki"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

// left out are tests that no service passes, or none should; docs/compatibility.md
// tells why.
var leftOut = []string{
	// Expects of 1.1 what came with 1.10; OpenStack's own runs leave it out, too.
	"test_create_cluster_with_zero_nodes",
}

// least is how many tests the plugin has at least (1.7.0), without the above.
const least = 57

// concurrency is how many tests run at once, each as a user of its own.
const concurrency = 4

func TestRealTempest(t *testing.T) {
	k := testbed.StartOwn(t)
	if _, err := exec.LookPath("tempest"); err != nil {
		t.Fatal("the tests need: apt-get install --no-install-recommends magnum-tempest-plugin")
	}
	url := k.Serve(nil).URL
	dir := workspace(t, configuration(k, url, template(t, k, url)), accounts(k))
	run := exec.CommandContext(t.Context(), "tempest", "run", "--regex", `^magnum_tempest_plugin\.tests\.api`,
		"--exclude-list", filepath.Join(dir, "left-out"), "--concurrency", strconv.Itoa(concurrency))
	run.Dir, run.Env = filepath.Join(dir, place), environment(dir)
	out, err := run.CombinedOutput()
	passed, failed := figure(out, "Passed"), figure(out, "Failed")
	t.Logf("tempest: %d passed, %d failed, %d left out", passed, failed, len(leftOut))
	if err != nil || failed != 0 || passed < least {
		t.Errorf("want at least %d passed: %v\n%s", least, err, out)
	}
}

// figure reads a line of Tempest's totals; -1: there is none.
func figure(out []byte, what string) int {
	found := regexp.MustCompile(`(?m)^ - ` + what + `: (\d+)$`).FindSubmatch(out)
	if found == nil {
		return -1
	}
	n, _ := strconv.Atoi(string(found[1]))
	return n
}

// environment is this process's, with a home and a plugin of the test's own.
func environment(dir string) []string {
	return append(os.Environ(), "HOME="+dir, "PYTHONPATH="+dir, "PYTHONDONTWRITEBYTECODE=1")
}

// place is where Tempest runs, from the directory of the test.
const place = "workspace"

// workspace is a directory with all that Tempest needs to be run in its place.
func workspace(t *testing.T, configuration, accounts string) string {
	t.Helper()
	dir := t.TempDir()
	start := exec.CommandContext(t.Context(), "tempest", "init", filepath.Join(dir, place))
	start.Dir, start.Env = dir, environment(dir)
	if out, err := start.CombinedOutput(); err != nil {
		t.Fatalf("tempest init: %v\n%s", err, out)
	}
	write(t, filepath.Join(dir, place, "etc", "tempest.conf"), strings.ReplaceAll(configuration, "DIR", dir))
	write(t, filepath.Join(dir, "accounts.yaml"), accounts)
	write(t, filepath.Join(dir, "left-out"), strings.Join(leftOut, "\n"))
	plugin(t, filepath.Join(dir, "magnum_tempest_plugin"))
	return dir
}

var request = regexp.MustCompile(`(?s)-----BEGIN CERTIFICATE REQUEST-----.*?-----END CERTIFICATE REQUEST-----\n`)

// plugin copies the plugin and gives it another CSR: the key of its own has 1024
// bits, which no service should sign.
func plugin(t *testing.T, dir string) {
	t.Helper()
	where, err := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", "import importlib.util as i; print(i.find_spec('magnum_tempest_plugin').origin)").Output()
	if err != nil {
		t.Fatal("the tests need: apt-get install --no-install-recommends magnum-tempest-plugin")
	}
	if err := os.CopyFS(dir, os.DirFS(filepath.Dir(strings.TrimSpace(string(where))))); err != nil {
		t.Fatal(err)
	}
	key, _, err := pki.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	csr, err := pki.NewCSR(key, "admin", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "tests", "api", "v1", "test_cluster.py")
	text, err := os.ReadFile(file)
	if err != nil || len(request.FindAll(text, -1)) != 1 {
		t.Fatalf("%s should have one CSR: %v", file, err)
	}
	write(t, file, request.ReplaceAllString(string(text), strings.TrimSpace(csr)+"\n"))
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// template is the ID of a template that everybody may use, without a key pair:
// the one that the plugin would make names one at random.
func template(t *testing.T, k *testbed.Keystone, url string) string {
	t.Helper()
	admin := &gophercloud.ServiceClient{ProviderClient: k.Login("admin", "admin-pw", "admin"), Endpoint: url + "/v1/", Type: "container-infra"}
	public := true
	made, err := clustertemplates.Create(t.Context(), admin, clustertemplates.CreateOpts{Name: "tempest", COE: "kubernetes",
		ImageID: "sim", FlavorID: "small", MasterFlavorID: "small", Public: &public}).Extract()
	if err != nil {
		t.Fatal(err)
	}
	return made.UUID
}

// accounts are users enough for every test that runs at the same time.
func accounts(k *testbed.Keystone) string {
	var out strings.Builder
	for i := range concurrency {
		member, admin := k.User([]string{"physics", "it"}[i%2], "member"), k.User("admin", "admin")
		fmt.Fprintf(&out, "- {username: %q, project_name: %q, password: %q, domain_name: Default}\n", member.Name, []string{"physics", "it"}[i%2], member.Password.Reveal())
		fmt.Fprintf(&out, "- {username: %q, project_name: admin, password: %q, domain_name: Default, types: [admin]}\n", admin.Name, admin.Password.Reveal())
	}
	return out.String()
}

// configuration is Tempest's, in which DIR stands for the workspace. It needs
// no other service than Keystone: there are no key pairs, and the clusters are
// made from the template.
func configuration(k *testbed.Keystone, url, template string) string {
	return fmt.Sprintf(`[oslo_concurrency]
lock_path = DIR/locks
[auth]
use_dynamic_credentials = false
test_accounts_file = DIR/accounts.yaml
create_isolated_networks = false
[identity]
uri_v3 = %s
auth_version = v3
region = RegionOne
v3_endpoint_type = internalURL
[service_available]
magnum = true
cinder = false
glance = false
neutron = false
nova = false
swift = false
[magnum]
magnum_url = %s/v1
cluster_template_id = %s
coe = kubernetes
image_id = sim
flavor_id = small
master_flavor_id = small
network_driver = flannel
nic_id = public
keypair_name =
copy_logs = false
cluster_creation_timeout = 2
`, k.URL, url, template)
}
