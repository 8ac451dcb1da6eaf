package service

import (
	"maps"
	"net/netip"
	"reflect"
	"strconv"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

func checkDNS(servers string) error {
	if servers == "" {
		return nil
	}
	for server := range strings.SplitSeq(servers, ",") {
		if _, err := netip.ParseAddr(strings.TrimSpace(server)); err != nil {
			return jeroboam.Errorf(jeroboam.Invalid, "dns_nameserver",
				"Expected a single dns address or comma separated dns list, but received %s.", servers)
		}
	}
	return nil
}

func orNone(n int) string {
	if n == 0 {
		return "None"
	}
	return strconv.Itoa(n)
}

// sameTemplate compares everything a user can write.
func sameTemplate(a, b jeroboam.Template) bool {
	if !maps.Equal(a.Labels, b.Labels) {
		return false
	}
	a.Labels, b.Labels = nil, nil
	return reflect.DeepEqual(a, b)
}
