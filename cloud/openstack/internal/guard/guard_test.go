package guard

import (
	"reflect"
	"testing"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"

	"github.com/jeroboam-cloud/jeroboam/cloud"
)

func TestWhoMayCallTheAPI(t *testing.T) {
	tunnel, named := map[string]string{"api_access": "tunnel"}, []string{"192.0.2.0/24"}
	for name, test := range map[string]struct {
		spec   cloud.NetworkSpec
		named  []string
		from   []string
		inside bool
	}{
		"everybody":                       {cloud.NetworkSpec{APIPort: 6443}, nil, []string{Everywhere}, false},
		"everybody, through a balancer":   {cloud.NetworkSpec{APIPort: 6443, Balanced: true}, nil, []string{Everywhere}, false},
		"some":                            {cloud.NetworkSpec{APIPort: 6443}, named, named, false},
		"some, through a balancer":        {cloud.NetworkSpec{APIPort: 6443, Balanced: true}, named, named, true},
		"nobody but machines":             {cloud.NetworkSpec{APIPort: 6443, Labels: tunnel}, nil, nil, false},
		"nobody, whoever was named":       {cloud.NetworkSpec{APIPort: 6443, Labels: tunnel}, named, nil, false},
		"machines through their balancer": {cloud.NetworkSpec{APIPort: 6443, Labels: tunnel, Balanced: true}, named, nil, true},
		"where there is no API":           {cloud.NetworkSpec{Balanced: true}, named, nil, false},
	} {
		if from, inside := Callers(test.spec, test.named); !reflect.DeepEqual(from, test.from) || inside != test.inside {
			t.Errorf("%s: got %q %v, want %q %v", name, from, inside, test.from, test.inside)
		}
	}
}

func TestRulesAreMadeAndTakenAwayUntilTheyAreThoseWanted(t *testing.T) {
	rule := func(id, network string) rules.SecGroupRule {
		return rules.SecGroupRule{ID: id, Direction: "ingress", EtherType: "IPv4", Protocol: "tcp", PortRangeMin: 6443, PortRangeMax: 6443, RemoteIPPrefix: network}
	}
	ssh, out := rule("ssh", ""), rule("out", "")
	ssh.PortRangeMin, ssh.PortRangeMax, out.Direction = 22, 22, "egress"
	for name, test := range map[string]struct {
		have    []rules.SecGroupRule
		from    []string
		lacking []string // networks
		idle    []string // IDs
	}{
		"none yet":                       {nil, []string{"192.0.2.0/24", "2001:db8::/32"}, []string{"192.0.2.0/24", "2001:db8::/32"}, nil},
		"as it should be":                {[]rules.SecGroupRule{rule("1", "192.0.2.0/24"), ssh, out}, []string{"192.0.2.9/24"}, nil, nil},
		"for everybody, however written": {[]rules.SecGroupRule{rule("1", "0.0.0.0/0")}, []string{Everywhere}, nil, nil},
		"too wide":                       {[]rules.SecGroupRule{rule("1", ""), ssh, out}, []string{"192.0.2.0/24"}, []string{"192.0.2.0/24"}, []string{"1"}},
		"nobody's any more":              {[]rules.SecGroupRule{rule("1", ""), rule("2", "10.0.0.0/24"), ssh, out}, nil, nil, []string{"1", "2"}},
	} {
		wanted := API(6443, test.from)
		var lacking, idle []string
		for _, r := range Lacking(test.have, wanted) {
			lacking = append(lacking, r.RemoteIPPrefix)
			if six := r.RemoteIPPrefix == "2001:db8::/32"; six != (r.EtherType == rules.EtherType6) {
				t.Errorf("%s: %+v", name, r)
			}
		}
		for _, r := range Idle(test.have, 6443, wanted) {
			idle = append(idle, r.ID)
		}
		if !reflect.DeepEqual(lacking, test.lacking) || !reflect.DeepEqual(idle, test.idle) {
			t.Errorf("%s: lacking %q, idle %q, want %q and %q", name, lacking, idle, test.lacking, test.idle)
		}
	}
}
