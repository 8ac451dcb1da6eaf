package identity

import (
	"maps"
	"slices"

	"github.com/jeroboam-cloud/jeroboam"
)

// Check decides whether a caller may do something to a target.
type Check func(caller jeroboam.Caller, target Target) bool

// Policy is who may do what, by rule ("cluster:create"). A rule it does not
// have is allowed to nobody.
type Policy map[string]Check

// Allow returns nil, or jeroboam.Forbidden in the words Magnum's clients show.
func (p Policy) Allow(caller jeroboam.Caller, rule string, target Target) error {
	if check, ok := p[rule]; ok && check(caller, target) {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Forbidden, "policy", "Policy doesn't allow %s to be performed.", rule)
}

// Rules lists the rules of the policy in order.
func (p Policy) Rules() []string { return slices.Sorted(maps.Keys(p)) }

// The checks that Magnum's own rules are made of; the names are its.

func admin(c jeroboam.Caller, _ Target) bool { return c.Has("admin") }

func own(c jeroboam.Caller, t Target) bool { return c.ProjectID != "" && c.ProjectID == t.Project }

func projectMember(c jeroboam.Caller, t Target) bool { return c.Has("member") && own(c, t) }

func projectReader(c jeroboam.Caller, t Target) bool { return c.Has("reader") && own(c, t) }

func user(c jeroboam.Caller, t Target) bool { return c.UserID != "" && c.UserID == t.User }

func either(a, b Check) Check {
	return func(c jeroboam.Caller, t Target) bool { return a(c, t) || b(c, t) }
}

func both(a, b Check) Check {
	return func(c jeroboam.Caller, t Target) bool { return a(c, t) && b(c, t) }
}

// Defaults returns Magnum's rules since 17.0 (2023.2, oslo.policy's new
// defaults). No user of a cluster's own (a trustee) exists here, so that
// Magnum's deny_cluster_user always holds and is left out.
func Defaults() Policy {
	member, reader := either(admin, projectMember), either(admin, projectReader)
	p := Policy{
		"cluster:update_health_status": either(admin, both(projectMember, user)),
		"certificate:create":           either(admin, both(projectMember, user)),
		"certificate:get":              either(admin, both(projectReader, user)),
		"certificate:rotate_ca":        member,
		"credential:rotate":            projectMember, // the role admin alone is not enough
		"quota:get":                    reader,
		"stats:get_all":                reader,
		"magnum-service:get_all":       admin,
	}
	p.set("cluster", member, "create", "update", "delete", "resize", "upgrade")
	p.set("cluster", reader, "get", "get_all", "detail")
	p.set("cluster", admin, "get_one_all_projects", "get_all_all_projects", "detail_all_projects",
		"update_all_projects", "delete_all_projects", "upgrade_all_projects")
	p.set("clustertemplate", member, "create", "update", "delete")
	p.set("clustertemplate", reader, "get", "get_all", "detail")
	p.set("clustertemplate", admin, "publish", "get_one_all_projects", "get_all_all_projects", "detail_all_projects",
		"update_all_projects", "delete_all_projects")
	p.set("nodegroup", reader, "get", "get_all")
	p.set("nodegroup", member, "create", "update", "delete")
	p.set("nodegroup", admin, "get_one_all_projects", "get_all_all_projects")
	p.set("quota", admin, "get_all", "create", "update", "delete")
	p.set("federation", projectReader, "get", "get_all", "detail")
	p.set("federation", projectMember, "create", "update", "delete")
	return p
}

func (p Policy) set(noun string, check Check, verbs ...string) {
	for _, verb := range verbs {
		p[noun+":"+verb] = check
	}
}
