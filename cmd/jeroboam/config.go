package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack"
	"github.com/jeroboam-cloud/jeroboam/cmd/jeroboam/internal/state"
	"github.com/jeroboam-cloud/jeroboam/quota"
)

// config is everything that can be chosen about a service. Each field is a
// flag (--gateway-listen), an environment variable (JEROBOAM_GATEWAY_LISTEN)
// and a key of the YAML file (gateway_listen), in this order of precedence.
type config struct {
	State          string          // directory that holds everything the service must remember
	Database       jeroboam.Secret // URL of PostgreSQL, with its password; "": SQLite in the state directory
	Shared         string          // directory of what servers of one database have in common; "": the state directory
	Listen         string          // address of the API
	GatewayListen  string          // TCP address for agents; "": the unix socket alone
	GatewayURL     string          // where machines elsewhere find it; "": there are none
	GatewayPeerURL string          // where other servers of the database find it; "": nowhere
	Bundles        string          // directory of bundles
	Agent          string          // path of the agent's binary
	Drivers        []string        // rows of drivers.go that are on
	Openstack      string          // cloud of clouds.yaml that machines are made in; "": OS_CLOUD, or the login to Keystone
	Roles          []string        // on that OpenStack: of clusters' credentials, and of the service's user in projects
	TakeRoles      bool            // the user gives itself those that it lacks
	Labels         string          // what becomes of labels without effect: "warn" or "strict"
	ClusterQuota   int             // clusters of a project that has no quota of its own; this and the next: -1 is no limit
	NodeQuota      int             // its nodes of every role
	CoreQuota      int             // its nodes' vCPUs
	MemoryQuota    int             // MiB, of its nodes
	VolumeQuota    int             // GiB, of its nodes' disks
	Concurrency    int             // clusters worked on at once
	Identity       string          // "embedded" or "keystone"
	Keystone       keystoneConfig
	Vault          vaultConfig
	PolicyFile     string // overrides rules of the policy; "": none
	Public         publicConfig
	Passage        passageConfig
	Observe        observeConfig
	LogFormat      string // "text" or "json"
	LogLevel       string // "debug", "info", "warn" or "error"
}

// What --labels may be.
const (
	labelsWarn   = "warn"
	labelsStrict = "strict"
)

const envPrefix = "JEROBOAM_"

// flags declares every setting with its default. dir is where the program
// itself lies: what it needs besides is expected next to it.
func (c *config) flags(f *pflag.FlagSet, dir string) {
	f.StringVar(&c.State, "state", ".state", "directory that holds everything the service must remember")
	f.StringVar((*string)(&c.Database), "database", "", "postgres://user:password@host/database; without one, SQLite in the state directory.\nArguments can be seen by others: give a password in the variable or the file")
	f.StringVar(&c.Shared, "shared", "", "directory of what the servers of one database have in common: keys, users, bundles, this host's machines;\nnot given: the state directory")
	f.StringVar(&c.Listen, "listen", "127.0.0.1:9511", "address of the API")
	f.StringVar(&c.GatewayListen, "gateway-listen", "", "TCP address for agents, besides the unix socket in the state directory")
	f.StringVar(&c.GatewayURL, "gateway-url", "", "https://host:port by which machines of a remote cloud reach gateway-listen")
	f.StringVar(&c.GatewayPeerURL, "gateway-peer-url", "", "https://host:port by which the other servers of the database reach this one's gateway-listen")
	f.StringVar(&c.Bundles, "bundles", filepath.Join(dir, "bundles"), "directory of bundles")
	f.StringVar(&c.Agent, "agent", filepath.Join(dir, "jeroboam-agent"), "path of the agent's binary")
	f.StringSliceVar(&c.Drivers, "drivers", []string{"k8s_local"}, "drivers to offer: "+strings.Join(driverNames(), ", "))
	f.StringVar(&c.Openstack, "openstack-cloud", "", "cloud of clouds.yaml that the drivers k8s_openstack… make machines in; not given: OS_CLOUD, or the login to Keystone")
	f.StringSliceVar(&c.Roles, "openstack-roles", openstack.DefaultRoles(), "roles of clusters' credentials, and of the service's user in projects; the first is a must")
	f.BoolVar(&c.TakeRoles, "openstack-take-roles", true, "let the service's user, if it is administrator, give itself the openstack-roles that it lacks in a project")
	f.StringVar(&c.Labels, "labels", labelsWarn, "labels that have no effect: warn keeps and reports them, strict refuses them")
	f.IntVar(&c.ClusterQuota, "cluster-quota", 20, "clusters a project may have if it has no quota of its own; here and in the next four, -1 is no limit")
	f.IntVar(&c.NodeQuota, "node-quota", jeroboam.Unlimited, "nodes of every role it may have")
	f.IntVar(&c.CoreQuota, "core-quota", jeroboam.Unlimited, "vCPUs its nodes may have")
	f.IntVar(&c.MemoryQuota, "memory-quota", jeroboam.Unlimited, "MiB of memory its nodes may have")
	f.IntVar(&c.VolumeQuota, "volume-quota", jeroboam.Unlimited, "GiB of disks its nodes may have")
	f.IntVar(&c.Concurrency, "concurrency", 64, "clusters worked on at once")
	f.StringVar(&c.Identity, "identity", identityEmbedded, "who knows the users: "+identityEmbedded+" (the service itself) or "+identityKeystone)
	c.Keystone.flags(f)
	c.Vault.flags(f)
	f.StringVar(&c.PolicyFile, "policy-file", "", "YAML file of rules in oslo.policy's language that override the policy's")
	c.Public.flags(f)
	c.Passage.flags(f)
	c.Observe.flags(f)
	f.StringVar(&c.LogFormat, "log-format", "text", "format of the log: text or json")
	f.StringVar(&c.LogLevel, "log-level", "info", "least level logged: debug, info, warn or error")
}

