package agent

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/agent/internal/supervise"
)

// Pauses between attempts to apply a config.
const (
	applyFirst = 500 * time.Millisecond
	applyLast  = 30 * time.Second
	forever    = time.Duration(math.MaxInt64)
)

// applier brings the machine to the newest config: one attempt at a time, and
// a newer config breaks it off.
type applier struct {
	*Agent
	certificates *certificates
	before       node.Config // the last that was applied, in this run or an earlier one
}

func newApplier(a *Agent) *applier {
	return &applier{Agent: a, certificates: openCertificates(a)}
}

// run applies configs until ctx ends.
func (a *applier) run(ctx context.Context) {
	config, ok := a.first(ctx)
	for ok {
		var next node.Config
		if next, ok = a.follow(ctx, config); ok {
			a.Logger.Info("config received", "config", next.Digest())
		}
		config = next
	}
}

// first is the config to begin with: the service's, or the kept one when
// services run already or the service is not there.
func (a *applier) first(ctx context.Context) (node.Config, bool) {
	kept, ok := a.keptConfig()
	var fallback <-chan time.Time
	var alone <-chan struct{}
	if ok {
		a.before = kept
		if a.supervisor.Inherited() {
			return kept, true
		}
		fallback, alone = time.After(fallbackAfter), a.alone
	}
	select {
	case config := <-a.configs:
		a.Logger.Info("config received", "config", config.Digest())
		return config, true
	case <-fallback:
	case <-alone:
	case <-ctx.Done():
		return node.Config{}, false
	}
	a.Logger.Info("starting from the kept config", "config", kept.Digest())
	return kept, true
}

// follow applies a config, again and again until it is applied and whenever a
// certificate is due, and returns when there is another; false when ctx ends.
func (a *applier) follow(ctx context.Context, config node.Config) (node.Config, bool) {
	digest := config.Digest()
	a.apiPort.Store(int64(config.APIPort))
	current, stop := context.WithCancel(ctx)
	defer stop()
	other := a.awaitOther(current, stop, digest)
	pauses := supervise.Backoff{First: applyFirst, Last: applyLast}
	for renew := false; current.Err() == nil; {
		o := a.apply(current, config, renew)
		if current.Err() != nil {
			break
		}
		var pause time.Duration
		pause, renew = a.conclude(digest, o, renew, &pauses)
		supervise.Sleep(current, pause)
	}
	next, ok := <-other
	return next, ok
}

// awaitOther ends the attempts at a config when another one comes, and passes
// that on.
func (a *applier) awaitOther(current context.Context, stop func(), digest string) <-chan node.Config {
	other := make(chan node.Config, 1)
	go func() { // ends with current, which its caller ends
		defer close(other)
		for {
			select {
			case <-current.Done():
				return
			case next := <-a.configs:
				if next.Digest() != digest {
					other <- next
					stop()
					return
				}
			}
		}
	}()
	return other
}

// outcome of an attempt: an error, or when the next certificate is due, zero
// for never.
type outcome struct {
	due time.Time
	err error
}

// conclude notes the outcome and says how long to rest, and whether to renew
// certificates then.
func (a *applier) conclude(digest string, o outcome, renewed bool, pauses *supervise.Backoff) (time.Duration, bool) {
	if o.err != nil {
		pause := pauses.Next()
		a.Logger.Warn("config not applied", "config", digest, "kind", jeroboam.KindOf(o.err), "dur", pause, "err", o.err)
		a.status.set("", causeOf(o.err))
		return pause, false
	}
	pauses.Reset()
	a.status.set(digest, nil)
	if o.due.IsZero() {
		return forever, false
	}
	pause := max(0, o.due.Sub(a.Now()))
	if renewed {
		pause = max(pause, renewPause) // the service gives certificates of a short life
	}
	return pause, true
}

