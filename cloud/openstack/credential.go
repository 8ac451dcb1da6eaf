package openstack

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/applicationcredentials"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/mark"
)

// A cluster's credential is an application credential of the service's user in
// the cluster's project. Keystone lets nobody make one for another user, and
// deletes all that a user has when that user is disabled: the maker of a
// cluster may go, the service's user may not.
type appCredential = applicationcredentials.ApplicationCredential

// givesCredentials is false for a login that is an application credential
// itself: Keystone does not let those make others.
func (c *Cloud) givesCredentials() bool {
	a := c.options.Auth
	return a.ApplicationCredentialID == "" && a.ApplicationCredentialName == ""
}

// EnsureCredential makes or finds the application credential. Keystone does not
// show secrets again, so one that is found is tried out.
func (c *Cloud) EnsureCredential(ctx context.Context, scope cloud.Scope, spec cloud.CredentialSpec) (cloud.Credential, error) {
	done, err := c.turn(ctx, mark.Credential(scope, spec.Name))
	if err != nil {
		return cloud.Credential{}, err
	}
	defer done()
	provider, err := c.sessions.Session(ctx, scope)
	if err != nil {
		return cloud.Credential{}, err
	}
	id, err := c.makeCredential(ctx, provider, scope, spec)
	if fault.Busy(err) { // there is one of that name
		if id, err = c.findCredential(ctx, provider, scope, spec); id == "" && err == nil {
			id, err = c.makeCredential(ctx, provider, scope, spec)
		}
	}
	if err != nil {
		return cloud.Credential{}, err
	}
	return c.holder(provider, id, spec.Secret), nil
}

// findCredential finds the one that the secret opens, and removes any other of
// the name.
func (c *Cloud) findCredential(ctx context.Context, provider *gophercloud.ProviderClient, scope cloud.Scope, spec cloud.CredentialSpec) (id string, err error) {
	have, err := c.credentialsOf(ctx, scope)
	if err != nil {
		return "", err
	}
	for _, a := range have {
		if a.Description != spec.Name {
			continue
		}
		fits, err := opens(ctx, provider, a.ID, spec.Secret)
		if fits || err != nil {
			return a.ID, err
		}
		if err := c.dropCredential(ctx, a); err != nil {
			return "", err
		}
	}
	return "", nil
}

func (c *Cloud) makeCredential(ctx context.Context, provider *gophercloud.ProviderClient, scope cloud.Scope, spec cloud.CredentialSpec) (string, error) {
	acts := actorOf(provider)
	has := acts.of(c.options.Roles)
	if must := c.options.Roles[0]; !slices.Contains(has, must) {
		return "", jeroboam.Errorf(jeroboam.Forbidden, "role", "The service's user does not have the role %s in the project %s, which the credential of the cluster needs.", must, acts.Project.ID).
			WithRemedy("The operator gives it: openstack role add --user %s --project %s %s.", acts.User.ID, acts.Project.ID, must)
	}
	identity, err := identityOf(provider)
	if err != nil {
		return "", err
	}
	opts := applicationcredentials.CreateOpts{Name: mark.Credential(scope, spec.Name), Description: spec.Name, Secret: spec.Secret.Reveal()}
	for _, name := range has {
		opts.Roles = append(opts.Roles, applicationcredentials.Role{Name: name})
	}
	made, err := applicationcredentials.Create(ctx, identity, acts.User.ID, opts).Extract()
	if err != nil {
		return "", fault.Refuse("Keystone", "make the application credential "+opts.Name, err)
	}
	return made.ID, nil
}

// opens reports whether the credential is of use with the secret.
func opens(ctx context.Context, like *gophercloud.ProviderClient, id string, secret jeroboam.Secret) (bool, error) {
	trial, err := openstack.NewClient(like.IdentityBase)
	if err != nil {
		return false, fault.Refuse("Keystone", "say where it is", err)
	}
	trial.UserAgent, trial.HTTPClient = like.UserAgent, like.HTTPClient
	err = openstack.AuthenticateV3(ctx, trial, &gophercloud.AuthOptions{ApplicationCredentialID: id, ApplicationCredentialSecret: secret.Reveal()}, gophercloud.EndpointOpts{})
	if gophercloud.ResponseCodeIs(err, http.StatusUnauthorized) || fault.Absent(err) {
		return false, nil
	}
	return err == nil, fault.Refuse("Keystone", "try the application credential "+id, err)
}

