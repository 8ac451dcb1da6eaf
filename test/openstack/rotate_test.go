package openstack

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

// TestARealCredentialIsRotated: what a cluster's nodes call the cloud with is
// another one after PATCH /v1/credentials, the former is worth nothing any more,
// and both are gone with the cluster.
func TestARealCredentialIsRotated(t *testing.T) {
	testbed.Long(t)
	h := open(t)
	before, no := h.everything(), false
	template := h.template(wire.TemplateCreate{Name: "t", ExternalNetworkID: h.things.External, FloatingIPEnabled: &no})
	id := h.create(wire.ClusterCreate{Name: "rotated", ClusterTemplateID: template}, 1, 1)
	h.await(id, jeroboam.CreateComplete)
	former := h.kept(id, "rotated-0")
	h.opens(former, true)
	_, err := h.client.RotateCredential(t.Context(), id)
	h.must(err)
	h.await(id, jeroboam.UpdateComplete)
	h.opens(h.kept(id, "rotated-1"), true)
	h.opens(former, false)
	var have []string
	for _, o := range h.of(id, "rotated") {
		if name, is := strings.CutPrefix(o, "application_credentials "); is {
			have = append(have, name)
		}
	}
	if want := []string{"jeroboam-" + id + "-1"}; !slices.Equal(have, want) {
		t.Errorf("Keystone has %q, want %q", have, want)
	}
	if _, err := h.vault.Get(t.Context(), id, "credential/rotated-0"); jeroboam.KindOf(err) != jeroboam.NotFound {
		t.Errorf("the vault still has the former one (%v)", err)
	}
	h.delete(id)
	if after := h.everything(); !slices.Equal(after, before) {
		t.Errorf("before %q\nafter  %q", before, after)
	}
}

// kept is a credential as the vault has it.
func (h *house) kept(cluster, name string) map[string]jeroboam.Secret {
	h.Helper()
	text, err := h.vault.Get(h.Context(), cluster, "credential/"+name)
	h.must(err)
	var c struct{ Values map[string]jeroboam.Secret }
	h.must(json.Unmarshal([]byte(text.Reveal()), &c))
	return c.Values
}

// opens looks whether Keystone lets a credential in.
func (h *house) opens(values map[string]jeroboam.Secret, want bool) {
	h.Helper()
	_, err := openstack.AuthenticatedClient(h.Context(), gophercloud.AuthOptions{IdentityEndpoint: values["auth-url"].Reveal(),
		ApplicationCredentialID: values["application-credential-id"].Reveal(), ApplicationCredentialSecret: values["application-credential-secret"].Reveal()})
	refused := gophercloud.ResponseCodeIs(err, http.StatusUnauthorized) || gophercloud.ResponseCodeIs(err, http.StatusNotFound)
	if want && err != nil || !want && !refused {
		h.Errorf("Keystone says %v, want it to let in: %v", err, want)
	}
}
