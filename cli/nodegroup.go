package cli

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/cli/output"
	"github.com/jeroboam-cloud/jeroboam/client"
)

func (a *app) nodeGroup() *cobra.Command {
	return group("nodegroup", "Node groups: sets of like nodes of one cluster",
		a.groupCreate(), a.groupList(), a.groupShow(), a.groupUpdate(), a.groupDelete())
}

func (a *app) groupCreate() *cobra.Command {
	var in wire.NodeGroupCreate
	var nodes, least, most int
	var labels, nodeLabels, taints []string
	wait := waiting{}
	c := &cobra.Command{Use: "create CLUSTER NAME", Short: "Add a group of workers", Args: exactly("CLUSTER", "NAME")}
	f := c.Flags()
	f.IntVar(&nodes, "nodes", 1, "nodes of the group")
	f.IntVar(&least, "min", 0, "fewest nodes a resize may leave")
	f.IntVar(&most, "max", 0, "most nodes a resize may make; no limit if not given")
	f.StringVar(&in.Role, "role", "", "a word of your own for what it is for")
	f.StringVar(&in.FlavorID, "flavor", "", "flavor; the cluster's if not given")
	f.StringVar(&in.ImageID, "image", "", "image; the template's if not given")
	f.StringArrayVar(&labels, "label", nil, "label KEY=VALUE of the group; may be repeated"+labelHelp)
	f.BoolVar(&in.MergeLabels, "merge-labels", false, "add the labels to the cluster's")
	f.StringArrayVar(&nodeLabels, "node-label", nil, "label KEY=VALUE of its nodes; may be repeated")
	f.StringArrayVar(&taints, "node-taint", nil, "taint KEY[=VALUE]:EFFECT of its nodes; may be repeated")
	wait.flags(f)
	c.RunE = func(c *cobra.Command, args []string) error {
		in.Name, in.NodeCount = args[1], &nodes
		in.MinNodeCount, in.MaxNodeCount = given(c, "min", &least), given(c, "max", &most)
		if err := groupWords(&in, labels, nodeLabels, taints); err != nil {
			return err
		}
		s, err := a.client()
		if err != nil {
			return err
		}
		var g wire.NodeGroup
		asked, err := a.ask(c.Context(), s, wait, func(s *client.Client) (err error) {
			g, err = s.CreateNodeGroup(c.Context(), args[0], in)
			return err
		})
		if !asked || err != nil {
			return err
		}
		return a.afterGroup(c, s, wait, g)
	}
	return c
}

func groupWords(in *wire.NodeGroupCreate, labels, nodeLabels, taints []string) (err error) {
	if in.Labels, err = keyValues("label", labels); err != nil {
		return err
	}
	if in.NodeLabels, err = keyValues("node-label", nodeLabels); err != nil {
		return err
	}
	in.NodeTaints, err = parseTaints(taints)
	return err
}

// parseTaints reads KEY[=VALUE]:EFFECT, as kubectl does.
func parseTaints(words []string) ([]jeroboam.Taint, error) {
	var out []jeroboam.Taint
	for _, word := range words {
		left, effect, ok := strings.Cut(word, ":")
		key, value, _ := strings.Cut(left, "=")
		if !ok || key == "" {
			return nil, usage("Give --node-taint KEY=VALUE:NoSchedule.", "%q is not of the form KEY[=VALUE]:EFFECT.", word)
		}
		out = append(out, jeroboam.Taint{Key: key, Value: value, Effect: effect})
	}
	return out, nil
}

// afterGroup waits for the cluster, if that is wished, and shows the group.
func (a *app) afterGroup(c *cobra.Command, s *client.Client, wait waiting, g wire.NodeGroup) error {
	if wait.on {
		if err := a.follow(c.Context(), s, g.ClusterID, wait.limit); err != nil {
			return err
		}
		var err error
		if g, err = s.NodeGroup(c.Context(), g.ClusterID, g.UUID); err != nil {
			return err
		}
	}
	return a.showGroup(g)
}

func (a *app) groupList() *cobra.Command {
	return &cobra.Command{Use: "list CLUSTER", Short: "List the groups of a cluster", Args: exactly("CLUSTER"),
		RunE: a.asking(func(ctx context.Context, s *client.Client, args []string) error {
			all, err := s.NodeGroups(ctx, args[0])
			if err != nil {
				return err
			}
			rows := make([][]string, len(all))
			for i, g := range all {
				rows[i] = []string{g.UUID, g.Name, g.Role, string(g.Status), strconv.Itoa(g.NodeCount), strconv.Itoa(g.MinNodeCount), number(g.MaxNodeCount), text(g.FlavorID)}
			}
			return a.printer().List(map[string]any{"nodegroups": all}, []string{"UUID", "NAME", "ROLE", "STATUS", "NODES", "MIN", "MAX", "FLAVOR"}, rows)
		})}
}

