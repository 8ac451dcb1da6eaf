package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam/test/port"
)

// service is one "jeroboam serve" on a state directory of its own.
type service struct {
	t      testing.TB
	bin    string // directory of the binaries and bundles
	state  string
	listen string
	home   string // directory with the credentials of who calls
	env    []string
	cmd    *exec.Cmd
	log    *os.File
}

// start skips the test unless real machines are wished for, and serves.
func start(t testing.TB) *service {
	t.Helper()
	if os.Getenv("JEROBOAM_TEST_REAL") != "1" {
		t.Skip("makes real clusters on this host: set JEROBOAM_TEST_REAL=1, as root, after make build")
	}
	bin, err := filepath.Abs("../../bin")
	if err != nil {
		t.Fatal(err)
	}
	state, err := os.MkdirTemp("/var/tmp", "jeroboam-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, bin: bin, state: state, listen: port.Address(t), home: state}
	before := snapshot(t, state)
	t.Cleanup(func() {
		s.remove()
		settle(t, before, state)
		_ = os.RemoveAll(state)
	})
	s.serve()
	s.letIn("demo", "admin", s.state)
	return s
}

// letIn makes a user with a project of the same name and puts the credentials
// into a directory.
func (s *service) letIn(name, role, directory string) {
	s.t.Helper()
	s.run("user", "add", name, "--role", role, "--directory", directory)
}

// as is the same service, called by another user with another project.
func (s *service) as(name string) *service {
	s.t.Helper()
	other := *s
	other.home = filepath.Join(s.state, "home", name)
	s.letIn(name, "member", other.home)
	return &other
}

// serve starts the service and returns when it answers.
func (s *service) serve(flags ...string) {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.state, "serve.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd = s.command(append([]string{"serve", "--state", s.state, "--listen", s.listen, "--log-level", "debug"}, flags...)...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.log = log
	s.eventually(time.Minute, "the service answers", func() error {
		answer, err := http.Get("http://" + s.listen + "/healthcheck")
		if err != nil {
			return err
		}
		return answer.Body.Close()
	})
}

// kill ends the service as a crash would.
func (s *service) kill() {
	s.t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	s.wait()
}

// stop ends the service as an operator would.
func (s *service) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	s.wait()
}

func (s *service) wait() {
	_ = s.cmd.Wait() // its exit code is the signal's
	_ = s.log.Close()
	s.cmd = nil
}

// remove takes everything away, as "make down" does; what a test has already
// deleted must have gone before.
func (s *service) remove() {
	if s.t.Failed() {
		s.showLog()
	}
	if s.cmd != nil {
		s.stop()
	}
	if out, err := s.command("down").CombinedOutput(); err != nil {
		s.t.Errorf("jeroboam down: %v\n%s", err, out)
	}
}

func (s *service) showLog() {
	text, _ := os.ReadFile(filepath.Join(s.state, "serve.log"))
	const most = 20_000
	if len(text) > most {
		text = text[len(text)-most:]
	}
	s.t.Logf("the end of the service's log:\n%s", text)
}

// command is the program with the credentials of the user.
func (s *service) command(args ...string) *exec.Cmd { return s.commandOf(s.state, args...) }

// commandOf is the program with the credentials in a directory.
func (s *service) commandOf(directory string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, "jeroboam"), args...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.home, "JEROBOAM_STATE=" + s.state,
		"OS_CLIENT_CONFIG_FILE=" + filepath.Join(directory, "clouds.yaml"), "OS_CLOUD=jeroboam",
	}
	cmd.Env = append(cmd.Env, s.env...)
	return cmd
}

// run calls the command line, which must succeed, and returns its output.
func (s *service) run(args ...string) string {
	s.t.Helper()
	out, err := s.try(args...)
	if err != nil {
		s.t.Fatalf("jeroboam %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// try calls the command line; the error holds what it wrote to stderr.
func (s *service) try(args ...string) (string, error) { return output(s.command(args...)) }

func output(cmd *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%w\n%s%s", err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}

// read calls the command line with -o json and decodes what it says.
func (s *service) read(into any, args ...string) error {
	out, err := s.try(append(args, "-o", "json")...)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(out), into)
}

// eventually asks until there is no error any more.
func (s *service) eventually(limit time.Duration, what string, f func() error) {
	s.t.Helper()
	if err := until(limit, f); err != nil {
		s.t.Fatalf("not within %v: %s: %v", limit, what, err)
	}
}

func until(limit time.Duration, f func() error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	err := f()
	for err != nil && ctx.Err() == nil {
		pause(100 * time.Millisecond)
		err = f()
	}
	return err
}

var errNotYet = errors.New("not yet")
