// Package access decides which records a caller meets: those of its project,
// the templates that are public and, where a rule of the policy says so, those
// of every project. What a caller may not know of is NotFound; what it knows of
// and may not do is Forbidden. This package reads and changes nothing.
package access

import (
	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/identity"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Gate is the only way from a caller to a record.
type Gate struct{ Policy *identity.Policy }

// Rule is what the policy is asked before a caller gets at a record. The zero
// Rule asks only whether the caller may know of it.
type Rule struct {
	Name string // about the record and whose it is
	Wide string // opens the records of every project
}

// Own is a rule about the records of the caller's project.
func Own(name string) Rule { return Rule{Name: name} }

// Everywhere is a rule with the one of Magnum's that opens every project to it.
func Everywhere(name string) Rule { return Rule{name, name + "_all_projects"} }

// Allow asks the policy about an object of a project and a user.
func (g Gate) Allow(caller jeroboam.Caller, rule, project, user string) error {
	return g.Policy.Allow(caller, rule, identity.Target{Project: project, User: user})
}

// Reach is whose objects a caller meets: those of the returned project, or
// everybody's ("") when the rule wide, which may be "", lets it.
func (g Gate) Reach(caller jeroboam.Caller, wide string) (string, error) {
	if wide != "" && g.Allow(caller, wide, "", "") == nil {
		return "", nil
	}
	if caller.ProjectID == "" {
		return "", jeroboam.Errorf(jeroboam.Forbidden, "scope", "The token is not scoped to a project.").
			WithRemedy("Ask the identity service for a token of a project.")
	}
	return caller.ProjectID, nil
}

// Cluster finds a cluster by UUID or name.
func (g Gate) Cluster(tx store.Tx, caller jeroboam.Caller, ident string, rule Rule) (jeroboam.Cluster, error) {
	return clusters.find(tx, g, caller, ident, rule)
}

// Template finds a template by UUID or name: one of the caller's project, or one
// that is public and not hidden.
func (g Gate) Template(tx store.Tx, caller jeroboam.Caller, ident string, rule Rule) (jeroboam.Template, error) {
	return templates.find(tx, g, caller, ident, rule)
}

// Federation finds a federation by UUID or name.
func (g Gate) Federation(tx store.Tx, caller jeroboam.Caller, ident string, rule Rule) (jeroboam.Federation, error) {
	return federations.find(tx, g, caller, ident, rule)
}
