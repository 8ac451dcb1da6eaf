package audit

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/jeroboam-cloud/jeroboam/api"
)

// Event is a line of the log: a CADF event (DMTF DSP0262) as OpenStack's pycadf
// writes it.
type Event struct {
	TypeURI     string    `json:"typeURI"`
	ID          string    `json:"id"`
	EventType   string    `json:"eventType"`
	EventTime   string    `json:"eventTime"`
	Action      string    `json:"action"`
	Outcome     string    `json:"outcome"`
	Reason      Reason    `json:"reason"`
	Initiator   Initiator `json:"initiator"`
	Target      Resource  `json:"target"`
	Observer    Resource  `json:"observer"`
	RequestPath string    `json:"requestPath"`
}

// Reason is why the outcome is what it is: the HTTP status.
type Reason struct {
	Type string `json:"reasonType"`
	Code string `json:"reasonCode"`
}

// Initiator is who asked, and from where. Its ID is "unknown" for somebody who
// was not let in.
type Initiator struct {
	TypeURI       string `json:"typeURI"`
	ID            string `json:"id"`
	Name          string `json:"name,omitempty"`
	Domain        string `json:"domain_id,omitempty"`
	Project       string `json:"project_id,omitempty"`
	Host          Host   `json:"host"`
	Request       string `json:"request_id"`
	GlobalRequest string `json:"global_request_id,omitempty"`
}

// Host is where somebody asked from, and with which program.
type Host struct {
	Address string `json:"address,omitempty"`
	Agent   string `json:"agent,omitempty"`
}

// Resource is what was asked to change, or who writes the log.
type Resource struct {
	TypeURI string `json:"typeURI"`
	ID      string `json:"id"`
	Name    string `json:"name,omitempty"`
}

const (
	eventURI   = "http://schemas.dmtf.org/cloud/audit/1.0/event"
	userURI    = "service/security/account/user"
	serviceURI = "service/container-infra"
	securesURI = "service/security"
	unknown    = "unknown"
	timeFormat = "2006-01-02T15:04:05.000000-0700"
	maxAgent   = 256 // bytes of a User-Agent
	maxName    = 255 // bytes of a name somebody tried to log in with
)

// actions are CADF's words for verbs.
var actions = map[string]string{http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "update", http.MethodDelete: "delete"}

// changes reports whether an exchange was about a change: what no route has is
// none, and the question what one would do is none.
func changes(x *api.Exchange) bool {
	return x.Route != "" && actions[x.Request.Method] != "" && !x.Rehearsal
}

// eventOf tells of an exchange that has ended.
func eventOf(x *api.Exchange, observer Resource) Event {
	action, target := about(x)
	outcome := "success"
	if x.Status >= http.StatusBadRequest {
		outcome = "failure"
	}
	return Event{
		TypeURI: eventURI, ID: "openstack:" + strings.TrimPrefix(x.ID, "req-"), EventType: "activity",
		EventTime: x.Began.UTC().Format(timeFormat), Action: action, Outcome: outcome,
		Reason: Reason{"HTTP", strconv.Itoa(x.Status)}, Initiator: initiator(x), Target: target,
		Observer: observer, RequestPath: x.Request.URL.Path,
	}
}

func initiator(x *api.Exchange) Initiator {
	c := x.Caller
	i := Initiator{TypeURI: userURI, ID: c.UserID, Name: clip(c.UserName, maxName), Domain: c.DomainID, Project: c.ProjectID,
		Host: Host{Address: x.Address(), Agent: clip(x.Request.UserAgent(), maxAgent)}, Request: x.ID, GlobalRequest: x.Global}
	if i.ID == "" {
		i.ID = unknown
	}
	return i
}

func clip(text string, n int) string {
	if len(text) > n {
		text = text[:n]
	}
	return strings.ToValidUTF8(text, "?")
}

// about reads from the route what was to be done to which sort of thing:
// /v1/clusters/{cluster}/actions/resize is update/resize of clusters.
func about(x *api.Exchange) (action string, target Resource) {
	action, target.TypeURI = actions[x.Request.Method], serviceURI
	route, ids := strings.Split(strings.TrimPrefix(x.Route, "/v1/"), "/"), []string{}
	if x.Route == api.IdentityRoute {
		return aboutIdentity(x, action)
	}
	for i, part := range route {
		switch name, variable := strings.CutPrefix(strings.TrimSuffix(part, "}"), "{"); {
		case variable:
			ids = append(ids, x.Vars[name])
		case part == "actions":
			action = "update/" + route[i+1]
			return action, target.named(ids)
		default:
			target.TypeURI += "/" + part
		}
	}
	if x.Made != "" {
		ids = append(ids, x.Made)
	}
	return action, target.named(ids)
}

// named adds the ID: of what belongs to something else, both, such as
// "demo/default-worker". They are what the caller wrote, names or UUIDs.
func (r Resource) named(ids []string) Resource {
	r.ID = strings.Join(ids, "/")
	if r.ID == "" {
		r.ID = unknown
	}
	return r
}

// aboutIdentity is for the service's own Keystone, whose paths end in the
// collection, or in the collection and an ID.
func aboutIdentity(x *api.Exchange, action string) (string, Resource) {
	target := Resource{TypeURI: securesURI}
	parts := strings.Split(strings.Trim(x.Request.URL.Path, "/"), "/")
	last := len(parts) - 1
	switch {
	case parts[last] == "tokens" && x.Request.Method == http.MethodPost:
		return "authenticate", Resource{TypeURI: userURI, ID: initiator(x).ID, Name: initiator(x).Name}
	case action == "delete" && parts[last] != "tokens":
		target.TypeURI += "/" + clip(parts[last-1], maxName)
		return action, target.named([]string{clip(parts[last], maxName)})
	}
	target.TypeURI += "/" + clip(parts[last], maxName)
	return action, target.named(nil)
}
