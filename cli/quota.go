package cli

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/client"
)

func (a *app) quota() *cobra.Command {
	return group("quota", "What a project may have", a.quotaShow(), a.quotaList(), a.quotaSet(), a.quotaDelete())
}

func (a *app) quotaShow() *cobra.Command {
	return &cobra.Command{Use: "show PROJECT", Short: "Show the quotas of a project, by ID, and how much of them is used",
		Args: exactly("PROJECT"), RunE: a.asking(func(ctx context.Context, s *client.Client, args []string) error {
			var all []wire.Quota
			for _, resource := range jeroboam.QuotaResources() {
				q, err := s.Quota(ctx, args[0], resource)
				if err != nil {
					return err
				}
				all = append(all, q)
			}
			return a.showQuotas(all)
		})}
}

func (a *app) showQuotas(all []wire.Quota) error {
	rows := make([][]string, len(all))
	for i, q := range all {
		rows[i] = []string{q.ProjectID, q.Resource, unitOf(q.Resource), strconv.Itoa(q.InUse), limitText(q.HardLimit)}
	}
	return a.printer().List(map[string]any{"quotas": all}, []string{"PROJECT", "RESOURCE", "UNIT", "IN USE", "LIMIT"}, rows)
}

func limitText(limit int) string {
	if limit < 0 {
		return "unlimited"
	}
	return strconv.Itoa(limit)
}

func unitOf(resource string) string {
	switch resource {
	case jeroboam.QuotaMemory:
		return "MiB"
	case jeroboam.QuotaVolume:
		return "GiB"
	}
	return ""
}

func (a *app) quotaList() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the quotas that were set, of all projects", Args: exactly(),
		RunE: a.asking(func(ctx context.Context, s *client.Client, _ []string) error {
			all, err := s.Quotas(ctx)
			if err != nil {
				return err
			}
			return a.showQuotas(all)
		})}
}

// quotaFlag lets a command name the resource it is about.
func quotaFlag(c *cobra.Command, resource *string) {
	c.Flags().StringVar(resource, "resource", jeroboam.QuotaCluster, "what is limited: "+strings.Join(jeroboam.QuotaResources(), ", "))
}

// checkResource refuses what the service would take for clusters.
func checkResource(resource string) error {
	if slices.Contains(jeroboam.QuotaResources(), resource) {
		return nil
	}
	return usage("Use one of: "+strings.Join(jeroboam.QuotaResources(), ", ")+".", "There is no resource %q.", resource)
}

func (a *app) quotaSet() *cobra.Command {
	var resource string
	c := &cobra.Command{Use: "set PROJECT LIMIT", Short: "Set a quota of a project, by ID; unlimited is none", Args: exactly("PROJECT", "LIMIT")}
	quotaFlag(c, &resource)
	c.RunE = func(c *cobra.Command, args []string) error {
		limit, err := parseLimit(args[1])
		if err == nil {
			err = checkResource(resource)
		}
		if err != nil {
			return err
		}
		q, err := a.setQuota(c.Context(), wire.QuotaWrite{ProjectID: args[0], Resource: resource, HardLimit: limit})
		if err != nil {
			return err
		}
		return a.showQuotas([]wire.Quota{q})
	}
	return c
}

func parseLimit(text string) (int, error) {
	if text == "unlimited" {
		return jeroboam.Unlimited, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < jeroboam.Unlimited {
		return 0, usage("Give a number, 0 or more, or unlimited.", "%q is not a limit.", text)
	}
	return limit, nil
}

func (a *app) setQuota(ctx context.Context, in wire.QuotaWrite) (wire.Quota, error) {
	s, err := a.client()
	if err != nil {
		return wire.Quota{}, err
	}
	q, err := s.CreateQuota(ctx, in)
	if jeroboam.KindOf(err) == jeroboam.Conflict {
		q, err = s.UpdateQuota(ctx, in)
	}
	return q, err
}

func (a *app) quotaDelete() *cobra.Command {
	var resource string
	c := &cobra.Command{Use: "delete PROJECT", Short: "Give a project the default quota again", Args: exactly("PROJECT")}
	quotaFlag(c, &resource)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := checkResource(resource); err != nil {
			return err
		}
		s, err := a.client()
		if err != nil {
			return err
		}
		if err := s.DeleteQuota(c.Context(), args[0], resource); err != nil {
			return err
		}
		return a.printer().Text(map[string]string{"deleted": args[0]}, "The project %s has the default quota.", args[0])
	}
	return c
}

func (a *app) stats() *cobra.Command {
	var project string
	c := &cobra.Command{Use: "stats", Short: "Count clusters and nodes", Args: exactly()}
	c.Flags().StringVar(&project, "project", "", "project to count, by ID; your own if not given, all for an administrator")
	c.RunE = a.asking(func(ctx context.Context, s *client.Client, _ []string) error {
		stats, err := s.Stats(ctx, project)
		if err != nil {
			return err
		}
		return a.printer().Text(stats, "%s, %s", plural(stats.Clusters, "cluster"), plural(stats.Nodes, "node"))
	})
	return c
}
