// Package client calls the API from Go: the CLI's way to the service. It knows
// who it is by Keystone v3 and gives errors back as jeroboam.Errors with the
// service's own words.
package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

// Options say where the identity service is and what to show it: a password,
// an application credential or a token.
type Options struct {
	AuthURL                     string
	Username                    string
	UserID                      string
	UserDomainName              string
	UserDomainID                string
	Password                    jeroboam.Secret
	ProjectName                 string
	ProjectID                   string
	ProjectDomainName           string
	ProjectDomainID             string
	ApplicationCredentialID     string
	ApplicationCredentialName   string
	ApplicationCredentialSecret jeroboam.Secret
	Token                       jeroboam.Secret

	Region   string // "" is any
	Endpoint string // of the API itself, e.g. "http://127.0.0.1:9511/v1"; "" asks the catalogue
	CACert   string // path of a PEM file; "" trusts the system's
	Insecure bool   // do not verify the server's certificate
}

// timeout bounds one call that is no stream.
const timeout = 60 * time.Second

// Client calls the API. It is safe for concurrent use. It asks for a token at
// the first call and for a new one when that has expired.
type Client struct {
	// Warned, if set before the first call, is told each warning of the service.
	Warned func(text string)

	options Options
	http    http.Client

	plan    *wire.Plan // of a dry run: where the answer to a change goes
	mu      sync.Mutex
	service *gophercloud.ServiceClient // nil until the first call
}

// New returns a client; nobody is called yet.
func New(o Options) (*Client, error) {
	trust, err := o.trust()
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = trust
	return &Client{options: o, http: http.Client{Transport: transport}}, nil
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (o Options) trust() (*tls.Config, error) {
	config := &tls.Config{InsecureSkipVerify: o.Insecure}
	if o.CACert == "" {
		return config, nil
	}
	pem, err := os.ReadFile(o.CACert)
	if err != nil {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "cacert", "The CA file %s cannot be read.", o.CACert).Wrap(err)
	}
	if config.RootCAs = x509.NewCertPool(); !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "cacert", "The CA file %s holds no certificate.", o.CACert)
	}
	return config, nil
}

// connect authenticates once.
func (c *Client) connect(ctx context.Context) (*gophercloud.ServiceClient, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.service != nil {
		return c.service, nil
	}
	service, err := c.login(ctx)
	if err != nil {
		return nil, classify(err, "The identity service at "+c.options.AuthURL+" did not answer.")
	}
	service.MoreHeaders = map[string]string{wire.VersionHeader: wire.MaxVersion.Header()}
	c.service = service
	return service, nil
}

func (c *Client) login(ctx context.Context) (*gophercloud.ServiceClient, error) {
	o := c.options
	if o.AuthURL == "" {
		return c.bare()
	}
	provider, err := openstack.NewClient(o.AuthURL)
	if err != nil {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "auth-url", "%q is not the address of an identity service.", o.AuthURL).Wrap(err)
	}
	provider.HTTPClient = c.http
	if err := openstack.AuthenticateV3(ctx, provider, o.auth(), gophercloud.EndpointOpts{}); err != nil {
		return nil, err
	}
	if o.Endpoint != "" {
		return &gophercloud.ServiceClient{ProviderClient: provider, Endpoint: gophercloud.NormalizeURL(o.Endpoint)}, nil
	}
	service, err := openstack.NewContainerInfraV1(provider, gophercloud.EndpointOpts{Region: o.Region})
	if err != nil {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "catalogue", "The identity service knows no container-infra service.").
			WithRemedy("Check the region, or give the address of the API.").Wrap(err)
	}
	// The provider's own version header would name the type of the catalogue.
	service.Microversion = ""
	return service, nil
}

// bare uses a token and an address that are known already.
func (c *Client) bare() (*gophercloud.ServiceClient, error) {
	if c.options.Endpoint == "" || c.options.Token == "" {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "credentials", "There is no address of an identity service.").
			WithRemedy("Give OS_AUTH_URL, or both a token and the address of the API.")
	}
	provider := &gophercloud.ProviderClient{HTTPClient: c.http, TokenID: c.options.Token.Reveal()}
	return &gophercloud.ServiceClient{ProviderClient: provider, Endpoint: gophercloud.NormalizeURL(c.options.Endpoint)}, nil
}

func (o Options) auth() *gophercloud.AuthOptions {
	auth := &gophercloud.AuthOptions{
		IdentityEndpoint: o.AuthURL, Username: o.Username, UserID: o.UserID, Password: o.Password.Reveal(),
		DomainID: o.UserDomainID, DomainName: o.UserDomainName, TokenID: o.Token.Reveal(),
		ApplicationCredentialID: o.ApplicationCredentialID, ApplicationCredentialName: o.ApplicationCredentialName,
		ApplicationCredentialSecret: o.ApplicationCredentialSecret.Reveal(),
		AllowReauth:                 o.Token == "",
	}
	if auth.UserID != "" || auth.DomainID != "" {
		auth.DomainName = ""
	}
	if auth.UserID != "" {
		auth.Username, auth.DomainID = "", ""
	}
	// An application credential brings its own project, a token its own scope.
	if o.ApplicationCredentialSecret == "" && o.Token == "" {
		auth.Scope = o.scope()
	}
	return auth
}

func (o Options) scope() *gophercloud.AuthScope {
	if o.ProjectID != "" {
		return &gophercloud.AuthScope{ProjectID: o.ProjectID}
	}
	if o.ProjectName == "" {
		return nil
	}
	scope := &gophercloud.AuthScope{ProjectName: o.ProjectName, DomainID: o.ProjectDomainID, DomainName: o.ProjectDomainName}
	if scope.DomainID != "" {
		scope.DomainName = ""
	}
	return scope
}

// call sends one request and reads the answer into out, if there is one.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	ctx, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	service, err := c.connect(ctx)
	if err != nil {
		return err
	}
	if c.plan != nil && method != http.MethodGet {
		mark := "?"
		if strings.Contains(path, mark) {
			mark = "&"
		}
		path, out = path+mark+wire.DryRunArg+"=true", c.plan
	}
	response, err := service.Request(ctx, method, service.Endpoint+path, &gophercloud.RequestOpts{
		JSONBody: in, JSONResponse: out, OkCodes: []int{200, 201, 202, 204}})
	if response != nil && c.Warned != nil {
		for _, value := range response.Header.Values(wire.WarningHeader) {
			if text, ok := wire.ParseWarning(value); ok {
				c.Warned(text)
			}
		}
	}
	return classify(err, "The service at "+service.Endpoint+" did not answer.")
}

// classify gives the service's own error back, and makes Unavailable of
// everything that is not an answer.
func classify(err error, silent string) error {
	if err == nil {
		return nil
	}
	if e, ok := jeroboam.AsError(err); ok {
		return e
	}
	var answered gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &answered) {
		return wire.DecodeError(answered.Actual, answered.Body)
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return jeroboam.Errorf(jeroboam.Unavailable, "no-answer", "%s", silent).Wrap(err).
		WithRemedy("Check that the service runs and that the address is right.")
}

// relative is the path and query of a next link below the endpoint.
func relative(next string) string {
	_, after, _ := strings.Cut(next, "/v1/")
	return after
}
