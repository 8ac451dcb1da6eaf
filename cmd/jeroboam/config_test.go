package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/jeroboam-cloud/jeroboam"
)

func loadConfig(t *testing.T, file string, env map[string]string, args ...string) (config, error) {
	t.Helper()
	path := ""
	if file != "" {
		path = filepath.Join(t.TempDir(), "jeroboam.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var c config
	f := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	c.flags(f, "/opt/jeroboam")
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	err := c.load(f, path, func(key string) string { return env[key] })
	return c, err
}

func TestFlagsWinOverEnvironmentOverFileOverDefaults(t *testing.T) {
	file := "state: /file\nlisten: 127.0.0.1:1\nconcurrency: 3\nlog_level: debug\ndrivers: [k8s_sim]\n"
	env := map[string]string{"JEROBOAM_STATE": "/env", "JEROBOAM_LISTEN": "127.0.0.1:2"}
	got, err := loadConfig(t, file, env, "--state", "/flag")
	if err != nil {
		t.Fatal(err)
	}
	want := config{
		State: "/flag", Listen: "127.0.0.1:2", Concurrency: 3, LogLevel: "debug",
		Drivers: []string{"k8s_sim"},
		Bundles: "/opt/jeroboam/bundles", Agent: "/opt/jeroboam/jeroboam-agent", Labels: "warn", LogFormat: "text",
		ClusterQuota: 20, NodeQuota: -1, CoreQuota: -1, MemoryQuota: -1, VolumeQuota: -1,
		Identity: "embedded", Roles: []string{"member", "load-balancer_member"}, TakeRoles: true,
		Public:   publicConfig{ProxyHeaders: "x-forwarded", StopLimit: 15 * time.Second},
		Keystone: keystoneConfig{Username: "jeroboam", UserDomain: "Default", Project: "service", ProjectDomain: "Default"},
		Vault:    vaultConfig{Kind: "sealed", Prefix: "jeroboam"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestAWrongSettingIsNamedWithWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		env  map[string]string
		args []string
		says []string
	}{
		"an unknown key":           {file: "lissen: x\n", says: []string{`"lissen"`, "serve --help"}},
		"text that is not YAML":    {file: "a: [\n", says: []string{"not YAML"}},
		"a key given twice":        {file: "state: a\nstate: b\n", says: []string{"not YAML"}},
		"no number in the file":    {file: "concurrency: many\n", says: []string{"concurrency in the configuration file", `"many"`}},
		"no number in a variable":  {env: map[string]string{"JEROBOAM_CLUSTER_QUOTA": "x"}, says: []string{"JEROBOAM_CLUSTER_QUOTA", `"x"`}},
		"no PostgreSQL":            {env: map[string]string{"JEROBOAM_DATABASE": "mysql://me:hunter2@host/x"}, says: []string{"database is no address", "postgres://"}},
		"no address":               {args: []string{"--listen", "9511"}, says: []string{`listen: "9511"`, "127.0.0.1:9511"}},
		"no address for machines":  {args: []string{"--gateway-url", "jeroboam:9512"}, says: []string{`gateway_url: "jeroboam:9512"`, "https://host:port"}},
		"a driver that is not":     {args: []string{"--drivers", "nope"}, says: []string{`"nope"`, "k8s_local"}},
		"a format that is not":     {args: []string{"--log-format", "xml"}, says: []string{"log_format", "text or json"}},
		"a word for labels":        {args: []string{"--labels", "loud"}, says: []string{`labels: "loud"`, "warn or strict"}},
		"several at once, all":     {args: []string{"--log-format", "xml", "--concurrency", "0"}, says: []string{"log_format", "concurrency"}},
		"nobody who knows users":   {args: []string{"--identity", "ldap"}, says: []string{`identity: there is no "ldap"`, "embedded or keystone"}},
		"keystone without a login": {args: []string{"--identity", "keystone"}, says: []string{"keystone_auth_url is empty", "--keystone-cloud", "JEROBOAM_KEYSTONE_PASSWORD"}},
		"keystone in the wrong": {args: []string{"--identity", "keystone", "--keystone-auth-url", "k:5000", "--keystone-interface", "secret"},
			says: []string{`"k:5000" is not an address`, `no interface "secret"`}},
		"a public face that cannot be": {args: []string{"--tls-cert", "x", "--trusted-proxies", "proxy.example", "--cors-origins", "*", "--proxy-headers", "via", "--rate-limit", "-1", "--stop-limit", "-1s", "--public-url", "x"},
			says: []string{"one without the other", `"proxy.example" is neither`, `"*" is not an origin`, `proxy_headers: "via"`, "rate_limit: -1", "stop_limit: -1s is negative", `public_url: "x"`}},
		"users let through to nowhere": {args: []string{"--api-listen", "9513", "--gateway-peer-url", "b:9512"},
			says: []string{"one without the other", `api_listen: "9513"`, `gateway_peer_url: "b:9512"`}},
		"a domain that is none":    {args: []string{"--api-listen", ":9513", "--api-domain", "*.clusters.example.org"}, says: []string{`"*.clusters.example.org" is not a domain`}},
		"what is watched":          {args: []string{"--metrics-listen", "9512", "--traces", "collector"}, says: []string{`metrics_listen: "9512"`, `traces: "collector"`}},
		"a password in the file":   {file: "keystone_password: x\n", says: []string{`"keystone_password", which is not a setting`}},
		"a file that is not there": {env: map[string]string{"JEROBOAM_CONFIG": "/nowhere/x.yaml"}, says: []string{"/nowhere/x.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := loadConfig(t, c.file, c.env, c.args...)
			if jeroboam.KindOf(err) != jeroboam.Invalid {
				t.Fatalf("kind %q of %v", jeroboam.KindOf(err), err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q tells the password", err)
			}
			for _, text := range c.says {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q does not say %q", err, text)
				}
			}
		})
	}
}

func TestThePortThatUsersCall(t *testing.T) {
	for domain, want := range map[string]string{"clusters.example.org": "9513", "clusters.example.org:443": "443"} {
		c := passageConfig{Domain: domain}
		if host, port := c.domain("127.0.0.1:9513"); host != "clusters.example.org" || port != want {
			t.Errorf("%s: %s %s, want port %s", domain, host, port, want)
		}
	}
}
