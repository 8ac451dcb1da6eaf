package credentials

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
)

const clouds = `
clouds:
  one:
    region_name: RegionOne
    auth:
      auth_url: http://one.example:5000/v3
      username: ann
      password: secret-1
      project_name: p1
      user_domain_name: Default
      project_domain_name: Default
  app:
    auth_type: v3applicationcredential
    verify: false
    cacert: /ca.pem
    container_infra_endpoint_override: http://api.example:9511/v1
    auth:
      auth_url: http://two.example:5000/v3
      application_credential_id: "42"
      application_credential_secret: secret-2
  bare:
    auth:
      auth_url: http://three.example:5000/v3
      username: bob
      project_name: p3
`

func source(t *testing.T, env map[string]string) Source {
	t.Helper()
	path := filepath.Join(t.TempDir(), "my-clouds.yaml")
	if err := os.WriteFile(path, []byte(clouds), 0o600); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"OS_CLIENT_CONFIG_FILE": path}
	for k, v := range env {
		all[k] = v
	}
	return Source{Getenv: func(k string) string { return all[k] }, Home: t.TempDir(), State: t.TempDir()}
}

func TestCredentialsComeFromWhereOpenStackToolsLook(t *testing.T) {
	one := Credentials{AuthURL: "http://one.example:5000/v3", Username: "ann", Password: "secret-1", ProjectName: "p1",
		UserDomainName: "Default", ProjectDomainName: "Default", Region: "RegionOne"}
	for name, c := range map[string]struct {
		env  map[string]string
		want Credentials
	}{
		"the cloud OS_CLOUD names": {map[string]string{"OS_CLOUD": "one"}, one},
		"a cloud before variables": {map[string]string{"OS_CLOUD": "one", "OS_AUTH_URL": "http://x", "OS_USERNAME": "eve", "OS_PASSWORD": "p"}, one},
		"an application credential": {map[string]string{"OS_CLOUD": "app"}, Credentials{
			AuthURL: "http://two.example:5000/v3", ApplicationCredentialID: "42", ApplicationCredentialSecret: "secret-2",
			Endpoint: "http://api.example:9511/v1", CACert: "/ca.pem", Insecure: true}},
		"a password kept out of the file": {map[string]string{"OS_CLOUD": "bare", "OS_PASSWORD": "secret-3"}, Credentials{
			AuthURL: "http://three.example:5000/v3", Username: "bob", ProjectName: "p3", Password: "secret-3"}},
		"variables alone": {map[string]string{"OS_AUTH_URL": "http://x/v3", "OS_USERNAME": "eve", "OS_PASSWORD": "p", "OS_PROJECT_ID": "7", "OS_DOMAIN_NAME": "d"}, Credentials{
			AuthURL: "http://x/v3", Username: "eve", Password: "p", ProjectID: "7", UserDomainName: "d", ProjectDomainName: "d"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Find(source(t, c.env))
			if err != nil || got != c.want {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

func TestTheDemoOfThisHostIsTheLastResort(t *testing.T) {
	s := source(t, map[string]string{"OS_CLIENT_CONFIG_FILE": ""})
	text := strings.Replace(clouds, "  one:", "  jeroboam:", 1)
	if err := os.WriteFile(filepath.Join(s.State, "clouds.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Find(s); err != nil || got.Username != "ann" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		kind jeroboam.Kind
		says string
	}{
		"nothing at all":     {map[string]string{"OS_CLIENT_CONFIG_FILE": ""}, jeroboam.Unauthenticated, "OS_CLOUD"},
		"a cloud that isn't": {map[string]string{"OS_CLOUD": "four"}, jeroboam.NotFound, "app, bare, one"},
		"no password":        {map[string]string{"OS_CLOUD": "bare"}, jeroboam.Unauthenticated, "password"},
		"no user":            {map[string]string{"OS_AUTH_URL": "http://x"}, jeroboam.Unauthenticated, "username"},
		"no file":            {map[string]string{"OS_CLOUD": "one", "OS_CLIENT_CONFIG_FILE": "/nowhere"}, jeroboam.Invalid, "/nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Find(source(t, c.env))
			if jeroboam.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}
