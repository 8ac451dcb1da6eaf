// Package served gives tests of clients a service as users run it: the built
// program as a process of its own, with the simulated cloud, and people who may
// call it by a clouds.yaml.
package served

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/jeroboam-cloud/jeroboam"
)

// What the simulated cloud has.
const (
	COE    = "kubernetes"
	Image  = "sim"
	Flavor = "small"
)

// Service is a running "jeroboam serve", which the test ends.
type Service struct {
	testing.TB
	URL   string // such as http://127.0.0.1:40123
	State string // directory

	program string
	said    bytes.Buffer // to users: the administrator's password
	log     bytes.Buffer
	ended   chan error
}

// Start serves until the test ends. settings are of the environment, as
// JEROBOAM_IDENTITY.
func Start(t testing.TB, settings map[string]string) *Service {
	t.Helper()
	program, err := filepath.Abs(filepath.Join(Repository(t), "bin", "jeroboam"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("build it with make build-programs: %v", err)
	}
	s := &Service{TB: t, State: filepath.Join(t.TempDir(), "state"), program: program, ended: make(chan error, 1)}
	cmd := exec.Command(program, "serve", "--state", s.State, "--listen", "127.0.0.1:0", "--drivers", "k8s_sim", "--bundles", t.TempDir(), "--log-level", "warn")
	cmd.Env = os.Environ()
	for name, value := range settings {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdout, cmd.Stderr = &s.said, &s.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.ended <- cmd.Wait() }() // stop waits for it
	t.Cleanup(func() { s.stop(cmd) })
	s.untilServing()
	return s
}

func (s *Service) stop(cmd *exec.Cmd) {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.Error(err)
	}
	if err := <-s.ended; err != nil {
		s.Errorf("the service ended badly: %v", err)
	}
	if s.Failed() {
		text := s.log.Bytes()
		s.Logf("the end of the service's log:\n%s", text[max(0, len(text)-10_000):])
	}
}

func (s *Service) untilServing() {
	s.Helper()
	Eventually(s.TB, "the service serves", func() bool {
		select {
		case err := <-s.ended:
			s.ended <- err
			s.Fatalf("the service ended at once: %v\n%s", err, &s.log)
		default:
		}
		text, err := os.ReadFile(filepath.Join(s.State, "endpoint"))
		if err != nil {
			return false
		}
		s.URL = strings.TrimSpace(string(text))
		answer, err := http.Get(s.URL + "/healthcheck")
		return err == nil && answer.Body.Close() == nil
	})
}

// User lets somebody of the service's own identity in and returns how to log
// in, an entry of clouds.yaml.
func (s *Service) User(name, project, role string) Cloud {
	s.Helper()
	dir := s.TempDir()
	cmd := exec.Command(s.program, "user", "add", name, "--project", project, "--role", role, "--directory", dir)
	cmd.Env = append(os.Environ(), "JEROBOAM_STATE="+s.State)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Fatalf("user add: %v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "clouds.yaml"))
	if err != nil {
		s.Fatal(err)
	}
	var file Clouds
	if err := yaml.Unmarshal(text, &file); err != nil {
		s.Fatal(err)
	}
	return file.Clouds["jeroboam"]
}

// Clouds is a clouds.yaml.
type Clouds struct {
	Clouds map[string]Cloud `json:"clouds"`
}

// Cloud is an entry of clouds.yaml: how to log in, and where the service is.
type Cloud struct {
	Auth    Auth   `json:"auth"`
	Region  string `json:"region_name"`
	Version int    `json:"identity_api_version"`
}

// Auth is how to log in with a password.
type Auth struct {
	URL             string `json:"auth_url"`
	Username        string `json:"username"`
	Password        string `json:"password"`
	Project         string `json:"project_name"`
	UserDomainID    string `json:"user_domain_id"`
	ProjectDomainID string `json:"project_domain_id"`
}

// CloudIn is how a user of the domain default logs in to a Keystone.
func CloudIn(url, region, user string, password jeroboam.Secret, project string) Cloud {
	return Cloud{Region: region, Version: 3, Auth: Auth{URL: url, Username: user, Password: password.Reveal(), Project: project,
		UserDomainID: "default", ProjectDomainID: "default"}}
}

// Repository is the directory of go.mod above the test's.
func Repository(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	t.Fatalf("there is no go.mod above the test: %v", err)
	return ""
}

// Eventually looks again and again until something holds, for a minute.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	Within(t, time.Minute, 50*time.Millisecond, what, holds)
}

// Within looks again and again until something holds.
func Within(t testing.TB, limit, every time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline, tick := time.After(limit), time.NewTicker(every)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("not within %v: %s", limit, what)
		case <-tick.C:
		}
	}
}