// quotas are the limits of a project that has none of its own.
func (c *config) quotas() quota.Limits {
	return quota.Limits{jeroboam.QuotaCluster: c.ClusterQuota, jeroboam.QuotaNode: c.NodeQuota, jeroboam.QuotaCore: c.CoreQuota,
		jeroboam.QuotaMemory: c.MemoryQuota, jeroboam.QuotaVolume: c.VolumeQuota}
}

// load fills in what no flag gave, and refuses what cannot be.
func (c *config) load(f *pflag.FlagSet, path string, getenv func(string) string) error {
	if err := c.fill(f, path, getenv); err != nil {
		return err
	}
	return c.validate()
}

// fill takes what no flag gave from the environment, then from the YAML file,
// if one is named by --config or JEROBOAM_CONFIG.
func (c *config) fill(f *pflag.FlagSet, path string, getenv func(string) string) error {
	if path == "" {
		path = getenv(envPrefix + "CONFIG")
	}
	file, err := readConfigFile(path)
	if err != nil {
		return err
	}
	for key := range file {
		if f.Lookup(flagName(key)) == nil || key == "config" {
			return badConfig(key, "%s has the key %q, which is not a setting.", path, key).
				WithRemedy("Remove it, or correct its name; jeroboam serve --help lists the settings.")
		}
	}
	var errs []error
	f.VisitAll(func(flag *pflag.Flag) {
		if !flag.Changed && flag.Name != "config" {
			errs = append(errs, fillIn(f, flag, file, getenv))
		}
	})
	c.Keystone.Password = jeroboam.Secret(getenv(envKeystonePassword))
	return errors.Join(errs...)
}

func fillIn(f *pflag.FlagSet, flag *pflag.Flag, file map[string]string, getenv func(string) string) error {
	key := strings.ReplaceAll(flag.Name, "-", "_")
	from := envPrefix + strings.ToUpper(key)
	value := getenv(from)
	if value == "" {
		from, value = key+" in the configuration file", file[key]
	}
	if value == "" {
		return nil
	}
	if err := f.Set(flag.Name, value); err != nil {
		return badConfig(key, "%s: %q is not a value for it.", from, value).
			WithRemedy("Give %s: %s.", flag.Value.Type(), flag.Usage)
	}
	return nil
}

// readConfigFile flattens the file: lists become comma-separated text.
func readConfigFile(path string) (map[string]string, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, badConfig("config", "The configuration file %s cannot be read.", path).
			WithRemedy("Check its path and permissions.").Wrap(err)
	}
	var parsed map[string]any
	if err := yaml.UnmarshalStrict(data, &parsed); err != nil {
		return nil, badConfig("config", "%s is not YAML of the form \"key: value\".", path).
			WithRemedy("Correct the file: %v.", err)
	}
	flat := map[string]string{}
	for key, value := range parsed {
		flat[key] = flatten(value)
	}
	return flat, nil
}

func flatten(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		words := make([]string, len(v))
		for i := range v {
			words[i] = flatten(v[i])
		}
		return strings.Join(words, ",")
	}
	return fmt.Sprint(value)
}

func flagName(key string) string { return strings.ReplaceAll(key, "_", "-") }

// common is the directory of what the service of these settings shares, or its own.
func (c config) common() string { return cmp.Or(c.Shared, state.SharedDir(c.State)) }
