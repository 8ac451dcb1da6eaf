package barbican

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"path"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/keymanager/v1/secrets"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// patience is how long Barbican may take for one answer.
const patience = 20 * time.Second

// page is how many secrets are listed at once: Barbican's own limit.
const page = 100

// octets is the content type of every payload: any bytes, as they are.
const octets = "application/octet-stream"

// Options say where Barbican is and who asks it.
type Options struct {
	Store store.Backend
	// Auth is the login of this service, a user who may create secrets in the
	// project of the login, and Keystone's address.
	Auth     gophercloud.AuthOptions
	Endpoint gophercloud.EndpointOpts // picks the key manager of the catalogue by region and interface
	TLS      *tls.Config              // nil: the host's authorities
	Prefix   string                   // of the names of secrets, which tells the services of one project apart
	Patience time.Duration            // 0: 20 s for each answer
	Now      func() time.Time
}

// remote is Barbican, as the service's user.
type remote struct {
	auth      gophercloud.AuthOptions
	endpoint  gophercloud.EndpointOpts
	transport *http.Transport
	patience  time.Duration
	prefix    string
	client    *gophercloud.ServiceClient
}

func newRemote(o Options) *remote {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = o.TLS
	transport.MaxConnsPerHost, transport.MaxIdleConnsPerHost = 16, 16
	o.Auth.AllowReauth = true
	if o.Patience == 0 {
		o.Patience = patience
	}
	return &remote{auth: o.Auth, endpoint: o.Endpoint, transport: transport, patience: o.Patience, prefix: o.Prefix}
}

func (r *remote) login(ctx context.Context) error {
	provider, err := openstack.NewClient(r.auth.IdentityEndpoint)
	if err != nil {
		return refusedLogin(err)
	}
	provider.UserAgent.Prepend("jeroboam")
	// A redirect would carry the token to wherever it points.
	provider.HTTPClient = http.Client{Transport: r.transport, Timeout: r.patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if err := openstack.Authenticate(ctx, provider, r.auth); err != nil {
		return refusedLogin(err)
	}
	if r.client, err = openstack.NewKeyManagerV1(provider, r.endpoint); err != nil {
		return refusedLogin(err)
	}
	return nil
}

func (r *remote) name(id string) string { return r.prefix + "/" + id }

// make stores a secret and returns its ID.
func (r *remote) make(ctx context.Context, id string, secret jeroboam.Secret) (string, error) {
	made, err := secrets.Create(ctx, r.client, secrets.CreateOpts{
		Name: r.name(id), SecretType: secrets.OpaqueSecret,
		Payload: base64.StdEncoding.EncodeToString([]byte(secret.Reveal())), PayloadContentType: octets, PayloadContentEncoding: "base64",
	}).Extract()
	if err != nil {
		return "", judge(err)
	}
	return path.Base(made.SecretRef), nil
}

func (r *remote) payload(ctx context.Context, ref string) (jeroboam.Secret, error) {
	payload, err := secrets.GetPayload(ctx, r.client, ref, secrets.GetPayloadOpts{PayloadContentType: octets}).Extract()
	return jeroboam.Secret(payload), judge(err)
}

// delete succeeds if there is no such secret.
func (r *remote) delete(ctx context.Context, ref string) error {
	err := judge(secrets.Delete(ctx, r.client, ref).ExtractErr())
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return nil
	}
	return err
}

// find returns the IDs of a page of secrets of the name.
func (r *remote) find(ctx context.Context, id string) ([]string, error) {
	var refs []string
	first, err := secrets.List(r.client, secrets.ListOpts{Name: r.name(id), Limit: page}).AllPages(ctx)
	if err != nil {
		return nil, judge(err)
	}
	found, err := secrets.ExtractSecrets(first)
	for _, s := range found {
		if s.Name == r.name(id) {
			refs = append(refs, path.Base(s.SecretRef))
		}
	}
	return refs, judge(err)
}

func (r *remote) deleteAll(ctx context.Context, id string) error {
	refs, err := r.find(ctx, id)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if err := r.delete(ctx, ref); err != nil {
			return err
		}
	}
	return nil
}
