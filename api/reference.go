package api

import (
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/jeroboam-cloud/jeroboam/api/openapi"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

// operation is what the reference tells of a route beside what the table of
// routes says: what it does, what comes in and goes out, and how.
type operation struct {
	says   string
	in     any // a body's type; nil: none
	out    any // of the answer; nil: none
	status int // of the answer; 0: 200
}

// operations describe each route, by verb and path.
var operations = map[string]operation{
	"GET /":                {says: "The versions of the API", out: wire.Discovery{}},
	"GET /v1":              {says: "The resources of version 1", out: map[string]any{}},
	"GET /healthcheck":     {says: "Whether the service answers", out: text("")},
	"HEAD /healthcheck":    {says: "Whether the service answers"},
	"GET /v1/openapi.json": {says: "This description", out: map[string]any{}},

	"GET /v1/clustertemplates":               {says: "List templates", out: wire.Templates{}},
	"POST /v1/clustertemplates":              {says: "Make a template", in: wire.TemplateCreate{}, out: wire.Template{}, status: 201},
	"GET /v1/clustertemplates/detail":        {says: "List templates", out: wire.Templates{}},
	"GET /v1/clustertemplates/{template}":    {says: "Show a template", out: wire.Template{}},
	"PATCH /v1/clustertemplates/{template}":  {says: "Change a template", in: []wire.Change{}, out: wire.Template{}},
	"DELETE /v1/clustertemplates/{template}": {says: "Delete a template that no cluster uses", status: 204},

	"GET /v1/clusters":                            {says: "List clusters", out: wire.ClustersBrief{}},
	"POST /v1/clusters":                           {says: "Make a cluster", in: wire.ClusterCreate{}, out: wire.UUID{}, status: 202},
	"GET /v1/clusters/detail":                     {says: "List clusters in full", out: wire.Clusters{}},
	"GET /v1/clusters/{cluster}":                  {says: "Show a cluster", out: wire.Cluster{}},
	"PATCH /v1/clusters/{cluster}":                {says: "Change the node count, or report the health", in: []wire.Change{}, out: wire.UUID{}, status: 202},
	"DELETE /v1/clusters/{cluster}":               {says: "Delete a cluster", status: 204},
	"POST /v1/clusters/{cluster}/actions/resize":  {says: "Change the size of a node group", in: wire.Resize{}, out: wire.UUID{}, status: 202},
	"POST /v1/clusters/{cluster}/actions/upgrade": {says: "Change the version of a cluster", in: wire.Upgrade{}, out: wire.UUID{}, status: 202},

	"GET /v1/clusters/{cluster}/nodegroups":            {says: "List node groups", out: wire.NodeGroups{}},
	"POST /v1/clusters/{cluster}/nodegroups":           {says: "Make a node group", in: wire.NodeGroupCreate{}, out: wire.NodeGroup{}, status: 202},
	"GET /v1/clusters/{cluster}/nodegroups/{group}":    {says: "Show a node group", out: wire.NodeGroup{}},
	"PATCH /v1/clusters/{cluster}/nodegroups/{group}":  {says: "Change the bounds, labels and taints of a node group", in: []wire.Change{}, out: wire.NodeGroup{}, status: 202},
	"DELETE /v1/clusters/{cluster}/nodegroups/{group}": {says: "Delete a node group", status: 204},

	"POST /v1/certificates":            {says: "Sign a certificate request", in: wire.CertificateSign{}, out: wire.Certificate{}, status: 201},
	"GET /v1/certificates/{cluster}":   {says: "Show the certificate of an authority", out: wire.Certificate{}},
	"PATCH /v1/certificates/{cluster}": {says: "Rotate all authorities, or one", out: wire.UUID{}, status: 202},
	"PATCH /v1/credentials/{cluster}":  {says: "Rotate the credential of the cloud", out: wire.UUID{}, status: 202},

	"GET /v1/quotas":                         {says: "List quotas", out: wire.Quotas{}},
	"POST /v1/quotas":                        {says: "Set a quota", in: wire.QuotaWrite{}, out: wire.Quota{}, status: 201},
	"GET /v1/quotas/{project}/{resource}":    {says: "Show a project's quota", out: wire.Quota{}},
	"PATCH /v1/quotas/{project}/{resource}":  {says: "Change a quota", in: wire.QuotaWrite{}, out: wire.Quota{}, status: 202},
	"DELETE /v1/quotas/{project}/{resource}": {says: "Give a project the default quota again", status: 204},

	"GET /v1/stats":     {says: "Count clusters and nodes", out: wire.Stats{}},
	"GET /v1/mservices": {says: "List the processes of the service", out: wire.Services{}},

	"GET /v1/federations":                 {says: "List federations", out: wire.FederationsBrief{}},
	"POST /v1/federations":                {says: "Group clusters", in: wire.FederationCreate{}, out: wire.UUID{}, status: 202},
	"GET /v1/federations/detail":          {says: "List federations in full", out: wire.Federations{}},
	"GET /v1/federations/{federation}":    {says: "Show a federation, its members and their health", out: wire.Federation{}},
	"PATCH /v1/federations/{federation}":  {says: "Change a federation, let clusters join and leave", in: []wire.Change{}, out: wire.UUID{}, status: 202},
	"DELETE /v1/federations/{federation}": {says: "Forget a federation; its clusters stay", status: 204},

	"POST /v1/clusters/{cluster}/actions/retry": {says: "Take up again what failed", out: wire.UUID{}, status: 202},
	"GET /v1/clusters/{cluster}/plan":           {says: "What is still to be done for a cluster", out: wire.Plan{}},
	"GET /v1/clusters/{cluster}/operations":     {says: "List the changes of a cluster", out: wire.Operations{}},
	"GET /v1/clusters/{cluster}/machines":       {says: "List the machines of a cluster", out: wire.Machines{}},
	"GET /v1/clusters/{cluster}/events":         {says: "Follow what happens to a cluster", out: stream{wire.Events{}}},
	"GET /v1/labels":                            {says: "List the labels there are", out: wire.Labels{}},
	"GET /v1/operations/{operation}":            {says: "Show a change with its journal", out: wire.Operation{}},
}

// text is a body of plain text, stream one of events that JSON is the other
// form of.
type (
	text   string
	stream struct{ page any }
)

// title and tokenScheme are names in the document.
const (
	title       = "Jeroboam"
	description = "Container clusters as a service, in the shapes of the OpenStack Magnum API. " +
		"Beside application/json a body may be of any type that ends in +json. A PATCH is a list of changes (JSON Patch)."
	tokenScheme = "token"
)

// reference is the OpenAPI document of the routes.
func reference(routes []route) openapi.Document {
	schemas := &openapi.Schemas{Named: map[string]*openapi.Schema{}, Special: map[reflect.Type]*openapi.Schema{
		reflect.TypeFor[wire.Time](): {Type: []string{"string", "null"}, Format: "date-time"},
	}}
	doc := openapi.Document{
		OpenAPI: "3.1.1", Info: openapi.Info{Title: title, Description: description, Version: wire.MaxVersion.String()},
		Paths: map[string]openapi.Path{}, Security: []map[string][]string{{tokenScheme: {}}},
	}
	for _, rt := range routes {
		if doc.Paths[rt.path] == nil {
			doc.Paths[rt.path] = openapi.Path{}
		}
		doc.Paths[rt.path][strings.ToLower(rt.verb)] = rt.describe(operations[rt.verb+" "+rt.path], schemas)
	}
	doc.Components = openapi.Components{Schemas: schemas.Named, SecuritySchemes: map[string]openapi.SecurityScheme{
		tokenScheme: {Type: "apiKey", In: "header", Name: "X-Auth-Token", Description: "A token of the Keystone v3 API."}}}
	return doc
}

func (r *route) describe(o operation, schemas *openapi.Schemas) openapi.Operation {
	out := openapi.Operation{
		Summary: o.says, ID: operationID(r), Tags: []string{r.tag()}, Parameters: r.parameters(),
		Responses: map[string]openapi.Response{},
	}
	if r.public {
		out.Security = []map[string][]string{{}}
	}
	if o.in != nil {
		out.Body = &openapi.Body{Required: true, Content: openapi.JSON(schemas.Of(reflect.TypeOf(o.in)))}
	}
	for _, status := range r.failures(o) {
		body := openapi.JSON(refusal(status, schemas))
		if r.free && status == http.StatusServiceUnavailable {
			body = content(o.out, schemas)
		}
		out.Responses[strconv.Itoa(status)] = openapi.Response{Description: http.StatusText(status), Content: body}
	}
	if r.plans {
		out.Responses["200"] = openapi.Response{Description: "The plan of a dry run", Content: content(wire.Plan{}, schemas)}
	}
	success := max(o.status, http.StatusOK)
	out.Responses[strconv.Itoa(success)] = openapi.Response{Description: http.StatusText(success), Content: content(o.out, schemas)}
	return out
}

// refusal is the body of an answer of that status.
func refusal(status int, schemas *openapi.Schemas) *openapi.Schema {
	ordinary := schemas.Of(reflect.TypeFor[wire.Errors]())
	switch status {
	case http.StatusUnauthorized:
		return schemas.Of(reflect.TypeFor[wire.Unauthorized]())
	case http.StatusNotAcceptable:
		return &openapi.Schema{AnyOf: []*openapi.Schema{ordinary, schemas.Of(reflect.TypeFor[wire.VersionErrors]())}}
	}
	return ordinary
}

func content(body any, schemas *openapi.Schemas) map[string]openapi.Content {
	switch body := body.(type) {
	case nil:
		return nil
	case text:
		return map[string]openapi.Content{"text/plain": {Schema: &openapi.Schema{Type: "string"}}}
	case stream:
		both := content(body.page, schemas)
		both["text/event-stream"] = openapi.Content{Schema: &openapi.Schema{Type: "string"}}
		return both
	}
	return openapi.JSON(schemas.Of(reflect.TypeOf(body)))
}

// failures are the statuses of refusals that a route may answer with.
func (r *route) failures(o operation) []int {
	all := []int{http.StatusBadRequest, http.StatusTooManyRequests, http.StatusInternalServerError}
	if r.free {
		all[1] = http.StatusServiceUnavailable // which it tells in its own words
	}
	if r.public {
		return all
	}
	all = append(all, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusNotAcceptable,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout)
	// A name may be that of more than one.
	if named := strings.Contains(r.path, "{cluster}") || strings.Contains(r.path, "{template}") || strings.Contains(r.path, "{federation}"); named || r.verb != http.MethodGet {
		all = append(all, http.StatusConflict)
	}
	if o.in != nil {
		all = append(all, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	return all
}

// parameters are those of the path, the query and the headers, in this order.
func (r *route) parameters() []openapi.Parameter {
	var all []openapi.Parameter
	for _, segment := range split(r.path) {
		if strings.HasPrefix(segment, "{") {
			all = append(all, openapi.Parameter{Name: segment[1 : len(segment)-1], In: "path", Required: true, Schema: word()})
		}
	}
	for _, name := range r.arguments() {
		all = append(all, openapi.Parameter{Name: name, In: "query", Schema: word()})
	}
	if len(split(r.path)) > 1 {
		least := "A microversion: container-infra 1.N, or latest."
		if r.since > 0 {
			least = "A microversion, at least " + r.since.String() + ": container-infra 1.N, or latest."
		}
		all = append(all, openapi.Parameter{Name: wire.VersionHeader, In: "header", Description: least, Required: r.since > 0, Schema: word()})
	}
	return all
}

func word() *openapi.Schema { return &openapi.Schema{Type: "string"} }

// tag is the resource: the last segment of the path that is no verb or value.
func (r *route) tag() string {
	segments := slices.DeleteFunc(split(r.path), func(s string) bool { return strings.HasPrefix(s, "{") || s == "detail" })
	switch at := slices.Index(segments, "actions"); {
	case len(segments) <= 1 || strings.Contains(segments[1], "."):
		return "service"
	case at > 0:
		return segments[at-1]
	}
	return segments[len(segments)-1]
}

// operationID is a name for generated clients, e.g. "get-clusters-cluster".
func operationID(r *route) string {
	words := strings.FieldsFunc(r.path, func(c rune) bool { return strings.ContainsRune("/{}.", c) })
	return strings.Join(append([]string{strings.ToLower(r.verb)}, words...), "-")
}

// describe answers with the reference.
func describe(s *server, _ *request) (reply, error) { return ok(reference(s.routes)) }
