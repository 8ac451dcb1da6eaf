package cli

import (
	"github.com/spf13/cobra"

	"github.com/jeroboam-cloud/jeroboam"
)

func (a *app) doctor() *cobra.Command {
	return &cobra.Command{Use: "doctor", Short: "Say what this host lacks for real clusters", Args: exactly(), RunE: func(c *cobra.Command, _ []string) error {
		findings := a.host.Diagnose(c.Context(), a.state)
		rows := make([][]string, len(findings))
		lacking := 0
		for i, f := range findings {
			word := "ok"
			switch {
			case !f.OK && f.Needed:
				word = "MISSING"
				lacking++
			case !f.OK:
				word = "absent"
			}
			rows[i] = []string{word, f.Name, f.Detail, f.Remedy}
		}
		if err := a.printer().List(map[string]any{"findings": findings}, []string{"", "WHAT", "FOUND", "REMEDY"}, rows); err != nil {
			return err
		}
		if lacking == 0 {
			return nil
		}
		return jeroboam.Errorf(jeroboam.Unsupported, "host", "This host lacks %s.", plural(lacking, "thing")).
			WithRemedy("Follow the remedies above; deploy/packages.sh installs missing packages.")
	}}
}
