package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/jeroboam-cloud/jeroboam/test/port"
	"github.com/jeroboam-cloud/jeroboam/test/postgres"
)

func TestMain(m *testing.M) {
	testscript.Main(stopping{m}, map[string]func(){"jeroboam": main})
}

// database is the PostgreSQL of scenarios that ask for one.
var database postgres.Server

// stopping are the tests, with the end of what they started.
type stopping struct{ *testing.M }

func (s stopping) Run() int {
	defer database.Stop()
	return s.M.Run()
}

// TestScenarios runs the command line as users type it, against a service of
// its own on the simulated cloud where a scenario says "serve".
func TestScenarios(t *testing.T) {
	testscript.Run(t, params())
}

func params() testscript.Params {
	return testscript.Params{
		Dir:                 filepath.Join("..", "..", "test", "scenarios"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setUp,
		Condition:           condition,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"serve":    serveInBackground,
			"code":     wantCode,
			"tmpfs":    mountSmall,
			"listen":   occupy,
			"database": makeDatabase,

			"certificate": makeCertificate,
			"collector":   collectSpans,
			"ask":         askService,
			"half":        askHalf,
			"finish":      askRest,
			"follow":      followEvents,
			"followed":    endOfEvents,
			"free":        chooseAddress,
			"spend":       askOften,
			"await":       awaitText,
			"refused":     awaitRefusal,
			"signal":      signalService,
			"ended":       endOfService,
		},
	}
}

func setUp(e *testscript.Env) error {
	for _, pair := range []string{"HOME=" + e.WorkDir, "JEROBOAM_STATE=" + filepath.Join(e.WorkDir, "state"), "JEROBOAM_DRIVERS=k8s_sim", "JEROBOAM_BUNDLES=" + filepath.Join(e.WorkDir, "bundles"),
		"GORACE=atexit_sleep_ms=0", // else every command of a race build takes a second longer
		"ONLY_US=" + filepath.SplitList(os.Getenv("PATH"))[0]} {
		key, value, _ := strings.Cut(pair, "=")
		e.Setenv(key, value)
	}
	e.Values[runningKey{}] = &newest{}
	return nil
}

func condition(name string) (bool, error) {
	switch name {
	case "root":
		return os.Geteuid() == 0, nil
	case "postgres":
		return database.Absent() == "", nil
	}
	return false, fmt.Errorf("there is no condition %q", name)
}

// serveInBackground starts the service of the scenario, waits until it answers
// and becomes its administrator: "serve [FLAG...]".
func serveInBackground(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("serve cannot be negated: use ! exec jeroboam serve")
	}
	address := keepAddress(ts)
	script := append([]string{"serve", "--listen", address}, args...)
	said, err := os.Create(ts.MkAbs("said"))
	ts.Check(err)
	service := program(ts, script)
	service.Stdout = said
	service.Stderr, err = os.Create(ts.MkAbs("serve.log"))
	ts.Check(err)
	ts.Check(service.Start())
	r := &running{service: service, ended: make(chan error, 1), client: clientFor(ts, args), url: "http://" + address}
	ts.Value(runningKey{}).(*newest).running = r
	go func() { r.ended <- service.Wait() }()
	ts.Defer(func() { end(ts, r) })
	if slices.Contains(args, "--tls-cert") {
		r.url = "https://" + address
	}
	until(ts, "the service answers", func() bool {
		response, err := r.client.Get(r.url + "/healthcheck")
		return err == nil && response.Body.Close() == nil
	})
	var password string
	until(ts, "the password is said", func() bool {
		text, err := os.ReadFile(said.Name())
		_, after, found := bytes.Cut(text, []byte("password: "))
		password = strings.TrimSpace(string(after))
		return err == nil && found
	})
	ts.Setenv("URL", r.url)
	ts.Setenv("OS_AUTH_URL", r.url+"/identity/v3")
	ts.Setenv("OS_TOKEN", token(ts, r, password))
}

