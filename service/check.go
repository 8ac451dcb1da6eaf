package service

import (
	"maps"
	"math/rand/v2"
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

var greek = []string{"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu",
	"nu", "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"}

// randomName makes a name for an object whose user gave none, e.g.
// "kappa-9-cluster". Names need not be unique.
func randomName(kind string) string {
	return greek[rand.IntN(len(greek))] + "-" + strconv.Itoa(1+rand.IntN(24)) + "-" + kind
}

// sameTemplate compares everything a user can write.
func sameTemplate(a, b jeroboam.Template) bool {
	if !maps.Equal(a.Labels, b.Labels) {
		return false
	}
	a.Labels, b.Labels = nil, nil
	return reflect.DeepEqual(a, b)
}
