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
	"github.com/jeroboam-cloud/jeroboam/cloud/local/internal/cgroup"
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
	if err := startedByLocal(args, 1); err != nil {
		return err
	}
	keepUntilExec()
	return inside.Launch(args[0])
}

// RunBalancer is the subcommand CommandBalancer. Its arguments are the
// balancer's directory and its control group; it balances as the config in the
// directory says, until SIGTERM.
func RunBalancer(args []string) error {
	if err := startedByLocal(args, 2); err != nil {
		return err
	}
	keepUntilExec()
	dir, group := args[0], args[1]
	if err := announce(dir, group); err != nil {
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
		_ = syscall.Close(lockedFile)
		_ = syscall.Close(readyFile) // last: who started us waits for it
	})
}

// announce makes the calling process be found again.
func announce(dir, group string) error {
	groups, err := cgroup.Detect()
	if err != nil {
		return err
	}
	if err := groups.Join(group); err != nil {
		return err
	}
	self, err := process.Self()
	if err != nil {
		return err
	}
	return self.Save(filepath.Join(dir, inside.ProcessFile))
}

// startedByLocal refuses a person's call: it would work on whatever the open
// files of a shell happen to be.
func startedByLocal(args []string, count int) error {
	if len(args) == count && isPipe(readyFile) {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Invalid, "subcommand", "This subcommand is started by the local cloud alone.")
}

func isPipe(fd int) bool {
	var stat unix.Stat_t
	return unix.Fstat(fd, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFIFO
}
