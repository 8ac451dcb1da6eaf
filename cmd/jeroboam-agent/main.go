// Command jeroboam-agent is a machine's first process. See package
// node/agent.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/agent"
)

// version is set by the linker.
var version = "dev"

const defaultUserData = "/etc/jeroboam/user-data.json"

func main() {
	flags := flag.NewFlagSet("jeroboam-agent", flag.ExitOnError)
	userData := flags.String("user-data", defaultUserData, "`path` of what the machine was born with")
	showVersion := flags.Bool("version", false, "print the version and exit")
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: jeroboam-agent [flags] [run]")
		flags.PrintDefaults()
	}
	flags.Parse(os.Args[1:])
	if *showVersion {
		fmt.Println(version)
		return
	}
	switch { // a machine's first process is started without a word
	case flags.NArg() == 0:
	case flags.Arg(0) == "run":
		flags.Parse(flags.Args()[1:])
	default:
		flags.Usage()
		os.Exit(2)
	}
	if err := run(*userData); err != nil {
		fmt.Fprintln(os.Stderr, "jeroboam-agent:", err)
		os.Exit(1)
	}
}

func run(userData string) error {
	if path := agent.Confirmed(node.StateDir); path != "" {
		err := syscall.Exec(path, append([]string{path}, os.Args[1:]...), os.Environ())
		fmt.Fprintln(os.Stderr, "jeroboam-agent: the upgraded agent does not start:", err)
	}
	spare()
	// SIGINT too: the kernel sends it to the first process of a machine on Ctrl-Alt-Del.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	a, err := agent.New(agent.Options{
		UserData: userData,
		Version:  version,
		Init:     os.Getpid() == 1,
		Logger:   slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

// spare keeps the agent small: it is idle nearly all its life.
func spare() {
	runtime.GOMAXPROCS(min(2, runtime.NumCPU()))
	debug.SetGCPercent(50)
	debug.SetMemoryLimit(16 << 20)
	syscall.Umask(0o022)
}
