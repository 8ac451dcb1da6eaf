package openstack

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	cloudopenstack "github.com/jeroboam-cloud/jeroboam/cloud/openstack"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

// TestAnOperatorDeletesRealClustersNobodyElseCan: whoever made a cluster is disabled,
// then out of the project, then the project is disabled, then it is gone. Nobody
// ever let the service in: it lets itself in.
func TestAnOperatorDeletesRealClustersNobodyElseCan(t *testing.T) {
	testbed.Long(t)
	h := open(t)
	h.takeRole("admin", h.admin())
	before := h.everything()
	ends := []struct {
		name string
		come func()
	}{
		{"disabled", h.disableUser}, {"out", func() { h.takeRole("member", h.user.ID) }}, {"closed", h.disableProject}, {"gone", h.deleteProject},
	}
	ids := map[string]string{}
	labels := h.fromVolumes()
	labels["etcd_volume_size"] = "1"
	template := h.template(wire.TemplateCreate{Name: "t", ExternalNetworkID: h.things.External, KeypairID: h.keypair(), MasterLBEnabled: true,
		Labels: labels})
	for _, end := range ends {
		ids[end.name] = h.create(wire.ClusterCreate{Name: end.name, ClusterTemplateID: template,
			MergeLabels: true, Labels: map[string]string{"data_on_delete": "remove"}}, 1, 1)
	}
	for _, end := range ends {
		h.await(ids[end.name], jeroboam.CreateComplete)
		h.keyed(ids[end.name], end.name)
	}
	h.beget(ids["gone"], "gone")
	h.client = h.as(testbed.User{Name: h.keystone.Operator.Name, Password: h.keystone.Operator.Password}, h.keystone.Operator.Project)
	for _, end := range ends {
		scope := cloud.Scope{Cluster: ids[end.name], Project: h.projectID, Name: end.name}
		had := h.list(h.cloud, scope)
		end.come()
		h.sessions.expire()
		h.sees(ids[end.name])
		if has := h.list(h.newCloud(), scope); !slices.Equal(has, had) {
			t.Errorf("%s: the cloud lists %v, and before %v", end.name, has, had)
		}
		h.lap("delete, "+end.name, 1, func() { h.delete(ids[end.name]) })
		if left := h.of(ids[end.name], end.name); len(left) > 0 {
			t.Errorf("%s: %q is left", end.name, left)
		}
	}
	if after := h.everything(); !slices.Equal(after, before) {
		t.Errorf("before %q\nafter  %q", before, after)
	}
}

// keyed gives a cluster a credential, and looks whether it has of each kind what
// shall go with it.
func (h *house) keyed(id, name string) {
	h.Helper()
	scope := cloud.Scope{Cluster: id, Project: h.projectID, Name: name}
	_, err := h.cloud.EnsureCredential(h.Context(), scope, cloud.CredentialSpec{Name: name + "-9", Secret: jeroboam.Secret(strings.Repeat("s", 44))})
	if err != nil {
		h.Fatal(err)
	}
	have := h.of(id, name)
	for _, kind := range []string{"servers", "server_groups", "volumes", "networks", "subnets", "routers", "ports", "security_groups", "keypairs", "application_credentials", "loadbalancers"} {
		if !slices.ContainsFunc(have, func(o string) bool { return strings.HasPrefix(o, kind+" ") }) {
			h.Errorf("%s has no %s: %q", name, kind, have)
		}
	}
}

// of are those of all objects that bear the cluster's name or ID.
func (h *house) of(id, name string) []string {
	h.Helper()
	return slices.DeleteFunc(h.everything(), func(o string) bool {
		_, called, _ := strings.Cut(o, " ")
		return called != name && !strings.HasPrefix(called, name+"-") && !strings.Contains(called, id)
	})
}

// sees looks whether who asks now finds the cluster in the list.
func (h *house) sees(id string) {
	h.Helper()
	all, err := h.client.Clusters(h.Context())
	h.must(err)
	if !slices.ContainsFunc(all, func(c wire.Cluster) bool { return c.UUID == id }) {
		h.Errorf("%s is not in the operator's list", id)
	}
}

func (h *house) list(c cloud.Cloud, scope cloud.Scope) []cloud.Object {
	h.Helper()
	all, err := c.List(h.Context(), scope)
	h.must(err)
	return all
}

// sessions are those of a service whose tokens can be made to end.
type sessions struct {
	cloudopenstack.Sessions
	mu   sync.Mutex
	open []*gophercloud.ProviderClient
}

func (s *sessions) Session(ctx context.Context, scope cloud.Scope) (*gophercloud.ProviderClient, error) {
	p, err := s.Sessions.Session(ctx, scope)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && !slices.Contains(s.open, p) {
		s.open = append(s.open, p)
	}
	return p, err
}

func (s *sessions) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.open {
		p.SetToken("ended")
	}
}

func (h *house) disableUser() {
	no := false
	h.must(users.Update(h.Context(), h.keystone.Admin(), h.user.ID, users.UpdateOpts{Enabled: &no}).Err)
}

func (h *house) takeRole(role, user string) {
	h.must(roles.Unassign(h.Context(), h.keystone.Admin(), h.keystone.Role(role), roles.UnassignOpts{UserID: user, ProjectID: h.projectID}).ExtractErr())
}

func (h *house) disableProject() {
	no := false
	h.must(projects.Update(h.Context(), h.keystone.Admin(), h.projectID, projects.UpdateOpts{Enabled: &no}).Err)
}

func (h *house) deleteProject() {
	h.must(projects.Delete(h.Context(), h.keystone.Admin(), h.projectID).ExtractErr())
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}
