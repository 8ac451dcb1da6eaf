// Package credentials finds out as whom to call the service, the way every
// OpenStack tool does: OS_* variables and clouds.yaml. It calls nobody.
//
// Rules follow openstacksdk: https://docs.openstack.org/openstacksdk/latest/user/config/configuration.html
package credentials

import (
	"cmp"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// Credentials says where the identity service is and what to show it. Exactly
// one of a password, an application credential and a token is set.
type Credentials struct {
	AuthURL                     string          `json:"auth_url"`
	Username                    string          `json:"username"`
	UserID                      string          `json:"user_id"`
	UserDomainName              string          `json:"user_domain_name"`
	UserDomainID                string          `json:"user_domain_id"`
	Password                    jeroboam.Secret `json:"password"`
	ProjectName                 string          `json:"project_name"`
	ProjectID                   string          `json:"project_id"`
	ProjectDomainName           string          `json:"project_domain_name"`
	ProjectDomainID             string          `json:"project_domain_id"`
	ApplicationCredentialID     string          `json:"application_credential_id"`
	ApplicationCredentialName   string          `json:"application_credential_name"`
	ApplicationCredentialSecret jeroboam.Secret `json:"application_credential_secret"`
	Token                       jeroboam.Secret `json:"token"`

	Region   string `json:"-"` // "" is any
	Endpoint string `json:"-"` // of the API itself; "" asks the catalogue
	CACert   string `json:"-"` // path of a PEM file; "" trusts the system's
	Insecure bool   `json:"-"` // do not verify the server's certificate
}

// Source is what credentials are looked for in.
type Source struct {
	Cloud  string              // name of a cloud, from a flag; "" looks at OS_CLOUD
	State  string              // state directory of a demo on this host, the last resort
	Getenv func(string) string // the environment
	Home   string              // the user's home directory
}

// Find returns the credentials of the cloud that is named, else those of the
// OS_* variables, else those of the demo of this host. Variables win over the
// entry of clouds.yaml only where that is silent.
func Find(s Source) (Credentials, error) {
	if name := cmp.Or(s.Cloud, s.Getenv("OS_CLOUD")); name != "" {
		return s.fromFile(name, s.files())
	}
	if s.Getenv("OS_AUTH_URL") != "" || s.Getenv("OS_TOKEN") != "" {
		return s.fromEnvironment().checked("the OS_* variables")
	}
	if demo := s.demo(); demo != "" {
		return s.fromFile(DemoCloud, []string{demo})
	}
	return Credentials{}, jeroboam.Errorf(jeroboam.Unauthenticated, "credentials", "No credentials were found.").
		WithRemedy("Set OS_CLOUD to a name of your clouds.yaml, or source an openrc file; \"jeroboam up\" writes both.")
}

func (s Source) fromEnvironment() Credentials {
	env := s.Getenv
	return Credentials{
		AuthURL:                     env("OS_AUTH_URL"),
		Username:                    env("OS_USERNAME"),
		UserID:                      env("OS_USER_ID"),
		UserDomainName:              cmp.Or(env("OS_USER_DOMAIN_NAME"), env("OS_DOMAIN_NAME")),
		UserDomainID:                cmp.Or(env("OS_USER_DOMAIN_ID"), env("OS_DOMAIN_ID")),
		Password:                    jeroboam.Secret(env("OS_PASSWORD")),
		ProjectName:                 cmp.Or(env("OS_PROJECT_NAME"), env("OS_TENANT_NAME")),
		ProjectID:                   cmp.Or(env("OS_PROJECT_ID"), env("OS_TENANT_ID")),
		ProjectDomainName:           cmp.Or(env("OS_PROJECT_DOMAIN_NAME"), env("OS_DOMAIN_NAME")),
		ProjectDomainID:             cmp.Or(env("OS_PROJECT_DOMAIN_ID"), env("OS_DOMAIN_ID")),
		ApplicationCredentialID:     env("OS_APPLICATION_CREDENTIAL_ID"),
		ApplicationCredentialName:   env("OS_APPLICATION_CREDENTIAL_NAME"),
		ApplicationCredentialSecret: jeroboam.Secret(env("OS_APPLICATION_CREDENTIAL_SECRET")),
		Token:                       jeroboam.Secret(env("OS_TOKEN")),
		Region:                      env("OS_REGION_NAME"),
		Endpoint:                    env("OS_CONTAINER_INFRA_ENDPOINT_OVERRIDE"),
		CACert:                      env("OS_CACERT"),
		Insecure:                    truth(env("OS_INSECURE")),
	}
}

// checked refuses what cannot work, naming what is missing.
func (c Credentials) checked(from string) (Credentials, error) {
	missing := ""
	switch {
	case c.AuthURL == "":
		missing = "auth_url"
	case c.Token != "":
	case c.ApplicationCredentialSecret != "":
		if c.ApplicationCredentialID == "" && c.ApplicationCredentialName == "" {
			missing = "application_credential_id"
		}
	case c.ApplicationCredentialID != "" || c.ApplicationCredentialName != "":
		missing = "application_credential_secret"
	case c.Username == "" && c.UserID == "":
		missing = "username"
	case c.Password == "":
		missing = "password"
	case c.ProjectName == "" && c.ProjectID == "":
		missing = "project_name"
	}
	if missing == "" {
		return c, nil
	}
	return c, jeroboam.Errorf(jeroboam.Unauthenticated, "credentials", "%s give no %s.", upperFirst(from), missing).
		WithRemedy("Add %s, or OS_%s to the environment.", missing, strings.ToUpper(missing))
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func truth(s string) bool {
	switch strings.ToLower(s) {
	case "1", "t", "true", "y", "yes", "on":
		return true
	}
	return false
}
