package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

// handler answers a request that was found, let in and read.
type handler func(*server, *request) (reply, error)

// route is one line of the table. In a path, {x} is one segment. A request
// below version since gets 406 in the words of method.
type route struct {
	verb   string
	path   string
	do     handler
	args   []string // query arguments
	since  wire.Version
	method string
	public bool // answers without a token
	plans  bool // a change of a cluster: takes wire.DryRunArg
	free   bool // counts for no limit
	secret bool // its answers rest in no cache
}

// routes are every path of the API.
func routes() []route {
	page := wire.PageArgs
	with := func(extra ...string) []string { return append(slices.Clone(page), extra...) }
	const groups, resize = wire.VersionNodeGroups, wire.VersionResize
	return []route{
		{verb: "GET", path: "/", do: root, public: true},
		{verb: "GET", path: "/v1", do: v1, public: true},
		{verb: "GET", path: "/healthcheck", do: healthcheck, public: true, free: true},
		{verb: "HEAD", path: "/healthcheck", do: healthcheck, public: true, free: true}, // as balancers ask
		{verb: "GET", path: "/v1/openapi.json", do: describe, public: true},

		{verb: "GET", path: "/v1/clustertemplates", do: listTemplates, args: page},
		{verb: "POST", path: "/v1/clustertemplates", do: createTemplate},
		{verb: "GET", path: "/v1/clustertemplates/detail", do: listTemplates, args: page},
		{verb: "GET", path: "/v1/clustertemplates/{template}", do: showTemplate},
		{verb: "PATCH", path: "/v1/clustertemplates/{template}", do: updateTemplate},
		{verb: "DELETE", path: "/v1/clustertemplates/{template}", do: deleteTemplate},

		{verb: "GET", path: "/v1/clusters", do: listClusters, args: page},
		{verb: "POST", path: "/v1/clusters", do: createCluster, plans: true},
		{verb: "GET", path: "/v1/clusters/detail", do: detailClusters, args: page},
		{verb: "GET", path: "/v1/clusters/{cluster}", do: showCluster},
		{verb: "PATCH", path: "/v1/clusters/{cluster}", do: updateCluster, args: []string{"rollback"}, plans: true},
		{verb: "DELETE", path: "/v1/clusters/{cluster}", do: deleteCluster, args: []string{wire.DataArg}, plans: true},
		{verb: "POST", path: "/v1/clusters/{cluster}/actions/resize", do: resizeCluster, since: resize, method: "resize", plans: true},
		{verb: "POST", path: "/v1/clusters/{cluster}/actions/upgrade", do: upgradeCluster, since: resize, method: "upgrade", plans: true},

		{verb: "GET", path: "/v1/clusters/{cluster}/nodegroups", do: listGroups, args: with("role"), since: groups, method: "get_one"},
		{verb: "POST", path: "/v1/clusters/{cluster}/nodegroups", do: createGroup, since: groups, method: "get_one", plans: true},
		{verb: "GET", path: "/v1/clusters/{cluster}/nodegroups/{group}", do: showGroup, since: groups, method: "get_one"},
		{verb: "PATCH", path: "/v1/clusters/{cluster}/nodegroups/{group}", do: updateGroup, since: groups, method: "get_one", plans: true},
		{verb: "DELETE", path: "/v1/clusters/{cluster}/nodegroups/{group}", do: deleteGroup, since: groups, method: "get_one", plans: true},

		{verb: "POST", path: "/v1/certificates", do: signCertificate, secret: true},
		{verb: "GET", path: "/v1/certificates/{cluster}", do: showCertificate, args: []string{"ca_cert_type"}, secret: true},
		{verb: "PATCH", path: "/v1/certificates/{cluster}", do: rotateCertificate, args: []string{"ca_cert_type"}, secret: true, plans: true},
		{verb: "PATCH", path: "/v1/credentials/{cluster}", do: rotateCredential, since: wire.VersionCredential, method: "patch", secret: true, plans: true},

		{verb: "GET", path: "/v1/quotas", do: listQuotas, args: with("all_tenants")},
		{verb: "POST", path: "/v1/quotas", do: createQuota},
		{verb: "GET", path: "/v1/quotas/{project}/{resource}", do: showQuota},
		{verb: "PATCH", path: "/v1/quotas/{project}/{resource}", do: updateQuota},
		{verb: "DELETE", path: "/v1/quotas/{project}/{resource}", do: deleteQuota},

		{verb: "GET", path: "/v1/stats", do: stats, args: []string{"project_id", "type"}},
		{verb: "GET", path: "/v1/mservices", do: services},

		{verb: "GET", path: "/v1/federations", do: listFederations, args: page},
		{verb: "POST", path: "/v1/federations", do: createFederation},
		{verb: "GET", path: "/v1/federations/detail", do: detailFederations, args: page},
		{verb: "GET", path: "/v1/federations/{federation}", do: showFederation},
		{verb: "PATCH", path: "/v1/federations/{federation}", do: updateFederation, args: []string{"rollback"}},
		{verb: "DELETE", path: "/v1/federations/{federation}", do: deleteFederation},

		// Beside Magnum: how a change goes on, step by step, and once more; and which labels there are.
		{verb: "POST", path: "/v1/clusters/{cluster}/actions/retry", do: retryCluster, plans: true},
		{verb: "GET", path: "/v1/clusters/{cluster}/plan", do: clusterPlan},
		{verb: "GET", path: "/v1/clusters/{cluster}/operations", do: listOperations},
		{verb: "GET", path: "/v1/clusters/{cluster}/machines", do: listMachines},
		{verb: "GET", path: "/v1/clusters/{cluster}/events", do: events, args: []string{"limit", "marker"}},
		{verb: "GET", path: "/v1/operations/{operation}", do: showOperation},
		{verb: "GET", path: "/v1/labels", do: listLabels, args: []string{"coe"}},
	}
}

// arguments are those that the route's query may have.
func (r *route) arguments() []string {
	if r.plans {
		return append(slices.Clone(r.args), wire.DryRunArg)
	}
	return r.args
}

// match finds the route of a path and the values of its {x}. Of a path that
// exists with other verbs it returns those.
func match(routes []route, verb string, segments []string) (found *route, vars map[string]string, verbs []string) {
	for i := range routes {
		values, ok := routes[i].fits(segments)
		if !ok {
			continue
		}
		if routes[i].verb != verb {
			verbs = append(verbs, routes[i].verb)
			continue
		}
		// The table has the literal before the {x} it would fit as well.
		return &routes[i], values, nil
	}
	slices.Sort(verbs)
	return nil, nil, slices.Compact(verbs)
}

func (r *route) fits(segments []string) (map[string]string, bool) {
	pattern := split(r.path)
	if len(pattern) != len(segments) {
		return nil, false
	}
	var vars map[string]string
	for i, p := range pattern {
		switch {
		case strings.HasPrefix(p, "{"):
			if vars == nil {
				vars = map[string]string{}
			}
			vars[p[1:len(p)-1]] = segments[i]
		case p != segments[i]:
			return nil, false
		}
	}
	return vars, true
}

// split is the segments of a path: "/" has none, a slash at the end adds none.
func split(path string) []string {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// notFound is the answer to a path that no route has.
var notFound = &wire.StatusError{Status: http.StatusNotFound}
