package tempest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/clustertemplates"

	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

// serve builds the program and runs it as a service with the simulated cloud
// until the test ends; it returns the service's address.
func serve(t *testing.T, k *testbed.Keystone) string {
	t.Helper()
	dir := t.TempDir()
	program, state := filepath.Join(dir, "jeroboam"), filepath.Join(dir, "state")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/jeroboam").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	own := k.User("admin", "admin")
	service := exec.Command(program, "serve", "--drivers", "k8s_sim", "--state", state, "--bundles", filepath.Join(dir, "bundles"),
		"--listen", "127.0.0.1:0", "--log-level", "error", "--identity", "keystone", "--keystone-auth-url", k.URL,
		"--keystone-username", own.Name, "--keystone-project", "admin")
	service.Env = append(os.Environ(), "JEROBOAM_KEYSTONE_PASSWORD="+own.Password.Reveal())
	service.Stdout, service.Stderr = t.Output(), t.Output()
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := service.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := service.Wait(); err != nil {
			t.Error(err)
		}
	})
	return endpoint(t, state)
}

// endpoint waits until the service has written down where it is.
func endpoint(t *testing.T, state string) string {
	t.Helper()
	deadline, tick := time.After(time.Minute), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		if text, err := os.ReadFile(filepath.Join(state, "endpoint")); err == nil {
			return strings.TrimSpace(string(text))
		}
		select {
		case <-deadline:
			t.Fatal("the service does not serve after a minute")
		case <-tick.C:
		}
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