// token logs in once for the whole scenario: hashing a password takes its time,
// by design, and much of it under the race detector.
func token(ts *testscript.TestScript, r *running, password string) string {
	provider, err := openstack.NewClient(r.url + "/identity/v3")
	ts.Check(err)
	provider.HTTPClient = *r.client
	ts.Check(openstack.Authenticate(context.Background(), provider, gophercloud.AuthOptions{
		IdentityEndpoint: r.url + "/identity/v3", Username: "admin", Password: password, DomainID: "default", TenantName: "admin",
	}))
	return provider.TokenID
}

// wantCode runs the program and wants this exit code: "code 3 cluster show x".
func wantCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code NUMBER ARGUMENT...")
	}
	var stdout, stderr bytes.Buffer
	cmd := program(ts, args[1:])
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		ts.Fatalf("%v", err)
	}
	ts.Check(os.WriteFile(ts.MkAbs("out"), stdout.Bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("err"), stderr.Bytes(), 0o600))
	if code := cmd.ProcessState.ExitCode(); fmt.Sprint(code) != args[0] {
		ts.Fatalf("jeroboam %s: exit code %d, not %s\n%s%s", strings.Join(args[1:], " "), code, args[0], &stdout, &stderr)
	}
}

// program is this program, in the scenario's directory and environment.
func program(ts *testscript.TestScript, args []string) *exec.Cmd {
	cmd := &exec.Cmd{Path: find(ts, "jeroboam"), Args: append([]string{"jeroboam"}, args...), Dir: ts.MkAbs(".")}
	for _, key := range []string{"PATH", "GORACE", "HOME", "TMPDIR", "JEROBOAM_STATE", "JEROBOAM_DATABASE", "JEROBOAM_DRIVERS", "JEROBOAM_BUNDLES", "OS_AUTH_URL",
		"OS_CACERT", "OS_TOKEN", "OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME", "OS_USER_DOMAIN_ID", "OS_PROJECT_DOMAIN_ID"} {
		if value := ts.Getenv(key); value != "" {
			cmd.Env = append(cmd.Env, key+"="+value)
		}
	}
	return cmd
}

// find looks a program up in the scenario's path, not the test's.
func find(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path := filepath.Join(dir, name); exec.Command(path).Err == nil {
			if _, err := os.Stat(path); err == nil {
				return path
			}
		}
	}
	ts.Fatalf("there is no %s in the path", name)
	return ""
}

// end stops a service, which must end well.
func end(ts *testscript.TestScript, r *running) {
	r.client.CloseIdleConnections()
	if r.seen {
		return // the scenario has ended it
	}
	ts.Check(r.service.Process.Signal(unix.SIGTERM))
	if err := <-r.ended; err != nil {
		log, _ := os.ReadFile(ts.MkAbs("serve.log"))
		ts.Logf("the service ended badly: %v\n%s", err, log)
		ts.Check(err)
	}
}

// mountSmall mounts a file system of so many bytes: "tmpfs DIRECTORY 1m".
func mountSmall(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	ts.Check(unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+args[1]))
	ts.Defer(func() { ts.Check(unix.Unmount(dir, unix.MNT_DETACH)) })
}

// occupy listens on a free port and puts its address into a variable:
// "listen NAME".
func occupy(ts *testscript.TestScript, neg bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { ts.Check(l.Close()) })
	ts.Setenv(args[0], l.Addr().String())
}

// makeDatabase makes an empty PostgreSQL database and puts its URL into a
// variable: "database NAME".
func makeDatabase(ts *testscript.TestScript, neg bool, args []string) {
	url, drop, err := database.Create()
	ts.Check(err)
	ts.Defer(func() { ts.Check(drop()) })
	ts.Setenv(args[0], url.Reveal())
}

// keepAddress is an address for what the scenario starts, the scenario's own until
// it ends.
func keepAddress(ts *testscript.TestScript) string {
	address, release, err := port.Keep()
	ts.Check(err)
	ts.Defer(func() { ts.Check(release()) })
	return address
}

func until(ts *testscript.TestScript, what string, holds func() bool) {
	deadline, tick := time.After(time.Minute), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			ts.Fatalf("not after a minute: %s", what)
		case <-tick.C:
		}
	}
}
