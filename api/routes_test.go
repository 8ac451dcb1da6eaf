package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

// access is what each kind of caller gets from a route whose object belongs to
// olga of project p1: the status, or the first of a class ("2xx").
type access struct {
	route  string // verb, path, body
	owner  string
	mate   string // of the same project, not the creator
	reader string
	other  string // a member of another project
	admin  string // of another project
}

const templateBody = `{"coe":"kubernetes","image_id":"fedora-coreos-38","flavor_id":"m1.small"}`

var table = []access{
	{"GET /v1/clustertemplates", "200", "200", "200", "200", "200"},
	{"GET /v1/clustertemplates/detail", "200", "200", "200", "200", "200"},
	{"GET /v1/clustertemplates/k8s", "200", "200", "200", "404", "200"},
	{"POST /v1/clustertemplates " + templateBody, "201", "201", "403", "201", "201"},
	{`PATCH /v1/clustertemplates/k8s [{"op":"replace","path":"/name","value":"k8s"}]`, "400", "400", "403", "404", "400"},
	{"DELETE /v1/clustertemplates/k8s", "400", "400", "403", "404", "400"},

	{"GET /v1/clusters", "200", "200", "200", "200", "200"},
	{"GET /v1/clusters/detail", "200", "200", "200", "200", "200"},
	{"GET /v1/clusters/c1", "200", "200", "200", "404", "200"},
	{`POST /v1/clusters {"cluster_template_id":"k8s"}`, "202", "202", "403", "404", "404"},
	{`PATCH /v1/clusters/c1 [{"op":"replace","path":"/node_count","value":2}]`, "202", "202", "403", "404", "202"},
	{`PATCH /v1/clusters/c1 [{"op":"replace","path":"/health_status","value":"HEALTHY"}]`, "202", "403", "403", "404", "202"},
	{"DELETE /v1/clusters/c1", "204", "204", "403", "404", "204"},
	{`POST /v1/clusters/c1/actions/resize {"node_count":2}`, "202", "202", "403", "404", "404"},
	{`POST /v1/clusters/c1/actions/upgrade {"cluster_template":"k8s"}`, "202", "202", "403", "404", "404"},

	{"GET /v1/clusters/c1/nodegroups", "200", "200", "200", "404", "200"},
	{"GET /v1/clusters/c1/nodegroups/default-worker", "200", "200", "200", "404", "200"},
	{`POST /v1/clusters/c1/nodegroups {"name":"ng"}`, "202", "202", "403", "404", "404"},
	{`PATCH /v1/clusters/c1/nodegroups/default-worker []`, "202", "202", "403", "404", "404"},
	{"DELETE /v1/clusters/c1/nodegroups/default-worker", "400", "400", "403", "404", "404"},

	{"GET /v1/certificates/c1", "200", "403", "200", "404", "404"},
	{`POST /v1/certificates {"cluster_uuid":"c1","csr":"x"}`, "400", "403", "403", "400", "400"},
	{"PATCH /v1/certificates/c1", "202", "202", "403", "404", "404"},
	{"PATCH /v1/credentials/c1", "202", "202", "403", "404", "404"},

	{"GET /v1/quotas", "403", "403", "403", "403", "200"},
	{"GET /v1/quotas/p1/Cluster", "200", "200", "200", "403", "200"},
	{`POST /v1/quotas {"project_id":"p1","hard_limit":3}`, "403", "403", "403", "403", "201"},
	{`PATCH /v1/quotas/p1/Cluster {"hard_limit":3}`, "403", "403", "403", "403", "404"},
	{"DELETE /v1/quotas/p1/Cluster", "403", "403", "403", "403", "404"},
	{"GET /v1/stats", "200", "200", "200", "200", "200"},
	{"GET /v1/stats?project_id=p1", "200", "200", "200", "403", "200"},
	{"GET /v1/mservices", "403", "403", "403", "403", "200"},

	{"GET /v1/federations", "200", "200", "200", "200", "200"},
	{"GET /v1/federations/detail", "200", "200", "200", "200", "200"},
	{"GET /v1/federations/f1", "200", "200", "200", "404", "404"},
	{`POST /v1/federations {"member_ids":["c1"]}`, "202", "202", "403", "404", "404"},
	{`PATCH /v1/federations/f1 [{"op":"remove","path":"/member_ids","value":"c1"}]`, "202", "202", "403", "404", "404"},
	{"DELETE /v1/federations/f1", "204", "204", "403", "404", "404"},

	{"POST /v1/clusters/c1/actions/retry", "409", "409", "403", "404", "409"},
	{"GET /v1/clusters/c1/plan", "200", "200", "200", "404", "200"},
	{"GET /v1/clusters/c1/operations", "200", "200", "200", "404", "200"},
	{"GET /v1/clusters/c1/machines", "200", "200", "200", "404", "200"},
	{"GET /v1/clusters/c1/events", "200", "200", "200", "404", "200"},
	{"GET /v1/operations/OPERATION", "200", "200", "200", "404", "200"},
	{"GET /v1/labels", "200", "200", "200", "200", "200"},
}

// TestEveryRouteForEveryCaller walks all routes with all callers. A reader is
// the creator in a reader's role, so that only the role decides.
func TestEveryRouteForEveryCaller(t *testing.T) {
	for _, row := range table {
		for caller, want := range map[string]string{"owner": row.owner, "mate": row.mate, "reader": row.reader, "other": row.other,
			"admin": row.admin, "nobody": "401", "stranger": "401", "expired": "401"} {
			t.Run(caller+" "+row.route, func(t *testing.T) {
				t.Parallel()
				p := playerWithCluster(t)
				p.must(t, `POST /v1/federations {"name":"f1","member_ids":["c1"]}`, "202")
				if caller == "expired" {
					p.tokens["expired"] = p.Token("olga", "p1", "member", "reader")
					p.Clock.Advance(2 * time.Hour)
				}
				if got := p.ask(t, caller, row.route); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			})
		}
	}
}

// TestTheTableHasEveryRoute keeps the table above complete.
func TestTheTableHasEveryRoute(t *testing.T) {
	var requests [][2]string
	for _, row := range table {
		words := strings.Fields(row.route)
		path, _, _ := strings.Cut(words[1], "?")
		requests = append(requests, [2]string{words[0], path})
	}
	if missing := api.Uncovered(requests); len(missing) > 0 {
		t.Errorf("not in the table: %v", missing)
	}
}

// playerWithCluster is a house in which olga of p1 has the cluster c1.
func playerWithCluster(t testing.TB) *player { return playerWith(t) }

// playerWith is such a house, made otherwise.
func playerWith(t testing.TB, options ...apikit.Option) *player {
	p := newPlayer(t, options...)
	p.tokens["reader"] = p.Token("olga", "p1", "reader")
	p.must(t, "POST /v1/clustertemplates "+strings.Replace(templateBody, "{", `{"name":"k8s",`, 1), "201")
	p.must(t, `POST /v1/clusters {"cluster_template_id":"k8s","name":"c1"}`, "202")
	clusters := p.clusters(t)
	if err := p.Converge(t.Context(), clusters[0].ID); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *player) must(t testing.TB, route, want string) {
	t.Helper()
	if got := p.ask(t, "owner", route); got != want {
		t.Fatalf("%s: %s", route, got)
	}
}
