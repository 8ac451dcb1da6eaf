package embedded

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
)

// identityPath is where the API mounts Handler.
const identityPath = "/identity"

// catalogue lists the service's two endpoints, the same for all who ask.
func (i *Identity) catalogue() []object {
	return []object{
		i.service("container-infra", "magnum", i.url+"/v1"),
		i.service("identity", "keystone", i.url+identityPath+"/v3"),
	}
}

func (i *Identity) service(kind, name, url string) object {
	var endpoints []object
	for _, face := range []string{"public", "internal", "admin"} {
		endpoints = append(endpoints, object{
			"id": fixedID(kind + " " + face), "interface": face, "region": i.region, "region_id": i.region, "url": url,
		})
	}
	return object{"id": fixedID(kind), "type": kind, "name": name, "endpoints": endpoints}
}

// fixedID is an ID for what has only a name: the same at every start.
func fixedID(name string) string {
	sum := sha256.Sum256([]byte("jeroboam " + name))
	return hex.EncodeToString(sum[:16])
}

func roleObjects(roles []string) []object {
	out := []object{}
	for _, role := range roles {
		out = append(out, object{"id": fixedID("role " + role), "name": role})
	}
	return out
}

// versions answers what versions there are, as 300 because there is a choice of one.
func (i *Identity) versions(*http.Request) (reply, error) {
	return reply{status: http.StatusMultipleChoices, body: object{"versions": object{"values": []object{i.versionObject()}}}}, nil
}

func (i *Identity) version(*http.Request) (reply, error) {
	return ok(object{"version": i.versionObject()})
}

func (i *Identity) versionObject() object {
	return object{
		"id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z",
		"links":       []object{{"rel": "self", "href": i.url + identityPath + "/v3/"}},
		"media-types": []object{{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}},
	}
}

func (i *Identity) getCatalog(call) (reply, error) {
	return ok(object{"catalog": i.catalogue(), "links": i.links("/auth/catalog")})
}

func (i *Identity) links(path string) object {
	return object{"self": i.url + identityPath + "/v3" + path, "next": nil, "previous": nil}
}
