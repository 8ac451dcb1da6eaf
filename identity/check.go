package identity

import (
	"maps"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// ruleAdmin is what is_admin stands for.
const ruleAdmin = "context_is_admin"

// question is what a rule is asked.
type question struct {
	caller jeroboam.Caller
	target Target
}

// check is a rule, or a part of one. Rules it refers to are looked up in p.
type check interface {
	holds(p *Policy, q *question) bool
}

type constant bool

const (
	everybody = constant(true)
	nobody    = constant(false)
)

func (c constant) holds(*Policy, *question) bool { return bool(c) }

// role is held without regard to case, as Keystone compares them.
type role string

func (r role) holds(_ *Policy, q *question) bool {
	return slices.ContainsFunc(q.caller.Roles, func(had string) bool { return strings.EqualFold(had, string(r)) })
}

type reference string

func (r reference) holds(p *Policy, q *question) bool {
	named, ok := p.rules[string(r)]
	return ok && named.check.holds(p, q)
}

type negation struct{ of check }

func (n negation) holds(p *Policy, q *question) bool { return !n.of.holds(p, q) }

type anyOf []check

func (a anyOf) holds(p *Policy, q *question) bool {
	return slices.ContainsFunc(a, func(c check) bool { return c.holds(p, q) })
}

type allOf []check

func (a allOf) holds(p *Policy, q *question) bool {
	return !slices.ContainsFunc(a, func(c check) bool { return !c.holds(p, q) })
}

// match compares an attribute of the caller with one of the target, or with a
// literal if target is "". What is absent equals nothing.
type match struct{ attribute, target, literal string }

func (m match) holds(_ *Policy, q *question) bool {
	want := m.literal
	if m.target != "" {
		want = targetAttributes[m.target](q.target)
	}
	return want != "" && callerAttributes[m.attribute](q.caller) == want
}

// callerAttributes are named as oslo.context names them.
var callerAttributes = map[string]func(jeroboam.Caller) string{
	"user_id":        func(c jeroboam.Caller) string { return c.UserID },
	"user_domain_id": func(c jeroboam.Caller) string { return c.DomainID },
	"project_id":     func(c jeroboam.Caller) string { return c.ProjectID },
	"domain_id":      func(c jeroboam.Caller) string { return c.ScopeDomainID },
	"system_scope":   systemScope,
}

func systemScope(c jeroboam.Caller) string {
	if c.SystemScope {
		return "all"
	}
	return ""
}

// targetAttributes are those of Magnum's objects. Clusters have no users of
// their own here: what asks for a trustee finds none.
var targetAttributes = map[string]func(Target) string{
	"project_id":        func(t Target) string { return t.Project },
	"user_id":           func(t Target) string { return t.User },
	"trustee_user_id":   func(Target) string { return "" },
	"trustee_domain_id": func(Target) string { return "" },
}

func names[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }

// references lists the rules that a check refers to directly.
func references(c check) []string {
	var out []string
	switch c := c.(type) {
	case reference:
		return []string{string(c)}
	case negation:
		return references(c.of)
	case anyOf:
		for _, part := range c {
			out = append(out, references(part)...)
		}
	case allOf:
		for _, part := range c {
			out = append(out, references(part)...)
		}
	}
	return out
}
