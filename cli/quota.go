package cli

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/cli/output"
)

func (a *app) quota() *cobra.Command {
	return group("quota", "How many clusters a project may have", a.quotaShow(), a.quotaList(), a.quotaSet(), a.quotaDelete())
}

func (a *app) quotaShow() *cobra.Command {
	return &cobra.Command{Use: "show PROJECT", Short: "Show the quota of a project, by ID", Args: exactly("PROJECT"), RunE: func(c *cobra.Command, args []string) error {
		s, err := a.client()
		if err != nil {
			return err
		}
		q, err := s.Quota(c.Context(), args[0])
		if err != nil {
			return err
		}
		return a.showQuota(q)
	}}
}

func (a *app) showQuota(q wire.Quota) error {
	return a.printer().Object(q, []output.Field{{Name: "Project", Value: q.ProjectID}, {Name: "Resource", Value: q.Resource}, {Name: "Limit", Value: strconv.Itoa(q.HardLimit)}})
}

func (a *app) quotaList() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the quotas of all projects", Args: exactly(), RunE: func(c *cobra.Command, _ []string) error {
		s, err := a.client()
		if err != nil {
			return err
		}
		all, err := s.Quotas(c.Context())
		if err != nil {
			return err
		}
		rows := make([][]string, len(all))
		for i, q := range all {
			rows[i] = []string{q.ProjectID, q.Resource, strconv.Itoa(q.HardLimit)}
		}
		return a.printer().List(map[string]any{"quotas": all}, []string{"PROJECT", "RESOURCE", "LIMIT"}, rows)
	}}
}

func (a *app) quotaSet() *cobra.Command {
	return &cobra.Command{Use: "set PROJECT LIMIT", Short: "Set the quota of a project, by ID", Args: exactly("PROJECT", "LIMIT"), RunE: func(c *cobra.Command, args []string) error {
		limit, err := strconv.Atoi(args[1])
		if err != nil || limit < 0 {
			return usage("Give a number of clusters, 0 or more.", "%q is not a limit.", args[1])
		}
		s, err := a.client()
		if err != nil {
			return err
		}
		in := wire.QuotaWrite{ProjectID: args[0], Resource: jeroboam.QuotaCluster, HardLimit: limit}
		q, err := s.CreateQuota(c.Context(), in)
		if jeroboam.KindOf(err) == jeroboam.Conflict {
			q, err = s.UpdateQuota(c.Context(), in)
		}
		if err != nil {
			return err
		}
		return a.showQuota(q)
	}}
}

func (a *app) quotaDelete() *cobra.Command {
	return &cobra.Command{Use: "delete PROJECT", Short: "Give a project the default quota again", Args: exactly("PROJECT"), RunE: func(c *cobra.Command, args []string) error {
		s, err := a.client()
		if err != nil {
			return err
		}
		if err := s.DeleteQuota(c.Context(), args[0]); err != nil {
			return err
		}
		return a.printer().Text(map[string]string{"deleted": args[0]}, "The project %s has the default quota.", args[0])
	}}
}

func (a *app) stats() *cobra.Command {
	var project string
	c := &cobra.Command{Use: "stats", Short: "Count clusters and nodes", Args: exactly()}
	c.Flags().StringVar(&project, "project", "", "project to count, by ID; your own if not given, all for an administrator")
	c.RunE = func(c *cobra.Command, _ []string) error {
		s, err := a.client()
		if err != nil {
			return err
		}
		stats, err := s.Stats(c.Context(), project)
		if err != nil {
			return err
		}
		return a.printer().Text(stats, "%s, %s", plural(stats.Clusters, "cluster"), plural(stats.Nodes, "node"))
	}
	return c
}
