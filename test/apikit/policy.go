package apikit

import (
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/identity"
)

// policy is Magnum's default rules in short: an administrator may do anything,
// a reader reads, a member changes, in their own project.
type policy struct{}

func (policy) Allow(c jeroboam.Caller, rule string, target identity.Target) error {
	forbidden := jeroboam.Errorf(jeroboam.Forbidden, "policy", "Policy doesn't allow %s to be performed.", rule)
	_, verb, _ := strings.Cut(rule, ":")
	role := "member"
	if strings.HasPrefix(verb, "get") || verb == "detail" {
		role = "reader"
	}
	admin := strings.HasSuffix(rule, "_all_projects") || rule == "clustertemplate:publish" || rule == "magnum-service:get_all" ||
		strings.HasPrefix(rule, "quota:") && rule != "quota:get"
	switch {
	case c.Has("admin") && rule != "credential:rotate":
		return nil
	case admin || !c.Has(role) || c.ProjectID == "" || c.ProjectID != target.Project:
		return forbidden
	case (strings.HasPrefix(rule, "certificate:") && verb != "rotate_ca" || verb == "update_health_status") && c.UserID != target.User:
		return forbidden
	}
	return nil
}
