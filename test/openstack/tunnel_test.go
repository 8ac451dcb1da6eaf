package openstack

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

// TestARealClusterIsReachedByItsAgentsAlone: it has no address outside, users
// are told of the service's own door, and Neutron lets nobody else in.
func TestARealClusterIsReachedByItsAgentsAlone(t *testing.T) {
	testbed.Long(t)
	h := open(t)
	before, no := h.everything(), false
	template := h.template(wire.TemplateCreate{Name: "t", ExternalNetworkID: h.things.External, FloatingIPEnabled: &no,
		Labels: map[string]string{"api_access": "tunnel"}})
	var id string
	h.lap("create 1+1 that is reached by its agents", 1, func() {
		id = h.create(wire.ClusterCreate{Name: "tunnel", ClusterTemplateID: template}, 1, 1)
		h.await(id, jeroboam.CreateComplete)
	})
	c := h.healthy(id)
	if want := "https://" + id + "." + domain + ":" + doorPort; c.APIAddress == nil || *c.APIAddress != want {
		t.Errorf("the API is at %v, want %s", text(c.APIAddress), want)
	}
	if got, want := h.letIn(), []string{"tunnel: its own IPv4", "tunnel: its own IPv6"}; !slices.Equal(got, want) {
		t.Errorf("Neutron lets in %q, want %q", got, want)
	}
	h.lap("delete", 1, func() { h.delete(id) })
	if after := h.everything(); !slices.Equal(after, before) {
		t.Errorf("before %q\nafter  %q", before, after)
	}
}

// healthy waits until the service has found the cluster well.
func (h *house) healthy(id string) wire.Cluster {
	h.Helper()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		c := h.await(id, jeroboam.CreateComplete)
		if c.HealthStatus != nil && *c.HealthStatus == jeroboam.Healthy {
			return c
		}
		<-ticker.C
	}
}

// letIn tells of the rules about what comes in, of all groups but the one that
// Neutron gives every project.
func (h *house) letIn() (out []string) {
	h.Helper()
	var list struct {
		Groups []struct {
			ID    string
			Name  string
			Rules []struct {
				Direction, Ethertype string
				From                 string `json:"remote_group_id"`
				Network              string `json:"remote_ip_prefix"`
			} `json:"security_group_rules"`
		} `json:"security_groups"`
	}
	h.get(h.keystone.Neutron(h.keystone.Operator.Project), "security-groups?project_id="+url.QueryEscape(h.projectID), &list)
	for _, g := range list.Groups {
		for _, r := range g.Rules {
			from := r.Network
			if r.From == g.ID {
				from = "its own"
			}
			if g.Name != "default" && r.Direction == "ingress" {
				out = append(out, g.Name+": "+from+" "+r.Ethertype)
			}
		}
	}
	slices.Sort(out)
	return out
}
