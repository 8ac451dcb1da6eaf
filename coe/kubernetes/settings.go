package kubernetes

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
)

// Labels this COE reads, and their defaults as Magnum has them.
const (
	labelServices  = "service_cluster_ip_range"
	labelPods      = "flannel_network_cidr"
	labelSubnetLen = "flannel_network_subnetlen"
	labelVersion   = "kube_tag"

	defaultServices  = "10.254.0.0/16"
	defaultPods      = "10.100.0.0/16"
	defaultSubnetLen = 24
)

// clusterDomain is the DNS zone of every cluster.
const clusterDomain = "cluster.local"

// settings are a cluster's labels, read and found sound.
type settings struct {
	services  netip.Prefix // of ClusterIPs
	pods      netip.Prefix // of all pods
	subnetLen int          // prefix length of one machine's share of pods
}

// readSettings reads the labels; every label that is wrong is named, joined.
func readSettings(labels map[string]string) (settings, error) {
	var s settings
	var errs [4]error
	s.services, errs[0] = readPrefix(labels, labelServices, defaultServices, 12, 27)
	s.pods, errs[1] = readPrefix(labels, labelPods, defaultPods, 8, 26)
	s.subnetLen, errs[2] = readSubnetLen(labels, s.pods)
	errs[3] = checkVersion(labels[labelVersion])
	if err := errors.Join(errs[:]...); err != nil {
		return settings{}, err
	}
	if s.services.Overlaps(s.pods) {
		return settings{}, invalidLabel(labelServices, fmt.Sprintf("%s overlaps the pod network %s", s.services, s.pods)).
			WithRemedy("Choose ranges that do not overlap.")
	}
	return s, nil
}

// readPrefix reads an IPv4 network between two prefix lengths.
func readPrefix(labels map[string]string, label, standard string, shortest, longest int) (netip.Prefix, error) {
	text := labels[label]
	if text == "" {
		text = standard
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil || !prefix.Addr().Is4():
		return netip.Prefix{}, invalidLabel(label, fmt.Sprintf("%q is not an IPv4 network", text)).
			WithRemedy("Write it like %s.", standard)
	case prefix.Bits() < shortest || prefix.Bits() > longest:
		return netip.Prefix{}, invalidLabel(label, fmt.Sprintf("the prefix of %s is not between /%d and /%d", text, shortest, longest)).
			WithRemedy("Write it like %s.", standard)
	}
	return prefix.Masked(), nil
}

func readSubnetLen(labels map[string]string, pods netip.Prefix) (int, error) {
	text := labels[labelSubnetLen]
	if text == "" && pods.IsValid() {
		// A small pod network still holds four machines.
		return max(defaultSubnetLen, pods.Bits()+2), nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n > 28 || (pods.IsValid() && n < pods.Bits()+1) {
		return 0, invalidLabel(labelSubnetLen, fmt.Sprintf("%q is not a prefix length between that of %s and 28", text, labelPods)).
			WithRemedy("Write it like %d.", defaultSubnetLen)
	}
	return n, nil
}

var version = regexp.MustCompile(`^v?[0-9]+\.[0-9]+\.[0-9]+([-+.][0-9A-Za-z.+-]+)?$`)

func checkVersion(tag string) error {
	if tag == "" || version.MatchString(tag) {
		return nil
	}
	return invalidLabel(labelVersion, fmt.Sprintf("%q is not a version", tag)).WithRemedy("Write it like v1.36.3.")
}

// service is the n-th address of the service network.
func (s settings) service(n uint32) string { return nth(s.services, n).String() }

// apiService is the ClusterIP of the API, dnsService that of CoreDNS.
func (s settings) apiService() string { return s.service(1) }
func (s settings) dnsService() string { return s.service(10) }
