package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/client"
)

func (a *app) clusterPlan() *cobra.Command {
	return &cobra.Command{Use: "plan CLUSTER", Short: "Show what is still to be done for a cluster", Args: exactly("CLUSTER"),
		RunE: a.asking(func(ctx context.Context, s *client.Client, args []string) error {
			p, err := s.ClusterPlan(ctx, args[0])
			if err != nil {
				return err
			}
			return a.printPlan(p)
		})}
}

func (a *app) printPlan(plan wire.Plan) error {
	p := a.printer()
	if len(plan.Steps) == 0 {
		return p.Text(plan, "There is nothing to do.")
	}
	rows := make([][]string, len(plan.Steps))
	for i, step := range plan.Steps {
		rows[i] = []string{step.Name, effect(step.Changes), strings.Join(step.After, ", ")}
	}
	return p.List(plan, []string{"STEP", "CHANGES", "AFTER"}, rows)
}

func effect(c *wire.ResourceChange) string {
	if c == nil {
		return ""
	}
	text := fmt.Sprintf("%s %s %s", c.Action, c.Kind, c.Name)
	var more []string
	if c.Flavor != "" {
		more = append(more, c.Flavor, c.Image)
	}
	if c.ID != "" && c.ID != c.Name {
		more = append(more, c.ID)
	}
	if c.SizeGB > 0 {
		more = append(more, fmt.Sprintf("%d GB", c.SizeGB))
	}
	if c.Of != "" {
		more = append(more, "of "+c.Of)
	}
	if len(more) > 0 {
		text += " (" + strings.Join(more, ", ") + ")"
	}
	return text
}
