package cli

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/cli/output"
	"github.com/jeroboam-cloud/jeroboam/client"
)

func (a *app) federation() *cobra.Command {
	return group("federation", "Federations: clusters that belong together, and how they do as a whole",
		a.federationCreate(), a.federationList(), a.federationShow(), a.federationUpdate(),
		a.federationMembers("join", "Let clusters join a federation", "add"),
		a.federationMembers("leave", "Let clusters leave a federation; they stay as they are", "remove"), a.federationDelete())
}

func (a *app) federationCreate() *cobra.Command {
	var in wire.FederationCreate
	var properties []string
	c := &cobra.Command{Use: "create NAME", Short: "Group clusters", Args: exactly("NAME")}
	f := c.Flags()
	f.StringSliceVar(&in.MemberIDs, "member", nil, "cluster that belongs to it: name or UUID; may be repeated")
	f.StringVar(&in.HostClusterID, "host", "", "cluster that the members are steered from: name or UUID")
	f.StringArrayVar(&properties, "property", nil, "property KEY=VALUE; may be repeated")
	c.RunE = func(c *cobra.Command, args []string) error {
		in.Name = args[0]
		var err error
		if in.Properties, err = keyValues("property", properties); err != nil {
			return err
		}
		return a.regroup(c, func(ctx context.Context, s *client.Client) (string, error) { return s.CreateFederation(ctx, in) })
	}
	return c
}

// regroup does something to a federation and shows what came of it.
func (a *app) regroup(c *cobra.Command, do func(context.Context, *client.Client) (string, error)) error {
	s, err := a.client()
	if err != nil {
		return err
	}
	id, err := do(c.Context(), s)
	if err != nil {
		return err
	}
	return a.showFederation(c.Context(), s, id)
}

func (a *app) federationList() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List federations", Args: exactly(),
		RunE: a.asking(func(ctx context.Context, s *client.Client, _ []string) error {
			all, err := s.Federations(ctx)
			if err != nil {
				return err
			}
			rows := make([][]string, len(all))
			for i, f := range all {
				rows[i] = []string{f.UUID, f.Name, string(f.Status), text(f.HealthStatus), strconv.Itoa(len(f.MemberIDs))}
			}
			return a.printer().List(map[string]any{"federations": all}, []string{"UUID", "NAME", "STATUS", "HEALTH", "MEMBERS"}, rows)
		})}
}

func (a *app) federationShow() *cobra.Command {
	return &cobra.Command{Use: "show FEDERATION", Short: "Show a federation, by name or UUID", Args: exactly("FEDERATION"),
		RunE: a.asking(func(ctx context.Context, s *client.Client, args []string) error {
			return a.showFederation(ctx, s, args[0])
		})}
}

func (a *app) showFederation(ctx context.Context, s *client.Client, id string) error {
	f, err := s.Federation(ctx, id)
	if err != nil {
		return err
	}
	fields := []output.Field{{Name: "UUID", Value: f.UUID}, {Name: "Name", Value: f.Name}, {Name: "Status", Value: string(f.Status)},
		{Name: "Health", Value: text(f.HealthStatus)}, {Name: "Host", Value: text(f.HostClusterID)}, {Name: "Properties", Value: pairs(f.Properties)},
		{Name: "Created", Value: moment(f.CreatedAt)}, {Name: "Updated", Value: moment(f.UpdatedAt)}}
	for _, m := range f.Members {
		fields = append(fields, output.Field{Name: "Member", Value: strings.Join([]string{m.UUID, m.Name, string(m.Status), text(m.HealthStatus)}, " ")})
	}
	return a.printer().Object(f, fields)
}

func (a *app) federationUpdate() *cobra.Command {
	var name, host string
	var properties []string
	c := &cobra.Command{Use: "update FEDERATION", Short: "Change what a federation is called, its host and its properties", Args: exactly("FEDERATION")}
	f := c.Flags()
	f.StringVar(&name, "name", "", "new name")
	f.StringVar(&host, "host", "", "cluster that the members are steered from: name or UUID; none if empty")
	f.StringArrayVar(&properties, "property", nil, "property KEY=VALUE to set; may be repeated")
	c.RunE = func(c *cobra.Command, args []string) error {
		set, err := keyValues("property", properties)
		if err != nil {
			return err
		}
		var patch wire.Patch
		if c.Flags().Changed("name") {
			patch = append(patch, wire.Change{Op: "replace", Path: "/name", Value: name})
		}
		if c.Flags().Changed("host") {
			patch = append(patch, wire.Change{Op: "replace", Path: "/hostcluster_id", Value: host})
		}
		for key, value := range set {
			patch = append(patch, wire.Change{Op: "add", Path: "/properties/" + key, Value: value})
		}
		if len(patch) == 0 {
			return usage("See "+c.CommandPath()+" --help.", "There is nothing to change.")
		}
		return a.regroup(c, func(ctx context.Context, s *client.Client) (string, error) {
			return s.UpdateFederation(ctx, args[0], patch)
		})
	}
	return c
}

// federationMembers is the command that lets clusters come or go.
func (a *app) federationMembers(use, short, op string) *cobra.Command {
	return &cobra.Command{Use: use + " FEDERATION CLUSTER...", Short: short, Args: atLeast("FEDERATION", "CLUSTER"), RunE: func(c *cobra.Command, args []string) error {
		patch := make(wire.Patch, 0, len(args)-1)
		for _, cluster := range args[1:] {
			patch = append(patch, wire.Change{Op: op, Path: "/member_ids", Value: cluster})
		}
		return a.regroup(c, func(ctx context.Context, s *client.Client) (string, error) {
			return s.UpdateFederation(ctx, args[0], patch)
		})
	}}
}

func (a *app) federationDelete() *cobra.Command {
	return &cobra.Command{Use: "delete FEDERATION", Short: "Forget a federation; its clusters stay as they are", Args: exactly("FEDERATION"),
		RunE: a.asking(func(ctx context.Context, s *client.Client, args []string) error {
			if err := s.DeleteFederation(ctx, args[0]); err != nil {
				return err
			}
			return a.printer().Text(map[string]string{"deleted": args[0]}, "The federation %s is deleted.", args[0])
		})}
}
