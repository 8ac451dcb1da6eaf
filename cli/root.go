// Package cli is the command line: it reads flags, calls the service through
// package client, and prints. It decides nothing that the service decides.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/jeroboam-cloud/jeroboam/cli/credentials"
	"github.com/jeroboam-cloud/jeroboam/cli/output"
	"github.com/jeroboam-cloud/jeroboam/client"
)

// Host is what only the program that holds the clouds can do on this machine.
type Host struct {
	Version    string
	Serve      *cobra.Command
	Policy     []*cobra.Command                                  // show and try who may do what
	Store      *cobra.Command                                    // looks after the service's records
	Vault      *cobra.Command                                    // looks after the keys of its secrets
	Hidden     []*cobra.Command                                  // commands that the program starts itself with
	Diagnose   func(ctx context.Context, state string) []Finding // what this host has and lacks for real machines
	Teardown   func(ctx context.Context, state string) error     // removes every trace of a local cloud's state
	AddUser    func(state, url string, who User) (Login, error)  // to the identities of the service of this host
	ListUsers  func(state string) ([]Account, error)             // of them
	DeleteUser func(state, name string) error                    // from them
}

// User is somebody to be let in. A project that is not there is made.
type User struct {
	Name    string
	Project string
	Role    string
}

// Account is somebody who was let in.
type Account struct {
	Name     string              `json:"name"`
	Roles    map[string][]string `json:"roles"` // by project
	Disabled bool                `json:"disabled"`
}

// Login is how a user's clients log in: two files that hold the password.
type Login struct {
	CloudsYAML []byte
	OpenRC     []byte
}

// Finding is one thing a host should have.
type Finding struct {
	Name   string `json:"name"`
	Needed bool   `json:"needed"` // no real machine without it
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`           // what was found
	Remedy string `json:"remedy,omitempty"` // what to do when it is not OK
}

// app is what every command shares.
type app struct {
	host   Host
	getenv func(string) string
	stdout io.Writer
	stderr io.Writer
	warned map[string]bool // what has been told of the service's warnings
	format string
	cloud  string
	caCert string
	state  string
}

// Main runs the program and returns its exit code.
func Main(host Host, args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{host: host, getenv: os.Getenv, stdout: stdout, stderr: stderr, warned: map[string]bool{}}
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && ctx.Err() != nil {
		fmt.Fprintln(stderr, "Interrupted: what was asked for goes on in the service.")
		return exitInterrupted
	}
	if err != nil {
		report(stderr, err)
	}
	return exitCode(err)
}

func (a *app) root() *cobra.Command {
	root := group("jeroboam", "Container clusters as a service, through the OpenStack Magnum API")
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("See "+c.CommandPath()+" --help.", "%s.", strings.TrimSuffix(err.Error(), "."))
	})
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return a.printer().Check() }
	f := root.PersistentFlags()
	f.StringVarP(&a.format, "output", "o", "table", "output format: table, json or yaml")
	f.StringVar(&a.cloud, "os-cloud", "", "cloud of clouds.yaml to use (OS_CLOUD)")
	f.StringVar(&a.caCert, "os-cacert", "", "PEM file of the authority of the service's certificate (OS_CACERT)")
	a.state = a.getenv("JEROBOAM_STATE")
	if a.state == "" {
		a.state = ".state"
	}
	root.AddCommand(a.host.Serve, a.host.Store, a.host.Vault, a.up(), a.down(), a.template(), a.cluster(), a.nodeGroup(), a.federation(), a.label(), a.certificate(), a.credential(),
		a.quota(), a.stats(), a.user(), group("policy", "Who may do what", a.host.Policy...), a.bundle(), a.doctor(), a.version())
	root.AddCommand(a.host.Hidden...)
	return root
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: cobra.ArbitraryArgs}
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		remedy := "See " + c.CommandPath() + " --help."
		if close := c.SuggestionsFor(args[0]); len(close) > 0 {
			remedy = "Did you mean \"" + c.CommandPath() + " " + close[0] + "\"?"
		}
		return usage(remedy, "There is no command %q.", c.CommandPath()+" "+args[0])
	}
	c.SuggestionsMinimumDistance = 2
	c.AddCommand(commands...)
	return c
}

// exactly refuses any other number of arguments than the names given.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		remedy := fmt.Sprintf("Type: %s.", c.UseLine())
		if len(args) > len(names) {
			return usage(remedy, "%q is one argument too many.", args[len(names)])
		}
		return usage(remedy, "The argument %s is missing.", names[len(args)])
	}
}

// atLeast refuses fewer arguments than the names given.
func atLeast(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		return exactly(names...)(c, args[:min(len(args), len(names))])
	}
}

func (a *app) printer() output.Printer { return output.Printer{W: a.stdout, Format: a.format} }

// client calls the service as whoever the credentials say.
func (a *app) client() (*client.Client, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "/"
	}
	found, err := credentials.Find(credentials.Source{Cloud: a.cloud, State: a.state, Getenv: a.getenv, Home: home})
	if err != nil {
		return nil, err
	}
	if a.caCert != "" {
		found.CACert = a.caCert
	}
	s, err := client.New(client.Options(found))
	if err != nil {
		return nil, err
	}
	s.Warned = a.warn
	return s, nil
}

// asking is what a command does that calls the service.
func (a *app) asking(do func(ctx context.Context, s *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		s, err := a.client()
		if err != nil {
			return err
		}
		return do(c.Context(), s, args)
	}
}

// warn tells what the service accepted and finds worth knowing.
func (a *app) warn(text string) {
	a.warned[text] = true
	fmt.Fprintln(a.stderr, "Warning: "+text)
}

func (a *app) version() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: exactly(), RunE: func(*cobra.Command, []string) error {
		return a.printer().Text(map[string]string{"version": a.host.Version}, "jeroboam %s", a.host.Version)
	}}
}

// statePath is a file of the state directory of this host's *client.Client.
func (a *app) statePath(name string) string { return filepath.Join(a.state, name) }
