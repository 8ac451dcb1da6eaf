package wire

// Discovery is what stands at the root.
type Discovery struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Versions    []DiscoveryItem `json:"versions"`
}

// DiscoveryItem is one major version of the API.
type DiscoveryItem struct {
	ID         string `json:"id"`
	Status     string `json:"status"`
	MinVersion string `json:"min_version"`
	MaxVersion string `json:"max_version"`
	Links      []Link `json:"links"`
}

// Root is the answer at /.
func (s Site) Root() Discovery {
	return Discovery{
		Name:        "OpenStack Magnum API",
		Description: "Jeroboam answers the OpenStack Magnum API, which aims to provide container cluster management.",
		Versions: []DiscoveryItem{{ID: "v1", Status: "CURRENT", MinVersion: MinVersion.String(), MaxVersion: MaxVersion.String(),
			Links: []Link{{Rel: "self", Href: s.URL + "/v1/"}}}},
	}
}

var resources = []string{"clustertemplates", "clusters", "quotas", "certificates", "mservices", "stats", "federations",
	"credentials"}

// V1 is the answer at /v1: the media type and the address of each resource.
func (s Site) V1() map[string]any {
	out := map[string]any{
		"id":          "v1",
		"media_types": []map[string]string{{"base": "application/json", "type": "application/vnd.openstack.magnum.v1+json"}},
		"links": []Link{{Href: s.URL + "/v1/", Rel: "self"},
			{Href: "http://docs.openstack.org/developer/magnum/dev/api-spec-v1.html", Rel: "describedby", Type: "text/html"}},
		"nodegroups": s.links("clusters/{cluster_id}/nodegroups"),
	}
	for _, name := range resources {
		out[name] = s.links(name + "/")
	}
	return out
}