// holder is what a program on the nodes must know, in the words of the section
// [Global] of the cloud.conf of Kubernetes' cloud-provider-openstack.
func (c *Cloud) holder(provider *gophercloud.ProviderClient, id string, secret jeroboam.Secret) cloud.Credential {
	values := map[string]jeroboam.Secret{
		"auth-url": jeroboam.Secret(c.publicKeystone(provider)), "application-credential-id": jeroboam.Secret(id), "application-credential-secret": secret,
	}
	if region := c.options.Endpoint.Region; region != "" {
		values["region"] = jeroboam.Secret(region)
	}
	if c.options.CA != "" {
		values[cloud.CredentialCA] = jeroboam.Secret(c.options.CA)
	}
	return cloud.Credential{CloudID: id, Values: values}
}

// publicKeystone is where nodes find Keystone, who may not reach what the
// service does.
func (c *Cloud) publicKeystone(provider *gophercloud.ProviderClient) string {
	at := gophercloud.EndpointOpts{Region: c.options.Endpoint.Region, Availability: gophercloud.AvailabilityPublic}
	at.ApplyDefaults("identity")
	if found, err := provider.EndpointLocator(at); err == nil {
		return strings.TrimRight(found, "/")
	}
	return strings.TrimRight(provider.IdentityBase, "/") + "/v3"
}

// credentialsOf lists the cluster's credentials, whatever became of its project.
func (c *Cloud) credentialsOf(ctx context.Context, scope cloud.Scope) ([]appCredential, error) {
	return c.credentials(ctx, mark.Prefix(scope))
}

// credentials lists those of the service's user whose names begin so.
func (c *Cloud) credentials(ctx context.Context, prefix string) ([]appCredential, error) {
	identity, user, err := c.identity(ctx)
	if err != nil {
		return nil, err
	}
	pages, err := applicationcredentials.List(identity, user, begins(prefix)).AllPages(ctx)
	if err != nil {
		return nil, fault.Refuse("Keystone", "list application credentials", err)
	}
	all, err := applicationcredentials.ExtractApplicationCredentials(pages)
	return slices.DeleteFunc(all, func(a appCredential) bool { return !strings.HasPrefix(a.Name, prefix) }), err
}

// begins filters by the beginning of the name; see "Filtering" in Keystone's
// documentation of its API.
type begins string

func (b begins) ToApplicationCredentialListQuery() (string, error) {
	return "?" + url.Values{"name__startswith": {string(b)}}.Encode(), nil
}

// identity is Keystone as the service's user asks it in its own project.
func (c *Cloud) identity(ctx context.Context) (*gophercloud.ServiceClient, string, error) {
	own, err := c.at(ctx, cloud.Scope{})
	if err != nil {
		return nil, "", err
	}
	identity, err := identityOf(own.compute.ProviderClient)
	return identity, own.user, err
}

func (c *Cloud) deleteCredential(ctx context.Context, scope cloud.Scope, object cloud.Object) error {
	if object.CloudID != "" {
		return c.dropCredential(ctx, appCredential{ID: object.CloudID, Name: object.Name})
	}
	all, err := c.credentialsOf(ctx, scope)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.Description != object.Name {
			continue
		}
		if err := c.dropCredential(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cloud) dropCredential(ctx context.Context, a appCredential) error {
	identity, user, err := c.identity(ctx)
	if err != nil {
		return err
	}
	err = applicationcredentials.Delete(ctx, identity, user, a.ID).ExtractErr()
	if err == nil || fault.Absent(err) {
		return nil
	}
	return fault.Refuse("Keystone", "delete the application credential "+a.Name, err)
}

// credentialed names the clusters that have a credential.
func (c *Cloud) credentialed(ctx context.Context, add func(cluster, project string)) error {
	all, err := c.credentials(ctx, mark.Names)
	for _, a := range all {
		rest := strings.TrimPrefix(a.Name, mark.Names)
		if n := len(uuid.Nil.String()); len(rest) > n && uuid.Validate(rest[:n]) == nil {
			add(rest[:n], a.ProjectID)
		}
	}
	return err
}
