package cli

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cli/credentials"
	"github.com/jeroboam-cloud/jeroboam/client"
)

// Files with credentials, in a state directory or wherever the user wants them.
const (
	cloudsFile = "clouds.yaml"
	openrcFile = "openrc"
)

func (a *app) user() *cobra.Command {
	return group("user", "Users of the service of this host", a.userAdd(), a.userList(), a.userDelete())
}

func (a *app) userAdd() *cobra.Command {
	var who User
	var dir string
	c := &cobra.Command{
		Use:   "add NAME",
		Short: "Let somebody in; an older user of the name gets a new password",
		Long: "Let somebody into the service whose state directory is $JEROBOAM_STATE, and write " + cloudsFile + "\n" +
			"and " + openrcFile + " with the new password. It is shown nowhere else.",
		Args: exactly("NAME"),
	}
	c.Flags().StringVar(&who.Project, "project", "", "project of the user, made if it is not there; the user's name if not given")
	c.Flags().StringVar(&who.Role, "role", "member", "role in the project: admin, member or reader")
	c.Flags().StringVar(&dir, "directory", ".", "where to write the files")
	c.RunE = func(c *cobra.Command, args []string) error {
		who.Name = args[0]
		if who.Project == "" {
			who.Project = who.Name
		}
		if err := a.letIn(c.Context(), who, dir); err != nil {
			return err
		}
		path := filepath.Join(dir, cloudsFile)
		return a.printer().Text(map[string]string{"clouds_yaml": path}, "export OS_CLIENT_CONFIG_FILE=%s OS_CLOUD=%s", path, credentials.DemoCloud)
	}
	return c
}

func (a *app) userList() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List who may log in, and as what", Args: exactly(), RunE: func(*cobra.Command, []string) error {
		all, err := a.host.ListUsers(a.state)
		if err != nil {
			return err
		}
		var rows [][]string
		for _, u := range all {
			var roles []string
			for _, project := range slices.Sorted(maps.Keys(u.Roles)) {
				roles = append(roles, project+": "+strings.Join(u.Roles[project], ", "))
			}
			rows = append(rows, []string{u.Name, strings.Join(roles, "; "), map[bool]string{true: "no", false: "yes"}[u.Disabled]})
		}
		return a.printer().List(all, []string{"NAME", "ROLES", "ENABLED"}, rows)
	}}
}

func (a *app) userDelete() *cobra.Command {
	return &cobra.Command{
		Use: "delete NAME", Short: "Shut somebody out; what they made stays with the project",
		Long: "Delete a user of the service whose state directory is $JEROBOAM_STATE, with the application credentials.\n" +
			"Tokens end within a second. What the user made belongs to the project and stays.",
		Args: exactly("NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := a.host.DeleteUser(a.state, args[0]); err != nil {
				return err
			}
			return a.printer().Text(map[string]string{"deleted": args[0]}, "Deleted the user %s.", args[0])
		},
	}
}

// letIn makes the user, writes the files and waits until the service, which
// looks at its users once a second, knows the password.
func (a *app) letIn(ctx context.Context, who User, dir string) error {
	url := a.daemon().Endpoint()
	if url == "" {
		return jeroboam.Errorf(jeroboam.Unavailable, "serve", "No service has run on the state in %s.", a.state).
			WithRemedy("Start it: jeroboam serve --state %s.", a.state)
	}
	login, err := a.host.AddUser(a.state, url, who)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	if err := writePrivate(filepath.Join(dir, cloudsFile), login.CloudsYAML); err != nil {
		return err
	}
	if err := writePrivate(filepath.Join(dir, openrcFile), login.OpenRC); err != nil {
		return err
	}
	on, err := a.daemon().Running()
	if err != nil || !on {
		return err
	}
	return untilLetIn(ctx, filepath.Join(dir, cloudsFile))
}

func untilLetIn(ctx context.Context, file string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		s, err := clientOf(file)
		if err != nil {
			return err
		}
		_, err = s.Stats(ctx, "")
		s.Close()
		if jeroboam.KindOf(err) != jeroboam.Unauthenticated {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// clientOf calls the service as the cloud of a file that letIn wrote.
func clientOf(file string) (*client.Client, error) {
	c, err := credentials.Find(credentials.Source{Cloud: credentials.DemoCloud, Getenv: func(key string) string {
		return map[string]string{"OS_CLIENT_CONFIG_FILE": file}[key]
	}})
	if err != nil {
		return nil, err
	}
	return client.New(client.Options(c))
}
