package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cli"
	"github.com/jeroboam-cloud/jeroboam/cloud/local"
	"github.com/jeroboam-cloud/jeroboam/cmd/jeroboam/internal/state"
	"github.com/jeroboam-cloud/jeroboam/identity/embedded"
)

// localCommands are what the local cloud executes this program again with.
func localCommands() []*cobra.Command {
	hidden := func(use string, run func([]string) error) *cobra.Command {
		return &cobra.Command{Use: use, Hidden: true, DisableFlagParsing: true, RunE: func(_ *cobra.Command, args []string) error {
			return run(args)
		}}
	}
	return []*cobra.Command{hidden(local.CommandMachine, local.LaunchMachine), hidden(local.CommandBalancer, local.RunBalancer)}
}

// diagnose says what this host has and lacks for machines that lie in state.
func diagnose(ctx context.Context, state string) []cli.Finding {
	if _, err := os.Stat(state); errors.Is(err, fs.ErrNotExist) {
		defer os.Remove(state) // the attempt makes it; a question leaves nothing behind
	}
	found := local.Probe(ctx, state)
	out := make([]cli.Finding, len(found))
	for i, f := range found {
		out[i] = cli.Finding{Name: f.Name, Needed: f.Needed, OK: f.OK, Detail: f.Detail, Remedy: f.Remedy}
	}
	return out
}

// teardown removes what the local cloud of a state directory has on this host.
// A user who is not root cannot have made any of it.
func teardown(ctx context.Context, state string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return local.Teardown(ctx, state)
}

// ownUsers are the identities of the service of a state directory; remedy says
// what to do if they are Keystone's.
func ownUsers(dir, url, remedy string, args ...any) (*embedded.Identity, error) {
	users := identityDir(state.SharedDir(dir))
	if _, err := os.Stat(users); errors.Is(err, fs.ErrNotExist) {
		return nil, jeroboam.Errorf(jeroboam.Unsupported, "users-elsewhere", "The service in %s has no users of its own.", dir).
			WithRemedy(remedy, args...)
	}
	return embedded.Open(embedded.Options{Dir: users, URL: url})
}

// addUser lets somebody in. A service that runs reads the change by itself.
func addUser(state, url string, who cli.User) (cli.Login, error) {
	identities, err := ownUsers(state, url, "If they are Keystone's, type: openstack user create %s; openstack role add --user %s --project %s %s.", who.Name, who.Name, who.Project, who.Role)
	if err != nil {
		return cli.Login{}, err
	}
	if _, err := identities.EnsureProject(who.Project); err != nil {
		return cli.Login{}, err
	}
	password, err := identities.EnsureUser(who.Name, who.Project, who.Role)
	if err != nil {
		return cli.Login{}, err
	}
	if password == "" { // the user is older, and nobody knows the password any more
		password = jeroboam.Secret(rand.Text())
		if err := identities.SetPassword(who.Name, password); err != nil {
			return cli.Login{}, err
		}
	}
	login := identities.LoginFor(who.Name, who.Project, password)
	clouds, err := login.CloudsYAML("jeroboam")
	return cli.Login{CloudsYAML: clouds, OpenRC: login.OpenRC()}, err
}

// listUsers tells who may log in, and as what.
func listUsers(state string) ([]cli.Account, error) {
	identities, err := ownUsers(state, "", "If they are Keystone's, type: openstack user list.")
	if err != nil {
		return nil, err
	}
	users, err := identities.Users()
	out := make([]cli.Account, len(users))
	for i, u := range users {
		out[i] = cli.Account{Name: u.Name, Roles: u.Roles, Disabled: u.Disabled}
	}
	return out, err
}

// deleteUser shuts somebody out.
func deleteUser(state, name string) error {
	identities, err := ownUsers(state, "", "If they are Keystone's, type: openstack user delete %s.", name)
	if err != nil {
		return err
	}
	return identities.DeleteUser(name)
}

func identityDir(state string) string { return filepath.Join(state, "identity") }
