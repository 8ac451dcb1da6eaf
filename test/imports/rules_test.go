// Package imports keeps the house's dependency rule: arrows point to nouns, and
// a concrete cloud, COE, store or vault is known to cmd/ alone.
package imports

// root stands for package jeroboam itself.
const root = "."

// mayEnter says for each room which other rooms it may import besides itself
// and the root. A room that is not listed may not exist. The most specific
// path wins: cloud/local has a row of its own, not cloud's.
var mayEnter = map[string][]string{
	root: {},

	"plan":    {},
	"pki":     {},
	"release": {"node"},
	"node":    {},
	"store":   {},
	"vault":   {},
	"cloud":   {},
	"coe":     {"node"},

	"store/memory":             {"store"},
	"store/postgres":           {"store"},
	"store/sqlite":             {"store"},
	"store/storetest":          {"store"},
	"vault/sealed":             {"vault", "store"},
	"vault/sealed/keyfile":     {"vault"},
	"vault/sealed/kms":         {"vault"},
	"vault/barbican":           {"vault", "store"},
	"identity":                 {},
	"identity/embedded":        {"identity"},
	"identity/keystone":        {"identity"},
	"identity/identitytest":    {"identity"},
	"cloud/local":              {"cloud", "node"},
	"cloud/openstack":          {"cloud"},
	"cloud/sim":                {"cloud", "node", "node/simagent"},
	"cloud/cloudtest":          {"cloud", "node"},
	"coe/kubernetes":           {"coe", "coe/kubernetes/addons", "node"},
	"coe/kubernetes/addons":    {},
	"coe/sim":                  {"coe", "node"},
	"coe/coetest":              {"coe", "node"},
	"node/boot":                {"node"},
	"node/gateway":             {"node", "pki"},
	"node/gateway/gatewaytest": {"node"},
	"node/agent":               {"node", "release"},
	"node/simagent":            {"node"},

	"quota":       {"store", "cloud"},
	"service":     {"plan", "store", "identity", "coe", "cloud", "quota", "service/access", "service/drivers", "service/federation", "service/forecast", "service/quotas"},
	"engine":      {"plan", "cloud", "coe", "pki", "vault", "store", "quota", "node", "node/boot", "node/gateway", "release", "engine/pace"},
	"engine/pace": {},

	"engine/internal/agents":      {"node", "node/gateway", "pki", "store", "engine/pace"},
	"engine/internal/authorities": {"pki", "vault"},
	"engine/internal/configs":     {"cloud", "coe", "node", "plan", "store", "vault"},
	"engine/internal/credentials": {"pki", "vault"},
	"engine/internal/drivers":     {"cloud", "coe"},
	"engine/internal/gates":       {},
	"engine/internal/journal":     {"plan", "store"},
	"engine/internal/ledger":      {"store"},
	"engine/internal/reach":       {"store"},
	"engine/internal/snapshot":    {"cloud", "plan", "store"},
	"engine/internal/trouble":     {},

	"passage": {},
	"monitor": {"plan", "cloud", "coe", "pki", "vault", "store", "node", "release", "engine"},

	"service/access":     {"identity", "store"},
	"service/drivers":    {"plan", "coe", "cloud"},
	"service/federation": {"service/access", "store"},
	"service/forecast":   {"service/drivers", "plan", "coe", "cloud", "store"},
	"service/quotas":     {"service/access", "quota", "store"},

	"api/wire":    {},
	"api/openapi": {},
	"api":         {"api/wire", "api/openapi", "service", "service/access", "service/federation", "service/forecast", "identity"},
	"autoscale":   {"service", "coe", "node/gateway"},
	"audit":       {"api"},
	"observe":     {"api", "engine", "store"},
	"client":      {"api/wire"},
	"cli":         {"client", "api/wire", "release"},

	"cmd/jeroboam-agent": {"node", "node/agent", "release"},
}

// anything may be imported by the rooms that put the house together.
var anything = []string{"cmd/jeroboam", "test"}

// coeNames and cloudNames may be spelled, as a whole string, only by the rooms
// listed: everybody else asks the traits.
var spelling = []struct {
	words []string
	rooms []string // prefixes of paths of files
}{
	{[]string{"kubernetes", "swarm", "swarm-mode", "mesos"}, []string{
		"coe/", "cmd/jeroboam/drivers.go",
		"authority.go",        // Magnum's word for a cluster's own CA
		"cli/demo",            // the demo is a Kubernetes one
		"release/", "distro/", // the catalogue of what exists: data
		"api/wire/", // ca_cert_type "kubernetes" is a word of the wire
	}},
	{[]string{"openstack", "sim"}, []string{
		"cloud/", "coe/sim/", "cmd/jeroboam/drivers.go",
		"cli/credentials/", // the name of the directory of clouds.yaml
	}},
}
