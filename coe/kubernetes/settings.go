package kubernetes

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe/kubernetes/addons"
)

// Labels this COE reads. Names and ranges are Magnum's, and the defaults but
// that of the back end.
var (
	labelVersion = jeroboam.Label{Name: "kube_tag", Type: jeroboam.LabelVersion, Since: "0.1",
		Meaning: "Version of Kubernetes, one of those installed here; the first of them if not given.", Effect: "the bundle of all machines"}
	labelServices = jeroboam.Label{Name: "service_cluster_ip_range", Type: jeroboam.LabelIPv4, Min: 12, Max: 27,
		Default: "10.254.0.0/16", Since: "0.1",
		Meaning: "Network of the addresses of services.", Effect: "the control plane and kube-proxy"}
	labelPods = jeroboam.Label{Name: "flannel_network_cidr", Type: jeroboam.LabelIPv4, Min: 8, Max: 26,
		Default: "10.100.0.0/16", Since: "0.1",
		Meaning: "Network of all pods.", Effect: "the pod network of all machines"}
	labelSubnetLen = jeroboam.Label{Name: "flannel_network_subnetlen", Type: jeroboam.LabelInt, Min: 9, Max: 28, Default: "24", Since: "0.1",
		Meaning: "Prefix length of one machine's part of the pod network.", Effect: "the pod network of all machines"}
	labelBackend = jeroboam.Label{Name: "flannel_backend", Type: jeroboam.LabelEnum, Values: []string{"host-gw"}, Default: "host-gw", Since: "0.1",
		Meaning: "How packets of pods find the machine they are for.", Effect: "the routes of all machines"}
)

// ownLabels are all of them.
func ownLabels() []jeroboam.Label {
	return append([]jeroboam.Label{labelVersion, labelServices, labelPods, labelSubnetLen, labelBackend}, addons.Labels()...)
}

// clusterDomain is the DNS zone of every cluster.
const clusterDomain = "cluster.local"

// settings are a cluster's labels, read and found sound.
type settings struct {
	services  netip.Prefix // of ClusterIPs
	pods      netip.Prefix // of all pods
	subnetLen int          // prefix length of one machine's share of pods
}

// readSettings reads the labels; every label that is wrong is named.
func readSettings(labels map[string]string) (settings, error) {
	if err := jeroboam.CheckLabels(ownLabels(), labels); err != nil {
		return settings{}, err
	}
	s := settings{services: network(labelServices.In(labels)), pods: network(labelPods.In(labels))}
	s.subnetLen, _ = strconv.Atoi(labelSubnetLen.In(labels)) // checked above
	if labels[labelSubnetLen.Name] == "" {
		// A small pod network still holds four machines.
		s.subnetLen = max(s.subnetLen, s.pods.Bits()+2)
	}
	switch {
	case s.subnetLen <= s.pods.Bits():
		return settings{}, invalidLabel(labelSubnetLen.Name, fmt.Sprintf("a prefix of /%d is no part of the pod network %s", s.subnetLen, s.pods)).
			WithRemedy("Choose a number from %d to %d.", s.pods.Bits()+1, labelSubnetLen.Max)
	case s.services.Overlaps(s.pods):
		return settings{}, invalidLabel(labelServices.Name, fmt.Sprintf("%s overlaps the pod network %s", s.services, s.pods)).
			WithRemedy("Choose ranges that do not overlap.")
	}
	return s, nil
}

// network is a prefix whose text has been checked.
func network(text string) netip.Prefix { return netip.MustParsePrefix(text).Masked() }

// service is the n-th address of the service network.
func (s settings) service(n uint32) string { return nth(s.services, n).String() }

// apiService is the ClusterIP of the API, dnsService that of CoreDNS.
func (s settings) apiService() string { return s.service(1) }
func (s settings) dnsService() string { return s.service(10) }
