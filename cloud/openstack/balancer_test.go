package openstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/octavia"
)

// small is a cloud of which only that is there which a test is about: every list
// is empty, and Octavia answers with one status.
type small struct{ octavia int } // 0: it is not in the catalogue

func (s small) RoundTrip(r *http.Request) (*http.Response, error) {
	path := strings.Split(strings.TrimSuffix(r.URL.Path, "/detail"), "/")
	key := strings.ReplaceAll(strings.TrimPrefix(path[len(path)-1], "os-"), "-", "_")
	code, body := http.StatusOK, fmt.Sprintf(`{%q: []}`, key)
	if key == "limits" || strings.HasPrefix(key, "details") {
		body = `{"limits": {}, "quota": {}}`
	}
	if r.URL.Host == "load-balancer.example.org" {
		code = s.octavia
	}
	return &http.Response{StatusCode: code, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{"Content-Type": {"application/json"}}, Request: r}, nil
}

func (s small) Session(context.Context, cloud.Scope) (*gophercloud.ProviderClient, error) {
	return &gophercloud.ProviderClient{IdentityBase: "http://identity.example.org/", HTTPClient: http.Client{Transport: s},
		EndpointLocator: func(o gophercloud.EndpointOpts) (string, error) {
			if o.Type == "load-balancer" && s.octavia == 0 {
				return "", &gophercloud.ErrEndpointNotFound{}
			}
			return "http://" + o.Type + ".example.org/", nil
		}}, nil
}

func (s small) cloud() *Cloud {
	return New(Options{Sessions: func(Client) Sessions { return s }})
}

func TestACloudWithoutOctaviaSaysSoBeforeAnythingIsMade(t *testing.T) {
	c, scope := small{}.cloud(), cloud.Scope{Cluster: "1", Project: "p", Name: "demo"}
	_, ensured := c.EnsureBalancer(t.Context(), scope, cloud.BalancerSpec{Name: "demo"})
	for what, err := range map[string]error{"check": c.Check(t.Context(), scope, cloud.Demand{Balancer: true}), "ensure": ensured} {
		var e *jeroboam.Error
		if !errors.As(err, &e) || e.Kind != jeroboam.Unsupported || !strings.Contains(e.Detail, "Octavia") || e.Remedy == "" {
			t.Errorf("%s: got %v", what, err)
		}
	}
	if err := c.Check(t.Context(), scope, cloud.Demand{}); err != nil {
		t.Errorf("without a balancer: %v", err)
	}
	if err := c.Delete(t.Context(), scope, cloud.Object{Kind: jeroboam.KindBalancer, Name: "demo"}); err != nil {
		t.Errorf("delete: %v", err)
	}
}

func TestWhoMayNotUseOctaviaHasNoBalancersToDelete(t *testing.T) {
	scope := cloud.Scope{Cluster: "1", Project: "p", Name: "demo"}
	for _, s := range []struct {
		octavia int
		kind    jeroboam.Kind
	}{{http.StatusOK, ""}, {http.StatusForbidden, ""}, {http.StatusBadRequest, jeroboam.Invalid}} {
		if all, err := (small{s.octavia}).cloud().List(t.Context(), scope); jeroboam.KindOf(err) != s.kind || len(all) > 0 {
			t.Errorf("%d: got %v (%v)", s.octavia, all, err)
		}
	}
	shut := small{http.StatusForbidden}.cloud()
	_, ensured := shut.EnsureBalancer(t.Context(), scope, cloud.BalancerSpec{Name: "demo"})
	for what, err := range map[string]error{"check": shut.Check(t.Context(), scope, cloud.Demand{Balancer: true}), "ensure": ensured} {
		var e *jeroboam.Error
		if !errors.As(err, &e) || e.Kind != jeroboam.Forbidden || e.Remedy == "" {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

func TestTheLabelsOfABalancer(t *testing.T) {
	scope := cloud.Scope{Cluster: "1"}
	plain := octavia.Wish{Name: "demo", Mark: "jeroboam-cluster=1", Subnet: "s", Port: 6443, Algorithm: "ROUND_ROBIN", Monitored: true}
	for name, test := range map[string]struct {
		labels map[string]string
		public bool
		change func(*octavia.Wish)
	}{
		"none":             {nil, true, func(*octavia.Wish) {}},
		"OVN":              {map[string]string{"octavia_provider": "ovn"}, true, func(w *octavia.Wish) { w.Provider, w.Algorithm = "ovn", "SOURCE_IP_PORT" }},
		"an algorithm":     {map[string]string{"octavia_lb_algorithm": "SOURCE_IP"}, true, func(w *octavia.Wish) { w.Algorithm = "SOURCE_IP" }},
		"no monitor":       {map[string]string{"octavia_lb_healthcheck": "False"}, true, func(w *octavia.Wish) { w.Monitored = false }},
		"callers":          {map[string]string{"master_lb_allowed_cidrs": "192.0.2.0/24, 198.51.100.0/24"}, true, func(w *octavia.Wish) { w.Allowed = []string{"192.0.2.0/24", "198.51.100.0/24", "10.0.0.0/24"} }},
		"a fixed address":  {map[string]string{"master_lb_floating_ip_enabled": "False"}, false, func(*octavia.Wish) {}},
		"a floating one":   {map[string]string{"master_lb_floating_ip_enabled": "true"}, true, func(*octavia.Wish) {}},
		"what it had":      {map[string]string{"": "10.0.0.9"}, true, func(w *octavia.Wish) { w.Address = "10.0.0.9" }},
		"of other matters": {map[string]string{"fixed_subnet_cidr": "10.1.0.0/24"}, true, func(*octavia.Wish) {}},
	} {
		spec := cloud.BalancerSpec{Name: "demo", Port: 6443, Network: cloud.Network{Subnet: "s", CIDR: "10.0.0.0/24"}, Labels: test.labels, Address: test.labels[""],
			Public: cloud.Public{FloatingIP: name != "a floating one", ExternalNetwork: "e"}}
		want := plain
		test.change(&want)
		if got := wishOf(scope, spec); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
		if got, want := publicOf(spec), (cloud.Public{FloatingIP: test.public, ExternalNetwork: "e"}); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}
