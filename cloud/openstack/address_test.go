package openstack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// object is one of Neutron's.
type object = map[string]any

// neutron is a Neutron with ports, floating addresses and security groups, and
// one external network.
type neutron struct {
	chooses bool // lets who asks choose a floating address

	mu   sync.Mutex
	held map[string][]object // by kind in the plural
	made int
}

func (n *neutron) Session(context.Context, cloud.Scope) (*gophercloud.ProviderClient, error) {
	return &gophercloud.ProviderClient{IdentityBase: "http://identity.example.org/", HTTPClient: http.Client{Transport: n},
		EndpointLocator: func(o gophercloud.EndpointOpts) (string, error) { return "http://" + o.Type + ".example.org/", nil }}, nil
}

func (n *neutron) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	in := map[string]any{}
	if r.Body != nil {
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			return nil, err
		}
	}
	kind, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2.0/"), "/")
	code, out := n.serve(r, kind, id, in)
	body, err := json.Marshal(out)
	return &http.Response{StatusCode: code, Body: io.NopCloser(bytes.NewReader(body)), Header: http.Header{"Content-Type": {"application/json"}}, Request: r}, err
}

func (n *neutron) serve(r *http.Request, kind, id string, in map[string]any) (int, any) {
	one := strings.TrimSuffix(kind, "s")
	wish, _ := in[strings.ReplaceAll(one, "-", "_")].(object)
	switch r.Method {
	case http.MethodGet:
		found := []object{}
		for _, o := range n.held[kind] {
			if matches(o, r.URL.Query()) {
				found = append(found, o)
			}
		}
		return http.StatusOK, object{strings.ReplaceAll(kind, "-", "_"): found}
	case http.MethodPost:
		return n.make(kind, one, wish, in)
	case http.MethodPut:
		for _, o := range n.held[kind] {
			if o["id"] == id {
				o["port_id"] = wish["port_id"]
				return http.StatusOK, object{one: o}
			}
		}
	case http.MethodDelete:
		n.take(kind, id)
		return http.StatusNoContent, nil
	}
	return http.StatusNotFound, nil
}

func matches(o object, query map[string][]string) bool {
	if of := query["description"]; of != nil && !slices.Contains(of, fmt.Sprint(o["description"])) {
		return false
	}
	at, asked := strings.CutPrefix(strings.Join(query["fixed_ips"], ""), "ip_address=")
	return !asked || has(o, at)
}

func has(port object, address string) bool {
	ips, _ := port["fixed_ips"].([]any)
	return len(ips) > 0 && ips[0].(object)["ip_address"] == address
}

func refused(code int, sort, said string) (int, any) {
	return code, object{"NeutronError": object{"type": sort, "message": said}}
}

func (n *neutron) make(kind, one string, wish object, in map[string]any) (int, any) {
	n.made++
	id := fmt.Sprintf("%s-%d", one, n.made)
	switch kind {
	case "ports":
		at := fmt.Sprintf("10.0.0.%d", n.made)
		if ips, _ := wish["fixed_ips"].([]any); len(ips) > 0 && ips[0].(object)["ip_address"] != nil {
			at = ips[0].(object)["ip_address"].(string)
		}
		if slices.ContainsFunc(n.held[kind], func(p object) bool { return has(p, at) }) {
			return refused(http.StatusConflict, "IpAddressAlreadyAllocated", "IP address "+at+" already allocated in subnet s.")
		}
		wish["fixed_ips"] = []any{object{"subnet_id": "s", "ip_address": at}}
	case "floatingips":
		if wish["floating_ip_address"] == nil {
			wish["floating_ip_address"] = fmt.Sprintf("203.0.113.%d", n.made)
		} else if !n.chooses {
			return refused(http.StatusForbidden, "PolicyNotAuthorized", "rule:create_floatingip:floating_ip_address is disallowed by policy")
		}
	case "security-group-rules":
		return n.admit(id, in)
	case "security-groups":
		wish["security_group_rules"] = []any{}
	}
	wish["id"] = id
	n.held[kind] = append(n.held[kind], wish)
	return http.StatusCreated, object{strings.ReplaceAll(one, "-", "_"): wish}
}

