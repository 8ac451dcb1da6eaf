// Package agent is a machine's first process: it joins the service with a
// one-time token, brings the machine to the config it is given, keeps its
// services running and reports how they are. It decides nothing about a
// cluster, and it goes on without the service for as long as that is away.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/agent/internal/supervise"
)

// hostPath is where the machine's own programs are.
const hostPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// fallbackAfter is how long a booted machine waits for the service's config
// before it starts from the one it kept.
const fallbackAfter = time.Second

// Options is where an agent lives. UserData must be set; the rest have the
// values of package node and of a real machine.
type Options struct {
	UserData   string // path of node.UserData as JSON
	StateDir   string
	LogDir     string
	BinDir     string
	BundleRoot string
	SysctlDir  string // /proc/sys
	SysDir     string // /sys
	DevDir     string // /dev
	Version    string // of this agent
	// Init says that the agent is the machine's first process: it reaps orphans,
	// and its end is the machine's, so that it stops the services first. Another
	// agent leaves them running for the next one to take on.
	Init        bool
	SetHostname func(string) error
	Exec        func(path string) error // becomes another binary; returns only to fail
	Logger      *slog.Logger
	Now         func() time.Time
}

func (o Options) withDefaults() Options {
	for field, value := range map[*string]string{
		&o.StateDir: node.StateDir, &o.LogDir: node.LogDir, &o.BinDir: node.BinDir,
		&o.BundleRoot: node.BundleRoot, &o.SysctlDir: "/proc/sys", &o.SysDir: "/sys", &o.DevDir: "/dev",
	} {
		if *field == "" {
			*field = value
		}
	}
	if o.SetHostname == nil {
		o.SetHostname = func(name string) error { return syscall.Sethostname([]byte(name)) }
	}
	if o.Exec == nil {
		o.Exec = func(path string) error {
			return syscall.Exec(path, append([]string{path}, os.Args[1:]...), os.Environ())
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Agent is the agent of one machine.
type Agent struct {
	Options
	userData   node.UserData
	boot       string
	identity   *identity
	gateway    *dialer
	signer     *signer
	reaper     *supervise.Reaper
	supervisor *supervise.Supervisor
	verified   *verified
	digest     func() string // of the running binary

	configs  chan node.Config  // the newest from the service; one place
	upgrades chan node.Upgrade // likewise
	alone    chan struct{}     // closed after the first attempt to connect in vain
	leave    sync.Once         // closes alone
	apiPort  atomic.Int64      // of the config that is followed; 0: none

	status status
}

// New reads the user-data and the state an earlier agent left, and makes the
// identity's key when there is none. It starts nothing.
func New(options Options) (*Agent, error) {
	a := &Agent{
		Options:  options.withDefaults(),
		signer:   newSigner(),
		configs:  make(chan node.Config, 1),
		upgrades: make(chan node.Upgrade, 1),
		alone:    make(chan struct{}),
		status:   status{changed: make(chan struct{})},
	}
	for _, dir := range []string{a.StateDir, a.LogDir, a.BinDir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("make the agent's directories: %w", err)
		}
	}
	if err := os.Chmod(a.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("close the state directory to others: %w", err)
	}
	var err error
	if a.userData, err = readUserData(a.UserData); err != nil {
		return nil, err
	}
	if a.boot, err = bootID(); err != nil {
		return nil, err
	}
	if a.identity, err = openIdentity(a.StateDir, a.userData.Machine); err != nil {
		return nil, err
	}
	if a.gateway, err = newDialer(a.userData, a.identity, a.Now); err != nil {
		return nil, err
	}
	a.verified = openVerified(filepath.Join(a.StateDir, "verified.json"))
	a.digest = sync.OnceValue(ownDigest)
	return a, nil
}

// errUpgrade ends Run so that the agent becomes another binary.
type errUpgrade struct{ path string }

func (e errUpgrade) Error() string { return "upgrade to " + e.path }

// Run does an agent's work until ctx ends: then the services are stopped if
// the agent is the machine's first process, and left running otherwise. An
// upgrade does not return.
func (a *Agent) Run(ctx context.Context) error {
	a.reaper = supervise.NewReaper(a.Init)
	defer a.reaper.Close()
	var err error
	a.supervisor, err = supervise.New(supervise.Options{
		Starter: a.reaper, LogDir: a.LogDir, Record: filepath.Join(a.StateDir, "supervised.json"),
		Boot: a.boot, Path: a.BinDir + ":" + hostPath, Logger: a.Logger,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	group.Go(func() { a.digest() }) // while the identity is on its way
	group.Go(func() { a.connect(ctx) })
	group.Go(func() { newApplier(a).run(ctx) })
	group.Go(func() { cancel(a.awaitUpgrade(ctx)) })
	<-ctx.Done()
	group.Wait()
	a.gateway.close()

	var upgrade errUpgrade
	switch {
	case errors.As(context.Cause(ctx), &upgrade):
		a.supervisor.Detach()
		return a.become(upgrade.path)
	case a.Init:
		a.Logger.Info("power off: stopping services")
		a.supervisor.Stop()
	default:
		a.supervisor.Detach()
	}
	return nil
}

// bootID changes with every boot of the machine, also of a machine made of
// namespaces, which shares its kernel's boot with others.
func bootID() (string, error) {
	kernel, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("identify this boot: %w", err)
	}
	first, err := supervise.StartTime(1)
	if err != nil {
		return "", fmt.Errorf("identify this boot: %w", err)
	}
	return fmt.Sprintf("%s-%d", strings.TrimSpace(string(kernel)), first), nil
}

// status is what the agent itself adds to a report.
type status struct {
	mu      sync.Mutex
	applied string // digest of the config that was applied in this run
	inForce string // the same, once every service has been started
	cause   *jeroboam.Cause
	changed chan struct{} // closed and made anew on every change
}

func (s *status) set(applied string, cause *jeroboam.Cause) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if applied != "" {
		s.applied = applied
	}
	s.cause = cause
	close(s.changed)
	s.changed = make(chan struct{})
}

// report joins the supervisor's state with the agent's own. The channels are
// closed when either changes.
func (a *Agent) report() (report node.Report, states, own <-chan struct{}) {
	state, states := a.supervisor.State()
	a.status.mu.Lock()
	defer a.status.mu.Unlock()
	if state.Started && a.status.applied != "" {
		a.status.inForce = a.status.applied
	}
	return node.Report{
		Config: a.status.inForce, Services: state.Services, Tasks: state.Tasks, Cause: a.status.cause,
	}, states, a.status.changed
}
