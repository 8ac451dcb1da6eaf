// Package addons makes the manifests of what ties a cluster to its cloud and is
// turned on by labels: the cloud controller manager, the storage drivers of
// Cinder and Manila, login by Keystone, the cluster autoscaler, and the metrics
// server. It is pure: the same cluster is the same text. It applies nothing,
// and knows nothing of machines.
//
// Objects, arguments and rights follow the manifests that the projects publish
// with their releases: kubernetes/cloud-provider-openstack v1.36,
// kubernetes-csi/csi-driver-nfs v4.11, kubernetes/autoscaler 1.35 and
// kubernetes-sigs/metrics-server v0.8. What they allow themselves and do not
// need here is left out.
package addons

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/jeroboam-cloud/jeroboam"
)

// Cluster is what add-ons are made of.
type Cluster struct {
	jeroboam.Cluster
	Version string // of Kubernetes, e.g. "v1.36.3"
	// Credential is cloud.Credential.Values; empty: the add-ons that call the
	// cloud are left out.
	Credential map[string]jeroboam.Secret
	Gateway    string // by which the control plane finds the service, see node.UserData.Gateway
}

// Rendered is what to apply to a cluster: each part is YAML or JSON documents,
// "" if there are none.
type Rendered struct {
	Secrets   jeroboam.Secret // to be applied first
	Manifests string          // without secrets, but they change whenever the credential does
}

// addon is one of them, in the order in which they are applied.
type addon struct {
	label jeroboam.Label // that turns it on
	file  string         // its manifests
}

var all = []addon{
	{labelCloudProvider, "cloud-controller-manager"},
	{labelCinder, "cinder-csi"},
	{labelManila, "manila-csi"},
	{labelKeystone, "keystone-auth"},
	{labelAutoscaler, "cluster-autoscaler"},
	{labelMetrics, "metrics-server"},
}

//go:embed manifests/*.yaml
var files embed.FS

// Render makes the manifests of all add-ons that are turned on.
func Render(c Cluster) (Rendered, error) {
	on := slices.DeleteFunc(slices.Clone(all), func(a addon) bool { return !a.on(c) })
	if len(on) == 0 {
		return Rendered{}, nil
	}
	templates, err := template.New("").Funcs(c.words()).ParseFS(files, "manifests/*.yaml")
	if err != nil {
		return Rendered{}, fmt.Errorf("add-ons: %w", err)
	}
	var out bytes.Buffer
	for _, a := range on {
		if err := templates.ExecuteTemplate(&out, a.file+".yaml", c); err != nil {
			return Rendered{}, fmt.Errorf("add-on %s: %w", a.file, err)
		}
	}
	return Rendered{Secrets: c.secrets(), Manifests: out.String()}, nil
}

// on tells whether the add-on is turned on, and has the credential it needs.
func (a addon) on(c Cluster) bool {
	return enabled(a.label, c.Spec.Labels) && (!a.label.Credential || len(c.Credential) > 0)
}

func enabled(l jeroboam.Label, labels map[string]string) bool {
	return strings.EqualFold(l.In(labels), "true")
}

// Keystone reports whether Keystone's users may log in to the API servers.
func Keystone(c Cluster) bool { return addon{label: labelKeystone}.on(c) }

// ExternalProvider reports whether nodes wait for a cloud controller manager to
// say where they are before they take pods. It looks for their servers by the
// provider ID.
func ExternalProvider(labels map[string]string) bool { return enabled(labelCloudProvider, labels) }

// words are the functions of the manifests. What they return is quoted: the
// text of a label is never more than one value.
func (c Cluster) words() template.FuncMap {
	return template.FuncMap{
		"image":      func(name string) (string, error) { return c.image(name) },
		"label":      func(name string) string { return quote(known(name).In(c.Spec.Labels)) },
		"given":      func(name string) bool { return c.Spec.Labels[name] != "" },
		"authURL":    func() string { return quote("--keystone-url=" + c.Credential[keyAuthURL].Reveal()) },
		"policy":     c.keystonePolicy,
		"credential": c.fingerprint,
		"ownCA":      c.ownCA,
		"cloudCA":    func() string { return cloudCA },
		"cluster":    func(flag string) string { return quote(flag + c.ID) },
		"gateway":    func() string { return quote(c.Gateway) },
		"socket":     c.socket,
	}
}

// quote writes a text as YAML does in double quotes.
func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string is plain data
	}
	return string(quoted)
}

// fingerprint names the credential without telling it: pods that carry another
// one are made anew.
func (c Cluster) fingerprint() string {
	sum := sha256.Sum256([]byte((c.cloudConfig() + c.Credential[keyCA]).Reveal()))
	return quote(hex.EncodeToString(sum[:8]))
}