// admit adds rules to their groups.
func (n *neutron) admit(id string, in map[string]any) (int, any) {
	all := in["security_group_rules"].([]any)
	for i, v := range all {
		rule := v.(object)
		rule["id"] = fmt.Sprintf("%s-%d", id, i)
		for _, g := range n.held["security-groups"] {
			if g["id"] == rule["security_group_id"] {
				g["security_group_rules"] = append(g["security_group_rules"].([]any), rule)
			}
		}
	}
	return http.StatusCreated, object{"security_group_rules": all}
}

// take deletes something, with what Neutron takes away by itself.
func (n *neutron) take(kind, id string) {
	is := func(o object) bool { return o["id"] == id }
	n.held[kind] = slices.DeleteFunc(n.held[kind], is)
	for _, f := range n.held["floatingips"] {
		if f["port_id"] == id {
			f["port_id"] = nil
		}
	}
	for _, g := range n.held["security-groups"] {
		g["security_group_rules"] = slices.DeleteFunc(g["security_group_rules"].([]any), func(r any) bool { return is(r.(object)) })
	}
}

// cloud is one with this Neutron, where a cluster has its security groups.
func (n *neutron) cloud() *Cloud {
	n.held = map[string][]object{"networks": {{"id": "outside", "name": "outside", "router:external": true}},
		"security-groups": {{"id": "all", "name": "demo", "description": "jeroboam-cluster=1", "security_group_rules": []any{}}}}
	return New(Options{Sessions: func(Client) Sessions { return n }})
}

var demo = cloud.Scope{Cluster: "1", Project: "p", Name: "demo"}

// virtualDemo is the address that its tests are about, had before as was.
func virtualDemo(was cloud.Address) cloud.AddressSpec {
	return cloud.AddressSpec{Name: "demo", Network: cloud.Network{ID: "n", Subnet: "s"}, Address: was.Address, Public: cloud.Public{FloatingIP: true, Address: was.Public}}
}

func TestAVirtualAddressComesBackAsItWas(t *testing.T) {
	for name, test := range map[string]struct {
		happens func(n *neutron, was cloud.Address)
		chooses bool
		same    bool // the floating address, too
	}{
		"its port was deleted": {func(n *neutron, was cloud.Address) { n.take("ports", was.CloudID) }, false, true},
		"its floating address was led away": {func(n *neutron, _ cloud.Address) {
			n.held["floatingips"][0]["port_id"] = nil
		}, false, true},
		"its floating address was deleted, and may be chosen": {func(n *neutron, _ cloud.Address) {
			n.take("floatingips", n.held["floatingips"][0]["id"].(string))
		}, true, true},
		"its floating address was deleted, and may not be chosen": {func(n *neutron, _ cloud.Address) {
			n.take("floatingips", n.held["floatingips"][0]["id"].(string))
		}, false, false},
		"its floating address was led to somebody else": {func(n *neutron, _ cloud.Address) {
			n.held["floatingips"][0]["port_id"] = "another"
		}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			n := &neutron{chooses: test.chooses}
			c := n.cloud()
			was, err := c.EnsureAddress(t.Context(), demo, virtualDemo(cloud.Address{}))
			if err != nil {
				t.Fatal(err)
			}
			if found, err := c.FindAddress(t.Context(), demo, "demo"); err != nil || found != was || was.Public == "" {
				t.Fatalf("found %+v (%v), made %+v", found, err, was)
			}
			test.happens(n, was)
			if found, err := c.FindAddress(t.Context(), demo, "demo"); found == was {
				t.Errorf("nothing is noticed: %+v (%v)", found, err)
			}
			is, err := c.EnsureAddress(t.Context(), demo, virtualDemo(was))
			if err != nil || is.Address != was.Address || is.Public == "" || (is.Public == was.Public) != test.same {
				t.Errorf("got %+v (%v), and it was %+v", is, err, was)
			}
			if found, err := c.FindAddress(t.Context(), demo, "demo"); err != nil || found != is {
				t.Errorf("found %+v (%v), made %+v", found, err, is)
			}
		})
	}
}

