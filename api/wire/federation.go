package wire

import (
	"reflect"

	"github.com/jeroboam-cloud/jeroboam"
)

// FederationBrief is a federation in a list. The health is not Magnum's.
type FederationBrief struct {
	UUID          string            `json:"uuid"`
	Name          string            `json:"name"`
	HostClusterID *string           `json:"hostcluster_id"`
	MemberIDs     []string          `json:"member_ids"`
	Status        jeroboam.State    `json:"status"`
	Properties    map[string]string `json:"properties"`
	HealthStatus  *jeroboam.Health  `json:"health_status"` // the worst of the members'
	Links         []Link            `json:"links"`
}

// Federation is a federation in full.
type Federation struct {
	FederationBrief
	StatusReason *string  `json:"status_reason"` // always null: nothing can fail
	Members      []Member `json:"members"`
	CreatedAt    Time     `json:"created_at"`
	UpdatedAt    Time     `json:"updated_at"`
}

// Member is a cluster as its federation shows it.
type Member struct {
	UUID         string           `json:"uuid"`
	Name         string           `json:"name"`
	Status       jeroboam.State   `json:"status"`
	HealthStatus *jeroboam.Health `json:"health_status"`
}

// FederationsBrief and Federations are pages of federations.
type (
	FederationsBrief struct {
		Items []FederationBrief `json:"federations"`
		Next  string            `json:"next,omitempty"`
	}
	Federations struct {
		Items []Federation `json:"federations"`
		Next  string       `json:"next,omitempty"`
	}
)

// FederationParts is what a federation is shown from.
type FederationParts struct {
	Federation jeroboam.Federation
	Clusters   []jeroboam.Cluster
	Health     jeroboam.Health
}

// FederationBriefOf shows a federation as an item of a list.
func (s Site) FederationBriefOf(p FederationParts) FederationBrief {
	f := p.Federation
	return FederationBrief{
		UUID: f.ID, Name: f.Name, HostClusterID: orNull(f.Host), MemberIDs: append([]string{}, f.Members...), Status: f.State,
		Properties: orEmpty(f.Properties), HealthStatus: orNull(p.Health), Links: s.links("federations/" + f.ID),
	}
}

// FederationOf shows a federation in full.
func (s Site) FederationOf(p FederationParts) Federation {
	full := Federation{FederationBrief: s.FederationBriefOf(p), Members: make([]Member, 0, len(p.Clusters)),
		CreatedAt: Time{p.Federation.CreatedAt}, UpdatedAt: Time{p.Federation.UpdatedAt}}
	for _, c := range p.Clusters {
		full.Members = append(full.Members, Member{UUID: c.ID, Name: c.Name, Status: c.Status.State, HealthStatus: orNull(c.Observed.Health)})
	}
	return full
}

// FederationCreate is the body of a federation's creation. Clusters are UUIDs
// or names.
type FederationCreate struct {
	Name          string            `json:"name,omitempty"`
	HostClusterID string            `json:"hostcluster_id,omitempty"`
	MemberIDs     []string          `json:"member_ids,omitempty"`
	Properties    map[string]string `json:"properties,omitempty"`
}

// DecodeFederation reads the body of a federation's creation.
func DecodeFederation(body []byte) (FederationCreate, error) {
	o, err := readObject("federation", body)
	if err != nil {
		return FederationCreate{}, err
	}
	o.readOnly("links", "created_at", "updated_at")
	o.ignored("uuid", "status", "status_reason")
	f := FederationCreate{Name: value(o.text("name", longText)), HostClusterID: value(o.text("hostcluster_id", longText)),
		MemberIDs: o.texts("member_ids"), Properties: o.labels("properties")}
	return f, o.done()
}

const memberIDs = "member_ids"

var federationRules = patchRules{
	internal:  []string{"status", "status_reason"},
	mandatory: []string{"name"},
	literals:  []string{"properties"},
}

// FederationChange is what a patch of a federation changes; nil is "as it was".
type FederationChange struct {
	Name, Host  *string
	Properties  map[string]string
	Join, Leave []string
}

// DecodeFederationPatch reads a patch of a federation.
func DecodeFederationPatch(body []byte) (Patch, error) { return decodePatch(body, federationRules) }

// Federation returns what the patch changes of the federation.
func (p Patch) Federation(f jeroboam.Federation) (FederationChange, error) {
	var ch FederationChange
	var rest Patch
	for _, c := range p {
		if c.names()[0] != memberIDs {
			rest = append(rest, c)
			continue
		}
		if err := ch.member(c); err != nil {
			return ch, err
		}
	}
	old := map[string]any{"name": f.Name, "hostcluster_id": text(f.Host), "properties": document(f.Properties)}
	doc, err := rest.apply(old, federationRules)
	if err != nil {
		return ch, err
	}
	return ch, ch.read(old, doc)
}

// member notes a cluster that comes or goes. Magnum has clients add to the list
// and remove from it with one cluster as value, unlike any other attribute.
func (ch *FederationChange) member(c Change) error {
	cluster, given := c.Value.(string)
	switch {
	case len(c.names()) > 1 || c.Op == "replace" || !given:
		return jeroboam.Errorf(jeroboam.Invalid, memberIDs, "'/member_ids' is changed by 'add' and 'remove' with a cluster as value.").
			WithRemedy("Add each cluster that shall join, and remove each that shall leave.")
	case c.Op == "add":
		ch.Join = append(ch.Join, cluster)
	default:
		ch.Leave = append(ch.Leave, cluster)
	}
	return nil
}

func (ch *FederationChange) read(old, doc map[string]any) error {
	o := newObject("federation", doc)
	name, host, properties := value(o.text("name", longText)), value(o.text("hostcluster_id", longText)), o.labels("properties")
	if !reflect.DeepEqual(old["name"], doc["name"]) {
		ch.Name = &name
	}
	if !reflect.DeepEqual(old["hostcluster_id"], doc["hostcluster_id"]) {
		ch.Host = &host
	}
	if !reflect.DeepEqual(old["properties"], doc["properties"]) {
		ch.Properties = orEmpty(properties)
	}
	return o.done()
}
