package testbed

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Serve builds the program and runs it as a service with the simulated cloud and
// this Keystone, for the length of the test; it returns the service's address.
func (k *Keystone) Serve() string {
	k.Helper()
	dir := k.TempDir()
	program, state := filepath.Join(dir, "jeroboam"), filepath.Join(dir, "state")
	run(k.T, "go", "build", "-o", program, "github.com/jeroboam-cloud/jeroboam/cmd/jeroboam")
	own := k.User("admin", "admin")
	service := exec.Command(program, "serve", "--drivers", "k8s_sim", "--state", state, "--bundles", filepath.Join(dir, "bundles"),
		"--listen", "127.0.0.1:0", "--log-level", "error", "--identity", "keystone", "--keystone-auth-url", k.URL,
		"--keystone-username", own.Name, "--keystone-project", "admin")
	service.Env = append(os.Environ(), "JEROBOAM_KEYSTONE_PASSWORD="+own.Password.Reveal())
	service.Stdout, service.Stderr = k.Output(), k.Output()
	if err := service.Start(); err != nil {
		k.Fatal(err)
	}
	k.Cleanup(func() {
		if err := service.Process.Signal(syscall.SIGTERM); err != nil {
			k.Error(err)
		}
		if err := service.Wait(); err != nil {
			k.Error(err)
		}
	})
	return k.endpoint(state)
}

// endpoint waits until the service has written down where it is.
func (k *Keystone) endpoint(state string) string {
	k.Helper()
	deadline, tick := time.After(time.Minute), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		if text, err := os.ReadFile(filepath.Join(state, "endpoint")); err == nil {
			return strings.TrimSpace(string(text))
		}
		select {
		case <-deadline:
			k.Fatal("the service does not serve after a minute")
		case <-tick.C:
		}
	}
}