func TestAMachineThatIsStartedHasItsFloatingAddressAgain(t *testing.T) {
	n := &neutron{}
	p, err := n.cloud().at(t.Context(), demo)
	if err != nil {
		t.Fatal(err)
	}
	m := machine{project: p, scope: demo, spec: cloud.MachineSpec{ID: "m0", Name: "demo-master-0", Role: jeroboam.RoleMaster,
		Network: cloud.Network{ID: "n", Subnet: "s"}, Public: cloud.Public{FloatingIP: true}}}
	if public, err := m.publicOf(t.Context()); err != nil || public != "" {
		t.Errorf("without a port it is reached at %q (%v)", public, err)
	}
	if _, err := m.ensurePort(t.Context()); err != nil {
		t.Fatal(err)
	}
	was, err := m.publicOf(t.Context())
	if err != nil || was == "" {
		t.Fatalf("it is reached at %q (%v)", was, err)
	}
	m.spec.Public.Address, n.held["floatingips"][0]["port_id"] = was, nil
	if is, err := m.publicOf(t.Context()); err != nil || is != was || len(n.held["floatingips"]) != 1 {
		t.Errorf("it was reached at %s and is at %q (%v), of %v", was, is, err, n.held["floatingips"])
	}
}

func TestWhoHasTheAddressByNowIsTold(t *testing.T) {
	for who, test := range map[string]struct {
		port   object
		remedy string
	}{
		"the port web (port-9, compute:nova)": {object{"name": "web", "device_owner": "compute:nova"}, "Delete that port"},
		"own machine demo-worker-3":           {object{"name": "demo-worker-3/m3", "description": "jeroboam-cluster=1"}, "Remove that machine"},
	} {
		n := &neutron{}
		c := n.cloud()
		test.port["id"], test.port["fixed_ips"] = "port-9", []any{object{"subnet_id": "s", "ip_address": "10.0.0.77"}}
		n.held["ports"] = append(n.held["ports"], test.port)
		_, err := c.EnsureAddress(t.Context(), demo, virtualDemo(cloud.Address{Address: "10.0.0.77"}))
		e, ok := jeroboam.AsError(err)
		if !ok || e.Kind != jeroboam.Conflict || !strings.Contains(e.Detail, who) || !strings.Contains(e.Detail, "10.0.0.77") || !strings.Contains(e.Remedy, test.remedy) {
			t.Errorf("%s: got %+v", who, err)
		}
	}
}

func TestTheAPIIsOpenToWhoMayCallItAlone(t *testing.T) {
	tunnel := map[string]string{"api_access": "tunnel"}
	some := map[string]string{"master_lb_allowed_cidrs": "192.0.2.0/24"}
	n := &neutron{}
	p, err := n.cloud().at(t.Context(), demo)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		what string
		spec cloud.NetworkSpec
		want []string // sources of the API's rules; nil: there is no group
	}{
		{"a tunnel", cloud.NetworkSpec{Labels: tunnel}, nil},
		{"everybody", cloud.NetworkSpec{}, []string{"<nil>"}},
		{"some", cloud.NetworkSpec{Labels: some}, []string{"192.0.2.0/24"}},
		{"some, by a balancer", cloud.NetworkSpec{Labels: some, Balanced: true}, []string{"192.0.2.0/24", "10.0.0.0/24"}},
		{"a tunnel to a balancer", cloud.NetworkSpec{Labels: tunnel, Balanced: true}, []string{"10.0.0.0/24"}},
		{"a tunnel of a cluster that was open", cloud.NetworkSpec{Labels: tunnel}, []string{}},
	} {
		step.spec.APIPort = 6443
		have, err := p.securityOf(t.Context(), demo)
		if err == nil {
			err = p.ensureSecurity(t.Context(), demo, step.spec, have)
		}
		var got []string
		for _, g := range n.held["security-groups"] {
			if g["name"] == "demo-api" {
				got = []string{}
				for _, r := range g["security_group_rules"].([]any) {
					got = append(got, fmt.Sprint(r.(object)["remote_ip_prefix"]))
				}
			}
		}
		if err != nil || !reflect.DeepEqual(got, step.want) {
			t.Errorf("%s: got %q, want %q (%v)", step.what, got, step.want, err)
		}
	}
}
