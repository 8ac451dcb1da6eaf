package agent_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/agent"
	"github.com/jeroboam-cloud/jeroboam/node/gateway"
	"github.com/jeroboam-cloud/jeroboam/node/gateway/gatewaytest"
)

// asAgent makes the test binary an agent of the directory it names.
const asAgent = "JEROBOAM_TEST_AGENT"

const (
	machine  = "machine-1"
	patience = time.Minute // for what should happen at once
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "--version" {
		os.Exit(0) // an agent tries the next one's binary so
	}
	if dir := os.Getenv(asAgent); dir != "" {
		if err := runAgent(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// runAgent is what the agent's main does, in a directory of its own.
func runAgent(dir string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	options := optionsIn(dir)
	options.Init = os.Getenv(asInit) != ""
	options.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	a, err := agent.New(options)
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

// asInit makes that agent stop its services in the end.
const asInit = "JEROBOAM_TEST_INIT"

func optionsIn(dir string) agent.Options {
	return agent.Options{
		UserData: filepath.Join(dir, "user-data.json"), StateDir: filepath.Join(dir, "state"),
		LogDir: filepath.Join(dir, "log"), BinDir: filepath.Join(dir, "bin"),
		BundleRoot: filepath.Join(dir, "bundles"), SysctlDir: filepath.Join(dir, "sysctl"),
		Version:     "test",
		SetHostname: func(string) error { return nil },
	}
}

// world is a machine's directory, and a service for it.
type world struct {
	*gatewaytest.Registry
	t       *testing.T
	dir     string
	gateway *gateway.Gateway
	socket  string
	stop    func() // the service; serve starts it again
}

func newWorld(t *testing.T, edit ...func(*gateway.Options)) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent") // a test's own directory may be too long a name for a socket
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	registry, err := gatewaytest.New()
	must(t, err)
	authority, err := gateway.NewAuthority(time.Now())
	must(t, err)
	options := gateway.Options{
		Registry: registry, Authority: authority,
		Bundles: func(string) (string, bool) { return "", false },
	}
	for _, e := range edit {
		e(&options)
	}
	w := &world{Registry: registry, t: t, dir: dir, gateway: gateway.New(options), socket: filepath.Join(dir, "gateway.sock")}
	w.writeUserData(node.UserData{Machine: machine, Gateway: "unix://" + w.socket, CA: authority.PEM(), Token: "token"})
	w.Add(machine, "token")
	w.serve()
	return w
}

func (w *world) writeUserData(u node.UserData) {
	w.t.Helper()
	data, err := json.Marshal(u)
	must(w.t, err)
	must(w.t, os.WriteFile(filepath.Join(w.dir, "user-data.json"), data, 0o600))
}

func (w *world) serve() {
	w.t.Helper()
	listener, err := net.Listen("unix", w.socket)
	must(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.gateway.Serve(ctx, listener) }()
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("serve: %v", err)
		}
		done <- nil
	}
	w.t.Cleanup(w.stop)
}

// between puts a relay between the machine and its service, and returns what
// cuts every connection through it without a word to either end.
func (w *world) between() (cut func()) {
	w.t.Helper()
	var u node.UserData
	must(w.t, json.Unmarshal([]byte(w.read("user-data.json")), &u))
	listener, err := net.Listen("unix", w.path("relay.sock"))
	must(w.t, err)
	u.Gateway = "unix://" + w.path("relay.sock")
	w.writeUserData(u)
	var mu sync.Mutex
	var open []net.Conn
	var group sync.WaitGroup
	cut = func() {
		mu.Lock()
		defer mu.Unlock()
		for _, conn := range open {
			conn.Close()
		}
		open = nil
	}
	group.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", w.socket)
			if err != nil {
				near.Close()
				continue
			}
			mu.Lock()
			open = append(open, near, far)
			mu.Unlock()
			group.Go(func() { io.Copy(near, far); near.Close() })
			group.Go(func() { io.Copy(far, near); far.Close() })
		}
	})
	w.t.Cleanup(func() {
		listener.Close()
		cut()
		group.Wait()
	})
	return cut
}

// boot runs an agent in this process, as the machine's first: off powers it off.
func (w *world) boot(edit ...func(*agent.Options)) (off func()) {
	w.t.Helper()
	options := optionsIn(w.dir)
	options.Init = true
	options.Logger = slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	for _, e := range edit {
		e(&options)
	}
	a, err := agent.New(options)
	must(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	off = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("agent: %v", err)
		}
		done <- nil
	}
	w.t.Cleanup(off)
	return off
}

// spawn runs an agent as a process of its own.
func (w *world) spawn(env ...string) *exec.Cmd {
	w.t.Helper()
	own, err := os.Executable()
	must(w.t, err)
	command := exec.Command(own)
	command.Env = append(os.Environ(), append(env, asAgent+"="+w.dir)...)
	log, err := os.OpenFile(filepath.Join(w.dir, "agent.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	must(w.t, err)
	defer log.Close()
	command.Stderr = log
	must(w.t, command.Start())
	w.t.Cleanup(func() {
		command.Process.Kill()
		command.Wait()
		if w.t.Failed() {
			text, _ := os.ReadFile(log.Name())
			w.t.Logf("the agent's log:\n%s", text)
		}
	})
	return command
}

func (w *world) await(wanted func(gatewaytest.Machine) bool) gatewaytest.Machine {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	m, err := w.Await(ctx, machine, wanted)
	must(w.t, err)
	return m
}

// inForce waits until the config is in force and every service and task ready.
func (w *world) inForce(c node.Config) gatewaytest.Machine {
	w.t.Helper()
	return w.await(func(m gatewaytest.Machine) bool {
		return m.Report.Config == c.Digest() && allReady(m.Report)
	})
}

func allReady(r node.Report) bool {
	for _, s := range append(append([]jeroboam.ServiceState{}, r.Services...), r.Tasks...) {
		if s.State != "ready" {
			return false
		}
	}
	return true
}

// path is a file of the machine.
func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) read(name string) string {
	w.t.Helper()
	data, err := os.ReadFile(w.path(name))
	must(w.t, err)
	return string(data)
}

// lines of a file, none when it is not there.
func (w *world) lines(name string) []string {
	data, err := os.ReadFile(w.path(name))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

// sleeper is a service that notes its PID in <name>.pids at every start.
func (w *world) sleeper(name string) node.Service {
	return node.Service{Name: name, Command: []string{"/bin/sh", "-c", "echo $$ >>" + w.path(name+".pids") + "; exec sleep 1000"}}
}

// pids waits until a sleeper has been started n times and returns its PIDs. A
// service without a probe is ready before it has said so.
func (w *world) pids(name string, n int) []string {
	w.t.Helper()
	eventually(w.t, fmt.Sprintf("%s is started %d times", name, n), func() bool { return len(w.lines(name+".pids")) >= n })
	pids := w.lines(name + ".pids")
	if len(pids) != n {
		w.t.Errorf("%s was started %d times, want %d", name, len(pids), n)
	}
	return pids
}

// eventually polls for what leaves no other trace.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