func (a *app) groupShow() *cobra.Command {
	return &cobra.Command{Use: "show CLUSTER GROUP", Short: "Show a group, by name or UUID", Args: exactly("CLUSTER", "GROUP"),
		RunE: a.asking(func(ctx context.Context, s *client.Client, args []string) error {
			g, err := s.NodeGroup(ctx, args[0], args[1])
			if err != nil {
				return err
			}
			return a.showGroup(g)
		})}
}

func (a *app) showGroup(g wire.NodeGroup) error {
	return a.printer().Object(g, []output.Field{
		{Name: "UUID", Value: g.UUID}, {Name: "Name", Value: g.Name}, {Name: "Cluster", Value: g.ClusterID}, {Name: "Role", Value: g.Role},
		{Name: "Status", Value: string(g.Status)}, {Name: "Reason", Value: text(g.StatusReason)}, {Name: "Nodes", Value: count(g.NodeCount, g.NodeAddresses)},
		{Name: "Min", Value: strconv.Itoa(g.MinNodeCount)}, {Name: "Max", Value: number(g.MaxNodeCount)}, {Name: "Flavor", Value: text(g.FlavorID)},
		{Name: "Image", Value: text(g.ImageID)}, {Name: "Labels", Value: pairs(g.Labels)}, {Name: "Node labels", Value: pairs(g.NodeLabels)},
		{Name: "Default", Value: yesNo(g.IsDefault)}, {Name: "Created", Value: moment(g.CreatedAt)}, {Name: "Updated", Value: moment(g.UpdatedAt)},
	})
}

func (a *app) groupUpdate() *cobra.Command {
	var least, most int
	var unlimited bool
	wait := waiting{}
	c := &cobra.Command{Use: "update CLUSTER GROUP", Short: "Change the bounds of a group", Args: exactly("CLUSTER", "GROUP")}
	c.Flags().IntVar(&least, "min", 0, "fewest nodes a resize may leave")
	c.Flags().IntVar(&most, "max", 0, "most nodes a resize may make")
	c.Flags().BoolVar(&unlimited, "no-max", false, "no upper limit")
	c.MarkFlagsMutuallyExclusive("max", "no-max")
	wait.flags(c.Flags())
	c.RunE = a.asking(func(ctx context.Context, s *client.Client, args []string) error {
		old, err := s.NodeGroup(ctx, args[0], args[1])
		if err != nil {
			return err
		}
		patch := groupPatch(old, given(c, "min", &least), given(c, "max", &most), unlimited)
		if len(patch) == 0 {
			return usage("Add --min, --max or --no-max.", "There is nothing to change.")
		}
		asked, err := a.ask(ctx, s, wait, func(s *client.Client) error {
			_, err := s.UpdateNodeGroup(ctx, args[0], old.UUID, patch)
			return err
		})
		if !asked || err != nil {
			return err
		}
		if err := a.await(ctx, s, old.ClusterID, wait); err != nil {
			return err
		}
		// Magnum answers with the group as it was before.
		g, err := s.NodeGroup(ctx, args[0], old.UUID)
		if err != nil {
			return err
		}
		return a.showGroup(g)
	})
	return c
}

func groupPatch(old wire.NodeGroup, least, most *int, unlimited bool) wire.Patch {
	var patch wire.Patch
	if least != nil {
		patch = append(patch, wire.Change{Op: "replace", Path: "/min_node_count", Value: *least})
	}
	if most != nil {
		op := "replace"
		if old.MaxNodeCount == nil {
			op = "add"
		}
		patch = append(patch, wire.Change{Op: op, Path: "/max_node_count", Value: *most})
	}
	if unlimited && old.MaxNodeCount != nil {
		patch = append(patch, wire.Change{Op: "remove", Path: "/max_node_count"})
	}
	return patch
}

func (a *app) groupDelete() *cobra.Command {
	wait := waiting{}
	c := &cobra.Command{Use: "delete CLUSTER GROUP", Short: "Remove a group and its nodes", Args: exactly("CLUSTER", "GROUP")}
	wait.flags(c.Flags())
	c.RunE = a.asking(func(ctx context.Context, s *client.Client, args []string) error {
		g, err := s.NodeGroup(ctx, args[0], args[1])
		if err != nil {
			return err
		}
		asked, err := a.ask(ctx, s, wait, func(s *client.Client) error { return s.DeleteNodeGroup(ctx, args[0], g.UUID) })
		if !asked || err != nil {
			return err
		}
		if err := a.await(ctx, s, g.ClusterID, wait); err != nil {
			return err
		}
		return a.printer().Text(wire.UUID{UUID: g.UUID}, "The node group %s %s.", g.Name, wait.deleted())
	})
	return c
}
