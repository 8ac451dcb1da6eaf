// Package placement judges the labels and taints that nodes shall bear.
package placement

import (
	"regexp"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// reservedLabels are the keys under a reserved domain that a node may still be
// given, as the kubelet allows them.
var reservedLabels = []string{
	"beta.kubernetes.io/arch", "beta.kubernetes.io/instance-type", "beta.kubernetes.io/os",
	"failure-domain.beta.kubernetes.io/region", "failure-domain.beta.kubernetes.io/zone",
	"kubernetes.io/arch", "kubernetes.io/hostname", "kubernetes.io/os",
	"node.kubernetes.io/instance-type", "node.kubernetes.io/windows-build",
	"topology.kubernetes.io/region", "topology.kubernetes.io/zone",
}

var (
	reservedDomains = []string{"kubernetes.io", "k8s.io"}
	openDomains     = []string{"kubelet.kubernetes.io", "node.kubernetes.io"}
	labelName       = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)$`)
	labelPrefix     = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)
)

// Check judges the labels and taints that a group's nodes shall bear.
// A key or value that a node would refuse is refused here, before any is made.
func Check(g jeroboam.NodeGroup) error {
	if g.IsMaster() && len(g.Spec.NodeLabels)+len(g.Spec.NodeTaints) > 0 {
		return jeroboam.Errorf(jeroboam.Conflict, "node_labels", "node_labels for %s is invalid (labels and taints cannot be set on role master).", g.Name)
	}
	for key, v := range g.Spec.NodeLabels {
		if why := labelFault(key, v); why != "" {
			return jeroboam.Errorf(jeroboam.Conflict, "node_labels", "node_labels for %s is invalid (%s).", g.Name, why)
		}
	}
	for _, t := range g.Spec.NodeTaints {
		if !validKey(t.Key) || t.Value != "" && !labelName.MatchString(t.Value) {
			return jeroboam.Errorf(jeroboam.Conflict, "node_taints", "node_taints for %s is invalid (%q is not a taint).", g.Name, t.Key+"="+t.Value)
		}
	}
	return nil
}

func labelFault(key, v string) string {
	prefix, _, prefixed := strings.Cut(key, "/")
	switch {
	case !validKey(key):
		return "the key " + key + " is not a label key"
	case v != "" && !labelName.MatchString(v):
		return "the value of " + key + " is not a label value"
	case prefixed && within(prefix, reservedDomains) && !slices.Contains(openDomains, prefix) && !slices.Contains(reservedLabels, key):
		return "the key " + key + " is reserved"
	}
	return ""
}

func validKey(key string) bool {
	prefix, name, prefixed := strings.Cut(key, "/")
	if !prefixed {
		return labelName.MatchString(key)
	}
	return labelPrefix.MatchString(prefix) && labelName.MatchString(name)
}

func within(domain string, parents []string) bool {
	return slices.ContainsFunc(parents, func(p string) bool { return domain == p || strings.HasSuffix(domain, "."+p) })
}
