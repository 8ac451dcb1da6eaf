package addons

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// Words of a credential.
const (
	keyAuthURL = "auth-url" // Keystone's address, ending in /v3
	keyCA      = "ca"       // certificates in PEM of the cloud's own authority
)

// Where pods find the authority, whose certificates lie beside the file that
// they read the credential from, or alone.
const (
	fileCA   = "ca.crt"
	configCA = "/etc/config/" + fileCA
	cloudCA  = "/etc/cloud/" + fileCA
)

// manilaWords are what Manila's driver calls the values of a credential.
var manilaWords = map[string]string{
	keyAuthURL:                      "os-authURL",
	"region":                        "os-region",
	"application-credential-id":     "os-applicationCredentialID",
	"application-credential-secret": "os-applicationCredentialSecret",
	"user-id":                       "os-userID",
	"password":                      "os-password",
	"tenant-id":                     "os-projectID",
	"domain-id":                     "os-domainID",
}

// object is a JSON object.
type object map[string]any

// secrets are the Secrets that the chosen add-ons read.
func (c Cluster) secrets() jeroboam.Secret {
	var items []object
	if len(c.Credential) == 0 {
		return ""
	}
	if slices.ContainsFunc([]jeroboam.Label{labelCloudProvider, labelCinder}, c.wants) {
		items = append(items, secret("cloud-config", c.withCA(map[string]string{"cloud.conf": c.cloudConfig().Reveal()})))
	}
	if c.wants(labelManila) {
		items = append(items, secret("csi-manila-secrets", c.manilaValues()))
	}
	if c.ownCA() && slices.ContainsFunc([]jeroboam.Label{labelManila, labelKeystone}, c.wants) {
		items = append(items, secret("cloud-authority", c.withCA(map[string]string{})))
	}
	if items == nil {
		return ""
	}
	text, err := json.Marshal(object{"apiVersion": "v1", "kind": "List", "items": items})
	if err != nil {
		panic(err) // plain data
	}
	return jeroboam.Secret(text) + "\n"
}

// ownCA reports whether the cloud has an authority of its own.
func (c Cluster) ownCA() bool { return c.Credential[keyCA] != "" }

// withCA adds its certificates to files.
func (c Cluster) withCA(files map[string]string) map[string]string {
	if c.ownCA() {
		files[fileCA] = c.Credential[keyCA].Reveal()
	}
	return files
}

func (c Cluster) wants(l jeroboam.Label) bool { return enabled(l, c.Spec.Labels) }

// secret holds its values as data: stringData, applied by the server, never
// loses a key again.
func secret(name string, values map[string]string) object {
	data := map[string][]byte{}
	for key, value := range values {
		data[key] = []byte(value)
	}
	return object{"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": data,
		"metadata": object{"name": name, "namespace": "kube-system", "labels": object{"app.kubernetes.io/managed-by": "jeroboam"}}}
}

func (c Cluster) manilaValues() map[string]string {
	values := map[string]string{}
	for key, value := range c.Credential {
		if word, has := manilaWords[key]; has {
			values[word] = value.Reveal()
		}
	}
	if c.ownCA() {
		values["os-certAuthorityPath"] = cloudCA
	}
	return values
}

// cloudConfig is the file of OpenStack's own programs for Kubernetes.
func (c Cluster) cloudConfig() jeroboam.Secret {
	labels := c.Spec.Labels
	text := c.global() + "\n[LoadBalancer]\n"
	if provider := labelBalancer.In(labels); provider != "" {
		text += setting("lb-provider", provider)
	}
	text += setting("lb-method", labelMethod.In(labels)) + setting("create-monitor", strings.ToLower(labelMonitor.In(labels)))
	if id := c.Spec.ExternalNetwork; isUUID(id) {
		text += setting("floating-network-id", id)
	}
	if id := c.Spec.FixedSubnet; isUUID(id) {
		text += setting("subnet-id", id)
	}
	return jeroboam.Secret(text)
}

// global is the section that every one of those programs reads.
func (c Cluster) global() string {
	text := "[Global]\n"
	for _, key := range slices.Sorted(maps.Keys(c.Credential)) {
		if key != keyCA {
			text += setting(key, c.Credential[key].Reveal())
		}
	}
	if c.ownCA() {
		text += setting("ca-file", configCA)
	}
	return text
}

// setting is a line of such a file; gcfg reads \\, \", \n and \t in quotes.
func setting(key, value string) string {
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(value)
	return fmt.Sprintf("%s = \"%s\"\n", key, escaped)
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// isUUID tells an ID from a name, which those programs do not take.
func isUUID(text string) bool { return uuid.MatchString(text) }

// clusterWide are the resources of no namespace that everybody may look at: a
// rule that leaves out a namespace does not reach them.
const clusterWide = "*/['namespaces', 'nodes', 'persistentvolumes', 'storageclasses']"

// keystonePolicy gives the roles that Magnum's default policy names their rights
// in the cluster's own project; other users get theirs by role bindings.
func (c Cluster) keystonePolicy() (string, error) {
	rule := func(role string, permissions object) object {
		return object{"users": object{"projects": []string{c.Project}, "roles": []string{role}}, "resource_permissions": permissions}
	}
	look := []string{"get", "list", "watch"}
	text, err := json.Marshal([]object{
		rule("k8s_admin", object{"*/*": []string{"*"}}),
		rule("k8s_developer", object{"!kube-system/*": []string{"*"}, clusterWide: look}),
		rule("k8s_viewer", object{"!kube-system/*": look, clusterWide: look}),
	})
	return quote(string(text)), err
}
