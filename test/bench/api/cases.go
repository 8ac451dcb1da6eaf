package main

import (
	"fmt"
	"net/http"
)

// request is one case: what is asked again and again.
type request struct {
	name, method, path, body string
	status                   int
}

// cases are what is measured, the writing ones last: they change what is stored.
func cases(h holding) []request {
	return []request{
		{name: "list clusters, page of 100", method: "GET", path: "/v1/clusters?limit=100"},
		{name: "list, last page of 100", method: "GET", path: "/v1/clusters?limit=100&marker=" + h.late},
		{name: "show a cluster", method: "GET", path: "/v1/clusters/" + h.cluster},
		{name: "list templates", method: "GET", path: "/v1/clustertemplates"},
		{name: "create a template", method: "POST", path: "/v1/clustertemplates", body: templateBody},
		{name: "create a cluster", method: "POST", path: "/v1/clusters",
			body: fmt.Sprintf(`{"cluster_template_id": %q, "node_count": 1}`, h.template)},
	}
}

const templateBody = `{"name": "bench", "coe": "kubernetes", "image_id": "sim", "flavor_id": "small", "external_network_id": "public"}`

// requests is the case as bytes on the wire.
func (s *service) requests(r request) []byte {
	out := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\nX-Auth-Token: %s\r\nOpenStack-API-Version: container-infra 1.14\r\nAccept: application/json\r\n",
		r.method, r.path, s.address, s.token)
	if r.method == http.MethodPost {
		out = fmt.Appendf(out, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(r.body))
	}
	return append(append(out, "\r\n"...), r.body...)
}
