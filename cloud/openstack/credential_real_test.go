package openstack_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/applicationcredentials"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	cloudopenstack "github.com/jeroboam-cloud/jeroboam/cloud/openstack"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

// as is the cloud whose service is another user, at home in the project admin.
func (s site) as(u testbed.User, change func(*cloudopenstack.Options)) *cloudopenstack.Cloud {
	o := s.options()
	o.Auth.Username, o.Auth.Password = u.Name, u.Password.Reveal()
	change(&o)
	c := cloudopenstack.New(o)
	s.Cleanup(c.CloseIdle)
	return c
}

// newcomer is a scope in a project in which only the user admin has a role.
func (s site) newcomer() cloud.Scope {
	return cloud.Scope{Cluster: uuid.NewString(), Project: s.project, Name: "keyed"}
}

// enter logs in with a credential as a program on a node does.
func enter(t *testing.T, c cloud.Credential) (*gophercloud.ProviderClient, error) {
	t.Helper()
	return openstack.AuthenticatedClient(t.Context(), gophercloud.AuthOptions{
		IdentityEndpoint:            c.Values["auth-url"].Reveal(),
		ApplicationCredentialID:     c.Values["application-credential-id"].Reveal(),
		ApplicationCredentialSecret: c.Values["application-credential-secret"].Reveal(),
	})
}

func rolesOf(t *testing.T, p *gophercloud.ProviderClient) (project string, names []string) {
	t.Helper()
	token, ok := p.GetAuthResult().(tokens.CreateResult)
	if !ok {
		t.Fatalf("the login's answer is a %T", p.GetAuthResult())
	}
	in, err := token.ExtractProject()
	if err != nil {
		t.Fatal(err)
	}
	all, err := token.ExtractRoles()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return in.ID, names
}

func secretFor(text string) jeroboam.Secret { return jeroboam.Secret(strings.Repeat(text, 40)) }

func TestARealCredentialHasTheLeastRoles(t *testing.T) {
	s := open(t)
	c, scope := s.as(s.User(s.Operator.Project, "admin"), func(*cloudopenstack.Options) {}), s.newcomer()
	made, err := c.EnsureCredential(t.Context(), scope, cloud.CredentialSpec{Name: "keyed-1", Secret: secretFor("a")})
	if err != nil {
		t.Fatal(err)
	}
	node, err := enter(t, made)
	if err != nil {
		t.Fatal(err)
	}
	project, roles := rolesOf(t, node)
	if want := []string{"load-balancer_member", "member"}; project != s.project || !slices.Equal(roles, want) {
		t.Errorf("it acts in %s as %q, want %s as %q", project, roles, s.project, want)
	}
	identity, err := openstack.NewIdentityV3(node, gophercloud.EndpointOpts{})
	if err != nil {
		t.Fatal(err)
	}
	who, err := tokens.Get(t.Context(), identity, node.Token()).ExtractUser()
	if err != nil {
		t.Fatal(err)
	}
	err = applicationcredentials.Create(t.Context(), identity, who.ID, applicationcredentials.CreateOpts{Name: "more"}).Err
	if !gophercloud.ResponseCodeIs(err, http.StatusForbidden) {
		t.Errorf("it makes another credential: %v", err)
	}
	if err := c.Delete(t.Context(), scope, cloud.Object{Kind: jeroboam.KindCredential, Name: "keyed-1", CloudID: made.CloudID}); err != nil {
		t.Fatal(err)
	}
}

// TestARealRotation: the next generation beside the last, which then goes; and
// one whose secret nobody knows any more is made anew.
func TestARealRotation(t *testing.T) {
	s := open(t)
	c, scope := s.cloud(), s.newcomer()
	ensure := func(name, secret string) cloud.Credential {
		t.Helper()
		made, err := c.EnsureCredential(t.Context(), scope, cloud.CredentialSpec{Name: name, Secret: secretFor(secret)})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	lost := ensure("keyed-1", "a")
	first, second := ensure("keyed-1", "b"), ensure("keyed-2", "c")
	if err := c.Delete(t.Context(), scope, cloud.Object{Kind: jeroboam.KindCredential, Name: "keyed-1", CloudID: first.CloudID}); err != nil {
		t.Fatal(err)
	}
	for _, old := range []cloud.Credential{lost, first} {
		if _, err := enter(t, old); !gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
			t.Errorf("%s still lets somebody in: %v", old.CloudID, err)
		}
	}
	if _, err := enter(t, second); err != nil {
		t.Error(err)
	}
	have, err := c.List(t.Context(), scope)
	if want := []cloud.Object{{Kind: jeroboam.KindCredential, Name: "keyed-2", CloudID: second.CloudID}}; err != nil || !slices.Equal(have, want) {
		t.Errorf("the cloud has %v (%v), want %v", have, err, want)
	}
	if err := c.Delete(t.Context(), scope, have[0]); err != nil {
		t.Fatal(err)
	}
}

func TestWhoMayNotGiveHimselfRealRolesIsToldTheRemedy(t *testing.T) {
	s := open(t)
	for _, at := range []struct {
		name   string
		user   testbed.User
		change func(*cloudopenstack.Options)
	}{
		{"an administrator who shall not", s.User(s.Operator.Project, "admin"), func(o *cloudopenstack.Options) { o.GivenRoles = true }},
		{"no administrator", s.User(s.Operator.Project, "member"), func(*cloudopenstack.Options) {}},
	} {
		_, err := s.as(at.user, at.change).EnsureCredential(t.Context(), s.newcomer(), cloud.CredentialSpec{Name: "keyed-1", Secret: secretFor("a")})
		e, _ := jeroboam.AsError(err)
		if e == nil || e.Kind != jeroboam.Forbidden || !strings.Contains(e.Remedy, "openstack role add --user "+at.user.Name+" --project "+s.project+" member") {
			t.Errorf("%s: %#v", at.name, err)
		}
	}
}

// TestWhoSeesNothingOfARealCloudDoesNotSayThereIsNothing: Neutron shows who is no
// administrator an empty list of what a project has that he is not in.
func TestWhoSeesNothingOfARealCloudDoesNotSayThereIsNothing(t *testing.T) {
	s := open(t)
	have, err := s.as(s.User(s.Operator.Project, "member"), func(*cloudopenstack.Options) {}).List(t.Context(), s.newcomer())
	if jeroboam.KindOf(err) != jeroboam.Forbidden {
		t.Errorf("got %v, %v", have, err)
	}
}
