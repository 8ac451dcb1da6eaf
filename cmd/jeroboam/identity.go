package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	cloudsfile "github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
	"github.com/spf13/pflag"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/identity"
	"github.com/jeroboam-cloud/jeroboam/identity/embedded"
	"github.com/jeroboam-cloud/jeroboam/identity/keystone"
)

// Who may know the users.
const (
	identityEmbedded = "embedded"
	identityKeystone = "keystone"
)

// envKeystonePassword is the one setting without a flag: a flag's value is seen
// by everybody on the host.
const envKeystonePassword = envPrefix + "KEYSTONE_PASSWORD"

// keystoneConfig is how the service logs in to Keystone.
type keystoneConfig struct {
	Cloud         string // of a clouds.yaml, in place of what follows up to the password
	AuthURL       string
	Username      string
	UserDomain    string // name
	Project       string
	ProjectDomain string          // name
	Credential    string          // ID of an application credential, in place of user and project
	PasswordFile  string          // holds the password, or the credential's secret
	Password      jeroboam.Secret // of the environment
	Region        string          // of the identity endpoint to ask; "": AuthURL is asked
	Interface     string          // "public", "internal" or "admin"; "": AuthURL is asked
	CAFile        string          // PEM; "": the host's authorities
	PublicURL     string          // where callers log in; "": AuthURL
}

func (k *keystoneConfig) flags(f *pflag.FlagSet) {
	f.StringVar(&k.Cloud, "keystone-cloud", "", "cloud of clouds.yaml that the service logs in to Keystone with, in place of the next settings")
	f.StringVar(&k.AuthURL, "keystone-auth-url", "", "address of Keystone, such as https://keystone.example.org:5000/v3")
	f.StringVar(&k.Username, "keystone-username", "jeroboam", "user of the service, with the role admin or service")
	f.StringVar(&k.UserDomain, "keystone-user-domain", "Default", "name of the user's domain")
	f.StringVar(&k.Project, "keystone-project", "service", "project of the service")
	f.StringVar(&k.ProjectDomain, "keystone-project-domain", "Default", "name of the project's domain")
	f.StringVar(&k.Credential, "keystone-application-credential-id", "", "application credential, in place of user and project")
	f.StringVar(&k.PasswordFile, "keystone-password-file", "", "file with the password or the credential's secret; or set "+envKeystonePassword)
	f.StringVar(&k.Region, "keystone-region", "", "region of the identity endpoint to ask; not given: the address itself is asked")
	f.StringVar(&k.Interface, "keystone-interface", "", "interface of the identity endpoint to ask: public, internal or admin; not given: the address itself is asked")
	f.StringVar(&k.CAFile, "keystone-ca-file", "", "PEM file of the authority of Keystone's certificate")
	f.StringVar(&k.PublicURL, "keystone-public-url", "", "address of Keystone that callers are told; not given: that of the service")
}

var interfaces = []string{"", "public", "internal", "admin"}

func (k *keystoneConfig) validate(wrong complaint) {
	for _, at := range []struct{ key, url string }{{"keystone_auth_url", k.AuthURL}, {"keystone_public_url", k.PublicURL}} {
		if at.url != "" && !webAddress(at.url) {
			wrong(at.key, "Give an address such as https://keystone.example.org:5000/v3.", "%s: %q is not an address.", at.key, at.url)
		}
	}
	if k.AuthURL == "" && k.Cloud == "" {
		wrong("keystone_auth_url", "Give the address of Keystone with --keystone-auth-url, or a cloud of clouds.yaml with --keystone-cloud.", "keystone_auth_url is empty.")
	}
	if k.PasswordFile == "" && k.Password == "" && k.Cloud == "" {
		wrong("keystone_password_file", "Name a file with --keystone-password-file, or set "+envKeystonePassword+".", "there is no password for Keystone.")
	}
	if !slices.Contains(interfaces, k.Interface) {
		wrong("keystone_interface", "Give public, internal or admin.", "keystone_interface: there is no interface %q.", k.Interface)
	}
}

func webAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// options are for a room that knows nothing of files and settings.
func (k *keystoneConfig) options() (keystone.Options, error) {
	var o keystone.Options
	var err error
	if k.Cloud == "" {
		o.Auth = k.auth()
	} else if o.Auth, _, o.TLS, err = cloudsfile.Parse(cloudsfile.WithCloudName(k.Cloud)); err != nil {
		return o, badConfig("keystone_cloud", "The cloud %q of clouds.yaml cannot be used.", k.Cloud).
			WithRemedy("Check the file (OS_CLIENT_CONFIG_FILE, ./clouds.yaml, ~/.config/openstack/clouds.yaml, /etc/openstack/clouds.yaml) and its entries.").Wrap(err)
	}
	if err := k.addSecret(&o.Auth); err != nil {
		return o, err
	}
	if o.Auth.IdentityEndpoint == "" || o.Auth.Password == "" && o.Auth.ApplicationCredentialSecret == "" {
		return o, badConfig("keystone_cloud", "The cloud %q of clouds.yaml has no auth_url or no password.", k.Cloud).
			WithRemedy("Complete it, or name a file with the password with --keystone-password-file, or set %s.", envKeystonePassword)
	}
	if k.Region != "" || k.Interface != "" {
		o.Endpoint = gophercloud.EndpointOpts{Region: k.Region, Availability: gophercloud.Availability(k.Interface)}
	}
	if k.CAFile != "" {
		o.TLS, err = trust(o.TLS, k.CAFile)
	}
	return o, err
}

func (k *keystoneConfig) auth() gophercloud.AuthOptions {
	if k.Credential != "" {
		return gophercloud.AuthOptions{IdentityEndpoint: k.AuthURL, ApplicationCredentialID: k.Credential}
	}
	return gophercloud.AuthOptions{
		IdentityEndpoint: k.AuthURL, Username: k.Username, DomainName: k.UserDomain,
		Scope: &gophercloud.AuthScope{ProjectName: k.Project, DomainName: k.ProjectDomain},
	}
}

// addSecret adds what neither a flag nor the file of settings holds.
func (k *keystoneConfig) addSecret(auth *gophercloud.AuthOptions) error {
	secret := k.Password.Reveal()
	if k.PasswordFile != "" {
		text, err := os.ReadFile(k.PasswordFile)
		if err != nil {
			return badConfig("keystone_password_file", "The file %s cannot be read.", k.PasswordFile).
				WithRemedy("Check its path, its owner and its mode.").Wrap(err)
		}
		if secret = strings.TrimRight(string(text), "\r\n"); secret == "" {
			return badConfig("keystone_password_file", "The file %s is empty.", k.PasswordFile).WithRemedy("Write the password into it.")
		}
	}
	switch {
	case secret == "": // clouds.yaml has its own
	case auth.ApplicationCredentialID != "" || auth.ApplicationCredentialName != "":
		auth.ApplicationCredentialSecret = secret
	default:
		auth.Password = secret
	}
	return nil
}

// trust adds the authorities of a PEM file to the host's.
func trust(base *tls.Config, file string) (*tls.Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, badConfig("keystone_ca_file", "The file %s cannot be read.", file).WithRemedy("Check its path and permissions.").Wrap(err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a host without authorities of its own
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, badConfig("keystone_ca_file", "%s holds no certificate.", file).WithRemedy("Give certificates in PEM.")
	}
	if base == nil {
		base = &tls.Config{}
	}
	base.RootCAs = pool
	return base, nil
}

// callers says who calls: users of the service's own, or Keystone's.
type callers struct {
	identity.Authenticator
	own      *embedded.Identity      // nil: Keystone's
	keystone *keystone.Authenticator // nil: the service's own
	url      string                  // where they log in; "": at the service itself
}

func ownCallers(dir, url string) (callers, error) {
	own, err := embedded.Open(embedded.Options{Dir: dir, URL: url})
	return callers{Authenticator: own, own: own}, err
}

// keystoneCallers logs in once, so that a wrong password stops the start. A
// Keystone that is away does not: it comes back, and so may hosts together.
func keystoneCallers(ctx context.Context, k keystoneConfig, log *slog.Logger) (callers, error) {
	o, err := k.options()
	if err != nil {
		return callers{}, err
	}
	a := keystone.New(o)
	err = a.Login(ctx)
	if jeroboam.KindOf(err) == jeroboam.Unavailable {
		log.WarnContext(ctx, "keystone does not answer yet", "address", o.Auth.IdentityEndpoint, "reason", err)
		err = nil
	}
	out := callers{Authenticator: a, keystone: a, url: k.PublicURL}
	if out.url == "" {
		out.url = o.Auth.IdentityEndpoint
	}
	return out, err
}

// offer adds to the API who calls it and where they log in.
func (c callers) offer(o api.Options) api.Options {
	o.Auth, o.IdentityURL = c.Authenticator, c.url
	if c.own != nil {
		o.Identity = c.own.Handler()
	}
	return o
}

func (c callers) close() {
	if c.keystone != nil {
		c.keystone.CloseIdle()
	}
}
