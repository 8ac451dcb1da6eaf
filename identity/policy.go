package identity

import (
	_ "embed" // the default rules
	"fmt"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

//go:embed policy.yaml
var defaults []byte

// Policy is who may do what, by rule ("cluster:create"). A rule it does not
// have is allowed to nobody. It does not change once it is made.
type Policy struct {
	rules map[string]rule
	order []string // as the files have them
}

// rule is a check with where it was written.
type rule struct {
	check    check
	text     string
	line     int
	override bool // of the operator's
}

// Defaults returns the rules of policy.yaml.
func Defaults() *Policy {
	p := &Policy{rules: map[string]rule{}}
	if err := p.read("the default policy", defaults, false); err != nil {
		panic("identity: " + err.Error()) // part of the program, and tested
	}
	return p
}

// Parse returns the defaults with the rules of an operator's file in place of
// theirs. Everything that is wrong in the file is jeroboam.Invalid with its
// line; name is how errors call the file.
func Parse(name string, file []byte) (*Policy, error) {
	p := Defaults()
	if err := p.read(name, file, true); err != nil {
		return nil, err
	}
	return p, nil
}

// Allow returns nil, or jeroboam.Forbidden in the words Magnum's clients show.
func (p *Policy) Allow(caller jeroboam.Caller, rule string, target Target) error {
	if r, ok := p.rules[rule]; ok && r.check.holds(p, &question{caller, target}) {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Forbidden, "policy", "Policy doesn't allow %s to be performed.", rule)
}

// Rules lists the actions that the policy decides, in order; helpers are not
// among them.
func (p *Policy) Rules() []string {
	return slices.DeleteFunc(names(p.rules), isHelper)
}

// isHelper tells rules that others refer to from actions.
func isHelper(name string) bool { return !strings.Contains(name, ":") }

// Text returns the check of a rule as it was written, "" for one that is not there.
func (p *Policy) Text(rule string) string { return p.rules[rule].text }

// Overrides reports whether a rule is the operator's rather than a default.
func (p *Policy) Overrides(rule string) bool { return p.rules[rule].override }

// YAML returns the policy as one file, with what is the operator's marked.
func (p *Policy) YAML() []byte {
	var b strings.Builder
	for _, name := range p.order {
		mark := ""
		if p.Overrides(name) {
			mark = " # overridden"
		}
		fmt.Fprintf(&b, "%s: %s%s\n", name, quote(p.Text(name)), mark)
	}
	return []byte(b.String())
}

// quote writes a rule as a YAML scalar in single quotes.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