// apply does what the config says. Services are started, and restarted, as
// soon as what they need is there; it returns after the whole bundle has been
// verified.
func (a *applier) apply(ctx context.Context, config node.Config, renew bool) outcome {
	start := time.Now()
	if err := checkConfig(config); err != nil {
		return outcome{err: err}
	}
	var checks sync.WaitGroup
	defer checks.Wait()
	b, due, err := a.provide(ctx, config, renew, &checks)
	if err != nil {
		return outcome{err: err}
	}
	plan, err := a.plan(config, b)
	if err != nil {
		return outcome{err: err}
	}
	a.Logger.Info("config set", "config", config.Digest(), "dur", time.Since(start))
	a.supervisor.Set(plan)
	return outcome{due: due, err: a.settle(ctx, config, b)}
}

// provide makes everything that services find on the machine: disks and
// directories first, then side by side the bundle, the certificates and the files. It also
// tells when the next certificate is due.
func (a *applier) provide(ctx context.Context, config node.Config, renew bool, checks *sync.WaitGroup) (b *bundle, due time.Time, err error) {
	if err := a.ensureDisks(ctx, config.Disks); err != nil {
		return nil, due, err
	}
	for _, d := range config.Directories {
		if err := ensureDirectory(d); err != nil {
			return nil, due, err
		}
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		// Under the outer context: verification goes on when the group is done.
		b, err = a.openBundle(ctx, config.Bundle, programsOf(config), checks)
		if err != nil {
			return err
		}
		return b.link(a.BinDir, a.BundleRoot)
	})
	group.Go(func() (err error) {
		due, err = a.certificates.ensure(groupCtx, config.Certificates, renew)
		return err
	})
	group.Go(func() error { return a.ensureFiles(config) })
	err = group.Wait()
	return b, due, err
}

// settle waits for the bundle's verification, removes what the last config had
// and this one has not, and keeps this one.
func (a *applier) settle(ctx context.Context, config node.Config, b *bundle) error {
	for _, part := range b.manifest.Parts {
		if err := b.wait(ctx, part.Name); err != nil {
			return err
		}
	}
	wanted := filesOf(config)
	for _, path := range filesOf(a.before) {
		if slices.Contains(wanted, path) {
			continue
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := a.keep(config); err != nil {
		return err
	}
	a.before = config
	return nil
}

// ensureFiles sets what needs neither the service nor the bundle. The host name
// and the sysctls are set as far as the machine's namespaces let them be.
func (a *applier) ensureFiles(config node.Config) error {
	if present, err := os.Hostname(); config.Hostname != "" && (err != nil || present != config.Hostname) {
		if err := a.SetHostname(config.Hostname); err != nil {
			a.Logger.Warn("host name not set", "err", err)
		}
	}
	for _, s := range config.Sysctls {
		if err := ensureSysctl(a.SysctlDir, s); err != nil {
			a.Logger.Warn("sysctl not set", "err", err)
		}
	}
	for _, f := range config.Files {
		if err := ensureFile(f.Path, []byte(f.Content.Reveal()), fs.FileMode(f.Mode).Perm()); err != nil {
			return err
		}
	}
	return nil
}

// filesOf lists everything a config writes.
func filesOf(config node.Config) []string {
	var paths []string
	for _, f := range config.Files {
		paths = append(paths, f.Path)
	}
	for _, c := range config.Certificates {
		paths = append(paths, c.CertPath, c.KeyPath)
	}
	return paths
}

// causeOf is what the service's users may see: the agent's own words, which
// name paths of the machine only.
func causeOf(err error) *jeroboam.Cause {
	if errors.Is(err, syscall.ENOSPC) {
		return &jeroboam.Cause{Kind: jeroboam.Invalid, Reason: "disk-full", Detail: "The machine's disk is full.",
			Remedy: "Use a flavor with a larger disk."}
	}
	if _, ok := jeroboam.AsError(err); ok {
		return jeroboam.CauseOf(err)
	}
	return &jeroboam.Cause{Kind: jeroboam.Internal, Reason: "machine", Detail: "The machine could not apply its config: " + err.Error() + ".",
		Remedy: "It tries again; if that does not help, replace the machine."}
}
