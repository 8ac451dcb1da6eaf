package identity_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/identity"
)

// Who asks, about an object that user "maker" of project "p" made.
var callers = map[string]jeroboam.Caller{
	"maker":           {UserID: "maker", ProjectID: "p", Roles: []string{"member", "reader"}},
	"reading maker":   {UserID: "maker", ProjectID: "p", Roles: []string{"reader"}},
	"member":          {UserID: "m", ProjectID: "p", Roles: []string{"member", "reader"}},
	"reader":          {UserID: "r", ProjectID: "p", Roles: []string{"reader"}},
	"roleless":        {UserID: "n", ProjectID: "p"},
	"admin":           {UserID: "a", ProjectID: "q", Roles: []string{"admin", "member", "reader"}},
	"bare admin":      {UserID: "a", ProjectID: "q", Roles: []string{"admin"}},
	"foreign member":  {UserID: "f", ProjectID: "q", Roles: []string{"member", "reader"}},
	"foreign maker":   {UserID: "maker", ProjectID: "q", Roles: []string{"member", "reader"}},
	"unscoped member": {UserID: "u", Roles: []string{"member", "reader"}},
	"nobody":          {},
}

func TestDefaultsAllowWhatMagnumAllows(t *testing.T) {
	admins := []string{"admin", "bare admin"}
	readers := append([]string{"maker", "reading maker", "member", "reader"}, admins...)
	members := append([]string{"maker", "member"}, admins...)
	want := map[string][]string{
		"cluster:create": members, "cluster:update": members, "cluster:delete": members, "cluster:resize": members, "cluster:upgrade": members,
		"cluster:get": readers, "cluster:get_all": readers, "cluster:detail": readers,
		"cluster:update_health_status": append([]string{"maker"}, admins...),
		"cluster:get_one_all_projects": admins, "cluster:get_all_all_projects": admins, "cluster:detail_all_projects": admins,
		"cluster:update_all_projects": admins, "cluster:delete_all_projects": admins, "cluster:upgrade_all_projects": admins,
		"clustertemplate:create": members, "clustertemplate:update": members, "clustertemplate:delete": members,
		"clustertemplate:get": readers, "clustertemplate:get_all": readers, "clustertemplate:detail": readers, "clustertemplate:publish": admins,
		"clustertemplate:get_one_all_projects": admins, "clustertemplate:get_all_all_projects": admins, "clustertemplate:detail_all_projects": admins,
		"clustertemplate:update_all_projects": admins, "clustertemplate:delete_all_projects": admins,
		"nodegroup:get": readers, "nodegroup:get_all": readers, "nodegroup:create": members, "nodegroup:update": members, "nodegroup:delete": members,
		"nodegroup:get_one_all_projects": admins, "nodegroup:get_all_all_projects": admins,
		"certificate:create": append([]string{"maker"}, admins...), "certificate:get": append([]string{"maker", "reading maker"}, admins...),
		"certificate:rotate_ca": members, "credential:rotate": {"maker", "member"},
		"quota:get": readers, "quota:get_all": admins, "quota:create": admins, "quota:update": admins, "quota:delete": admins,
		"stats:get_all": readers, "magnum-service:get_all": admins,
		"federation:get": {"maker", "reading maker", "member", "reader"}, "federation:get_all": {"maker", "reading maker", "member", "reader"},
		"federation:detail": {"maker", "reading maker", "member", "reader"},
		"federation:create": {"maker", "member"}, "federation:update": {"maker", "member"}, "federation:delete": {"maker", "member"},
		"unknown:rule": nil,
	}
	policy := identity.Defaults()
	for _, rule := range policy.Rules() {
		if _, ok := want[rule]; !ok {
			t.Errorf("the rule %s is not in this test", rule)
		}
	}
	target := identity.Target{Project: "p", User: "maker"}
	for rule, allowed := range want {
		for name, caller := range callers {
			err := policy.Allow(caller, rule, target)
			if (err == nil) != slices.Contains(allowed, name) {
				t.Errorf("%s by %s: %v", rule, name, err)
			}
			if err == nil {
				continue
			}
			e, ok := jeroboam.AsError(err)
			if !ok || e.Kind != jeroboam.Forbidden || !strings.HasPrefix(e.Error(), "Policy doesn't allow "+rule+" to be performed.") {
				t.Errorf("%s by %s: error %v", rule, name, err)
			}
		}
	}
}

func TestATargetOfNobodyIsNobodys(t *testing.T) {
	policy := identity.Defaults()
	for name, caller := range callers {
		if err := policy.Allow(caller, "cluster:get", identity.Target{}); (err == nil) != caller.Has("admin") {
			t.Errorf("cluster:get of no project by %s: %v", name, err)
		}
	}
}
