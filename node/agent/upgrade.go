package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/agent/internal/supervise"
	"github.com/jeroboam-cloud/jeroboam/release"
)

// Names of upgraded binaries in the state directory. An upgrade runs under the
// first name until it has reached the service once; only then does it take the
// second, which is the one a boot looks for. A binary that cannot reach the
// service does not come back after a boot.
const (
	tryFile = "agent.next"
	ownFile = "agent"
)

const (
	upgradePatience = 10 * time.Minute // to fetch it
	versionPatience = 10 * time.Second // for its --version
)

// Confirmed is the path of the binary that an earlier upgrade left, "" when
// there is none or it is the one that runs: main becomes it before anything else.
func Confirmed(stateDir string) string {
	path := filepath.Join(stateDir, ownFile)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	if own, err := os.Executable(); err == nil && (own == path || own == filepath.Join(stateDir, tryFile)) {
		return ""
	}
	return path
}

// ownDigest is the SHA-256 of the running binary, "" when it cannot be read.
func ownDigest() string {
	digest, _, err := release.FileDigest(context.Background(), "/proc/self/exe")
	if err != nil {
		return ""
	}
	return digest
}

// awaitUpgrade fetches and checks the binary the service wants, and returns
// errUpgrade when it is ready to take over. A binary that fails is not tried
// again until the next stream asks for it.
func (a *Agent) awaitUpgrade(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case want := <-a.upgrades:
			if want.SHA256 == a.digest() {
				continue
			}
			path, err := a.fetchUpgrade(ctx, want)
			if err == nil {
				a.Logger.Info("upgrading the agent", "path", path)
				return errUpgrade{path}
			}
			if ctx.Err() == nil {
				a.Logger.Warn("agent not upgraded", "err", err)
			}
		}
	}
}

func (a *Agent) fetchUpgrade(ctx context.Context, want node.Upgrade) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, upgradePatience)
	defer cancel()
	dir, err := os.MkdirTemp(a.StateDir, "upgrade-")
	if err != nil {
		return "", fmt.Errorf("fetch agent: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := a.fetch(ctx, want.Digest, want.Path, dir, want.SHA256, maxAgent); err != nil {
		return "", fmt.Errorf("fetch agent: %w", err)
	}
	fetched := filepath.Join(dir, filepath.FromSlash(want.Path))
	if err := os.Chmod(fetched, 0o755); err != nil {
		return "", fmt.Errorf("fetch agent: %w", err)
	}
	path := filepath.Join(a.StateDir, tryFile)
	if err := os.Rename(fetched, path); err != nil {
		return "", fmt.Errorf("fetch agent: %w", err)
	}
	return path, a.tryVersion(ctx, path)
}

// maxAgent bounds the size of an agent's binary, in bytes.
const maxAgent = 256 << 20

// tryVersion runs a binary once, to find one that this machine cannot run
// before it becomes the machine's first process.
func (a *Agent) tryVersion(ctx context.Context, path string) error {
	process, err := a.reaper.Start(supervise.Command{Path: path, Args: []string{path, "--version"}})
	if err != nil {
		return fmt.Errorf("try agent: %w", err)
	}
	timer := time.NewTimer(versionPatience)
	defer timer.Stop()
	select {
	case <-process.Done():
	case <-timer.C:
		process.Signal(9)
	case <-ctx.Done():
		process.Signal(9)
	}
	if exit := process.Exit(); !exit.Success() {
		return fmt.Errorf("try agent: it %s", exit)
	}
	return nil
}

// become executes the binary in place of this one; the services, which have
// been let go of, stay children of the same process.
func (a *Agent) become(path string) error {
	err := a.Exec(path)
	// There is nothing to go back to in this process: begin it again.
	return errors.Join(fmt.Errorf("become %s: %w", path, err), a.Exec("/proc/self/exe"))
}

// confirm makes an upgrade that has reached the service the one to boot.
func (a *Agent) confirm() {
	try := filepath.Join(a.StateDir, tryFile)
	if own, err := os.Executable(); err != nil || own != try {
		return
	}
	if err := os.Rename(try, filepath.Join(a.StateDir, ownFile)); err != nil {
		a.Logger.Warn("upgrade not confirmed", "err", err)
	}
}
