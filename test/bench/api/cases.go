package main

import (
	"fmt"
	"net/http"
)

// request is one case: what is asked again and again.
type request struct {
	name, method, path, body string
}

// cases are what is measured, the writing ones last: they change what is stored.
func cases(h holding) []request {
	return append(reading(h),
		request{name: "list clusters, last page of 100", method: http.MethodGet, path: "/v1/clusters?limit=100&marker=" + h.late},
		request{name: createTemplate, method: http.MethodPost, path: "/v1/clustertemplates", body: templateBody},
		request{name: createCluster, method: http.MethodPost, path: "/v1/clusters",
			body: fmt.Sprintf(`{"cluster_template_id": %q, "node_count": 1}`, h.template)})
}

// reading is what Magnum is asked, too.
func reading(h holding) []request {
	return []request{
		{name: "list clusters, page of 100", method: http.MethodGet, path: "/v1/clusters?limit=100"},
		{name: "show a cluster", method: http.MethodGet, path: "/v1/clusters/" + h.cluster},
		{name: "list templates", method: http.MethodGet, path: "/v1/clustertemplates"},
	}
}

const (
	createTemplate = "create a template"
	createCluster  = "create a cluster"

	templateBody = `{"name": "bench", "coe": "kubernetes", "image_id": "sim", "flavor_id": "small", "external_network_id": "public"}`
	// sharedTemplate is for clusters of every project.
	sharedTemplate = `{"name": "shared", "coe": "kubernetes", "image_id": "sim", "flavor_id": "small", "external_network_id": "public", "public": true}`
)

// target is an API that is asked.
type target struct {
	address string // host:port
	token   string
}

// wire is the request as bytes.
func (t target) wire(r request) []byte {
	out := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\nX-Auth-Token: %s\r\nOpenStack-API-Version: container-infra 1.9\r\nAccept: application/json\r\n",
		r.method, r.path, t.address, t.token)
	if r.method == http.MethodPost {
		out = fmt.Appendf(out, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(r.body))
	}
	return append(append(out, "\r\n"...), r.body...)
}
