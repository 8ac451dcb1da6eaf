package main

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cli/output"
	"github.com/jeroboam-cloud/jeroboam/identity"
)

// readPolicy is the policy with the rules of an operator's file, if there is one.
func readPolicy(path string) (*identity.Policy, error) {
	if path == "" {
		return identity.Defaults(), nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, badConfig("policy_file", "The policy file %s cannot be read.", path).WithRemedy("Check its path and permissions.").Wrap(err)
	}
	return identity.Parse(path, text)
}

// policyCommands show and try the policy that "serve" would use.
func policyCommands() []*cobra.Command {
	commands := []*cobra.Command{policyShow(), policyCheck()}
	for _, c := range commands {
		c.Flags().String("config", "", "YAML file of settings of the service")
		c.Flags().String("policy-file", "", "YAML file of rules that override the policy's; not given: what \"jeroboam serve\" would use")
	}
	return commands
}

// policyOf reads the policy that the settings name.
func policyOf(cmd *cobra.Command) (*identity.Policy, error) {
	var c config
	settings := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	c.flags(settings, programDir())
	file, path := cmd.Flag("config"), cmd.Flag("policy-file")
	if path.Changed {
		if err := settings.Set(path.Name, path.Value.String()); err != nil {
			return nil, err
		}
	}
	if err := c.fill(settings, file.Value.String(), os.Getenv); err != nil {
		return nil, err
	}
	return readPolicy(c.PolicyFile)
}

// shownRule is a rule for programs.
type shownRule struct {
	Rule       string `json:"rule"`
	Check      string `json:"check"`
	Overridden bool   `json:"overridden"`
	Allowed    *bool  `json:"allowed,omitempty"`
}

func policyShow() *cobra.Command {
	return &cobra.Command{Use: "show", Short: "Print every rule that holds, as one policy file", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := policyOf(cmd)
			if err != nil {
				return err
			}
			printer := printerOf(cmd)
			if printer.ForPeople() {
				_, err := cmd.OutOrStdout().Write(p.YAML())
				return err
			}
			var all []shownRule
			for _, name := range p.Rules() {
				all = append(all, shownRule{Rule: name, Check: p.Text(name), Overridden: p.Overrides(name)})
			}
			return printer.List(all, nil, nil)
		}}
}

func printerOf(cmd *cobra.Command) output.Printer {
	return output.Printer{W: cmd.OutOrStdout(), Format: cmd.Flag("output").Value.String()}
}

// trial is who asks about whose object.
type trial struct {
	rule   string
	caller jeroboam.Caller
	target identity.Target
}

func policyCheck() *cobra.Command {
	var t trial
	cmd := &cobra.Command{Use: "check", Short: "Print what the policy decides about a caller", Args: cobra.NoArgs,
		Long: "Print what the policy decides about a caller, who asks about an object of their own unless\n" +
			"--target-project or --target-user says whose it is. One --rule that is denied is exit code 5."}
	f := cmd.Flags()
	f.StringVar(&t.rule, "rule", "", "action, such as cluster:create; not given: all of them")
	f.StringSliceVar(&t.caller.Roles, "roles", nil, "roles of the caller's token; one of a member has member and reader")
	f.StringVar(&t.caller.UserID, "user", "caller", "ID of the caller")
	f.StringVar(&t.caller.DomainID, "user-domain", "default", "ID of the domain of the caller")
	f.StringVar(&t.caller.ProjectID, "project", "project", "ID of the project of the token; \"\": none")
	f.StringVar(&t.caller.ScopeDomainID, "domain", "", "ID of the domain of the token")
	f.BoolVar(&t.caller.SystemScope, "system", false, "the token is for the system")
	f.StringVar(&t.target.User, "target-user", "", "ID of who made the object")
	f.StringVar(&t.target.Project, "target-project", "", "ID of the project of the object")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		p, err := policyOf(cmd)
		if err != nil {
			return err
		}
		if !f.Changed("target-user") {
			t.target.User = t.caller.UserID
		}
		if !f.Changed("target-project") {
			t.target.Project = t.caller.ProjectID
		}
		return t.print(p, printerOf(cmd))
	}
	return cmd
}

func (t trial) print(p *identity.Policy, printer output.Printer) error {
	rules, denied := p.Rules(), error(nil)
	if t.rule != "" {
		if !slices.Contains(rules, t.rule) {
			return jeroboam.Errorf(jeroboam.NotFound, "rule", "There is no rule %q.", t.rule).
				WithRemedy("Choose from: %s.", strings.Join(rules, ", "))
		}
		rules, denied = []string{t.rule}, p.Allow(t.caller, t.rule, t.target)
	}
	var shown []shownRule
	var rows [][]string
	for _, name := range rules {
		allowed := p.Allow(t.caller, name, t.target) == nil
		shown = append(shown, shownRule{Rule: name, Check: p.Text(name), Overridden: p.Overrides(name), Allowed: &allowed})
		rows = append(rows, []string{name, map[bool]string{true: "allowed", false: "denied"}[allowed], p.Text(name)})
	}
	if err := printer.List(shown, []string{"RULE", "DECISION", "CHECK"}, rows); err != nil {
		return err
	}
	return denied
}
