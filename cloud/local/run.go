package local

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud/local/internal/inside"
	"github.com/jeroboam-cloud/jeroboam/cloud/local/internal/process"
	"github.com/jeroboam-cloud/jeroboam/cloud/local/internal/proxy"
)

// Names of the subcommands under which a Local executes its own program again.
const (
	CommandMachine  = "local-machine"
	CommandBalancer = "local-balancer"
)

// LaunchMachine is the subcommand CommandMachine. A Local starts it, nobody
// else: it becomes the first process of the machine whose directory it is given.
func LaunchMachine(args []string) error {
	if err := startedByLocal(args); err != nil {
		return err
	}
	keepUntilExec()
	return inside.Launch(args[0])
}

// RunBalancer is the subcommand CommandBalancer: it balances as the config in
// the directory it is given says, until SIGTERM.
func RunBalancer(args []string) error {
	if err := startedByLocal(args); err != nil {
		return err
	}
	keepUntilExec()
	dir := args[0]
	self, err := process.Self()
	if err != nil {
		return err
	}
	if err := self.Save(filepath.Join(dir, proxy.ProcessFile)); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer stop()
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, unix.SIGHUP)
	defer signal.Stop(hangups)
	reload := make(chan struct{}, 1)
	go func() {
		for range hangups {
			select {
			case reload <- struct{}{}:
			default: // one is due already
			}
		}
	}()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	return proxy.Run(ctx, filepath.Join(dir, proxy.ConfigFile), reload, log, func() {
		_ = syscall.Close(readyFile)
		_ = syscall.Close(lockedFile)
	})
}

// startedByLocal refuses a person's call: it would work on whatever the open
// files of a shell happen to be.
func startedByLocal(args []string) error {
	if len(args) == 1 && isPipe(readyFile) {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Invalid, "subcommand", "This subcommand is started by the local cloud alone.")
}

func isPipe(fd int) bool {
	var stat unix.Stat_t
	return unix.Fstat(fd, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFIFO
}
