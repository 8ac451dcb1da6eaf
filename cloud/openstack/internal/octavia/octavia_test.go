package octavia

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/jeroboam-cloud/jeroboam"
)

// fake is an Octavia with at most one load balancer, in whose provider this and
// that can be wrong.
type fake struct {
	refuses  int            // status with which it refuses a whole load balancer
	forgets  bool           // leaves the parts of a whole one out
	late     int            // so many looks after the load balancer its parts are done
	becomes  string         // state of what is made; "": ACTIVE
	answers  map[string]int // statuses of other calls, by method and path
	balancer map[string]any
	listener map[string]any
	pool     map[string]any
	monitor  map[string]any
	members  []any
	calls    []string
}

func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	call := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/lbaas/")
	f.calls = append(f.calls, call)
	var in map[string]map[string]any
	var list map[string][]any
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if json.Unmarshal(body, &in) != nil {
			if err := json.Unmarshal(body, &list); err != nil {
				return nil, err
			}
		}
	}
	code, out := f.serve(call, in, list)
	body, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: code, Body: io.NopCloser(bytes.NewReader(body)), Header: http.Header{}, Request: r}, nil
}

func (f *fake) serve(call string, in map[string]map[string]any, list map[string][]any) (int, any) {
	if code := f.answers[call]; code != 0 {
		return code, map[string]any{"faultcode": "Client", "faultstring": "Load Balancer 1 is immutable and cannot be updated."}
	}
	status := "ACTIVE"
	if f.becomes != "" {
		status = f.becomes
	}
	switch call {
	case "POST loadbalancers":
		return f.create(in["loadbalancer"], status)
	case "GET loadbalancers/1":
		return http.StatusOK, map[string]any{"loadbalancer": f.balancer}
	case "GET loadbalancers/1/status":
		return http.StatusOK, f.tree()
	case "DELETE loadbalancers/1":
		f.balancer, f.listener, f.pool, f.monitor, f.members = nil, nil, nil, nil, nil
		return http.StatusNoContent, nil
	case "POST listeners":
		f.listen(in["listener"], "ACTIVE")
		return http.StatusCreated, map[string]any{"listener": f.listener}
	case "GET listeners/2":
		return http.StatusOK, map[string]any{"listener": f.listener}
	case "PUT listeners/2":
		maps.Copy(f.listener, in["listener"])
		return http.StatusOK, map[string]any{"listener": f.listener}
	case "POST pools":
		f.pool = map[string]any{"id": "3", "provisioning_status": "ACTIVE"}
		return http.StatusCreated, map[string]any{"pool": map[string]any{"id": "3"}}
	case "POST healthmonitors":
		f.monitor = map[string]any{"id": "4", "provisioning_status": "ACTIVE"}
		return http.StatusCreated, map[string]any{"healthmonitor": map[string]any{"id": "4"}}
	case "PUT pools/3/members":
		f.members = list["members"]
		return http.StatusAccepted, nil
	}
	return http.StatusNotFound, nil
}

func (f *fake) create(wish map[string]any, status string) (int, any) {
	if parts, whole := wish["listeners"].([]any); whole {
		if f.refuses != 0 {
			return f.refuses, map[string]any{"faultcode": "Server", "faultstring": "Provider 'plain' does not support a requested action."}
		}
		of := "ACTIVE"
		if f.forgets || f.late > 0 {
			of = "PENDING_CREATE"
		}
		f.listen(parts[0].(map[string]any), of)
		f.pool = map[string]any{"id": "3", "provisioning_status": of}
		pool := parts[0].(map[string]any)["default_pool"].(map[string]any)
		if pool["healthmonitor"] != nil {
			f.monitor = map[string]any{"id": "4", "provisioning_status": of}
		}
		f.members, _ = pool["members"].([]any)
	}
	address, asked := wish["vip_address"]
	if !asked {
		address = "10.0.0.7"
	}
	f.balancer = map[string]any{"id": "1", "name": wish["name"], "description": wish["description"], "provisioning_status": status, "vip_address": address, "vip_port_id": "p"}
	return http.StatusCreated, map[string]any{"loadbalancer": f.balancer}
}

func (f *fake) listen(wish map[string]any, status string) {
	f.listener = map[string]any{"id": "2", "provisioning_status": status, "admin_state_up": true, "allowed_cidrs": wish["allowed_cidrs"]}
}

func (f *fake) tree() any {
	if f.late--; f.late == 0 {
		for _, part := range []map[string]any{f.listener, f.pool, f.monitor} {
			part["provisioning_status"] = "ACTIVE"
		}
	}
	listeners := []any{}
	if f.listener != nil {
		pools := []any{}
		if f.pool != nil {
			f.pool["members"], f.pool["health_monitor"] = f.members, f.monitor
			pools = append(pools, f.pool)
		}
		f.listener["pools"] = pools
		listeners = append(listeners, f.listener)
	}
	return map[string]any{"statuses": map[string]any{"loadbalancer": map[string]any{
		"provisioning_status": f.balancer["provisioning_status"], "listeners": listeners}}}
}

func (f *fake) octavia(habits *Habits) Octavia {
	provider := &gophercloud.ProviderClient{HTTPClient: http.Client{Transport: f}}
	return Octavia{Habits: habits, Client: &gophercloud.ServiceClient{ProviderClient: provider, Endpoint: "http://octavia.example.org/"}}
}

// have are those that a list shows.
func (f *fake) have(t *testing.T) (all []LoadBalancer) {
	t.Helper()
	if f.balancer == nil {
		return nil
	}
	text, err := json.Marshal([]any{f.balancer})
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// addresses are those of the members.
func (f *fake) addresses() (all []string) {
	for _, m := range f.members {
		all = append(all, fmt.Sprint(m.(map[string]any)["address"]))
	}
	return all
}

func wish(members ...string) Wish {
	return Wish{Name: "demo", Mark: "jeroboam-cluster=1", Subnet: "s", Port: 6443, Members: members, Algorithm: "ROUND_ROBIN", Monitored: true}
}

func (f *fake) said(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(f.calls, want) {
		t.Errorf("the calls were\n%q, want\n%q", f.calls, want)
	}
	f.calls = nil
}

func TestALoadBalancerIsMadeInOneCallAndItsMembersSetInAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		o := f.octavia(new(Habits))
		for _, step := range []struct {
			members []string
			calls   []string
		}{
			{nil, []string{"POST loadbalancers", "GET loadbalancers/1/status", "GET listeners/2"}},
			{nil, []string{"GET loadbalancers/1/status", "GET listeners/2"}},
			{[]string{"10.0.0.4", "10.0.0.3"}, []string{"GET loadbalancers/1/status", "PUT pools/3/members", "GET loadbalancers/1", "GET loadbalancers/1/status", "GET listeners/2"}},
			{[]string{"10.0.0.3", "10.0.0.4"}, []string{"GET loadbalancers/1/status", "GET listeners/2"}},
			{[]string{"10.0.0.4"}, []string{"GET loadbalancers/1/status", "PUT pools/3/members", "GET loadbalancers/1", "GET loadbalancers/1/status", "GET listeners/2"}},
		} {
			b, err := o.Ensure(t.Context(), wish(step.members...), f.have(t))
			if err != nil || b.ID != "1" || b.VipAddress != "10.0.0.7" || len(f.members) != len(step.members) {
				t.Errorf("got %+v with %v (%v)", b, f.members, err)
			}
			f.said(t, step.calls...)
		}
	})
}

func TestAProviderThatTakesNoWholeLoadBalancerIsGivenItsParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{refuses: http.StatusNotImplemented}
		habits := new(Habits)
		parts := []string{"POST loadbalancers", "GET loadbalancers/1/status", "POST listeners", "GET loadbalancers/1", "GET loadbalancers/1/status",
			"POST pools", "GET loadbalancers/1", "GET loadbalancers/1/status", "POST healthmonitors", "GET loadbalancers/1", "GET loadbalancers/1/status",
			"PUT pools/3/members", "GET loadbalancers/1", "GET loadbalancers/1/status", "GET listeners/2"}
		for _, calls := range [][]string{append([]string{"POST loadbalancers"}, parts...), parts} { // the second time it is known
			if _, err := f.octavia(habits).Ensure(t.Context(), wish("10.0.0.3"), nil); err != nil {
				t.Fatal(err)
			}
			f.said(t, calls...)
			*f = fake{refuses: f.refuses}
		}
	})
}

func TestWhatAProviderLeftOutIsMadeByParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{forgets: true}
		o := f.octavia(new(Habits))
		_, err := o.Ensure(t.Context(), wish(), nil)
		if e, ok := jeroboam.AsError(err); !ok || e.Kind != jeroboam.Unavailable || !strings.Contains(e.Detail, "left out a part (2)") || f.balancer != nil {
			t.Fatalf("got %v, and %v is left", err, f.balancer)
		}
		if _, err := o.Ensure(t.Context(), wish("10.0.0.3"), nil); err != nil || !slices.Equal(f.addresses(), []string{"10.0.0.3"}) {
			t.Errorf("got %v with %v", err, f.members)
		}
	})
}

func TestPartsMayBeDoneAfterTheirLoadBalancer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{late: 5}
		if _, err := f.octavia(new(Habits)).Ensure(t.Context(), wish("10.0.0.3"), nil); err != nil {
			t.Error(err)
		}
		look := "GET loadbalancers/1/status"
		f.said(t, "POST loadbalancers", look, look, look, look, look, "GET listeners/2")
		f.late = 5
		f.listener["provisioning_status"] = "PENDING_CREATE"
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err := f.octavia(new(Habits)).Ensure(ctx, wish("10.0.0.3"), f.have(t)); jeroboam.KindOf(err) != jeroboam.Unavailable || f.balancer == nil {
			t.Errorf("who gave up got %v, and %v is left", err, f.balancer)
		}
	})
}

func TestALoadBalancerThatFailedIsToldOfAndMadeAnewWithItsAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		o := f.octavia(new(Habits))
		first, err := o.Ensure(t.Context(), wish("10.0.0.3"), nil)
		if err != nil {
			t.Fatal(err)
		}
		spoil := map[string]func(){
			"itself":     func() { f.balancer["provisioning_status"] = "ERROR" },
			"a listener": func() { f.listener["provisioning_status"] = "ERROR" },
			"a pool":     func() { f.pool["provisioning_status"] = "ERROR" },
		}
		for name, happens := range spoil {
			happens()
			want := wish("10.0.0.3")
			want.Address = "10.0.0.99" // that it had, says who remembers
			_, err := o.Ensure(t.Context(), want, f.have(t))
			if e, ok := jeroboam.AsError(err); !ok || e.Kind != jeroboam.Unavailable || e.Reason != "balancer-error" || e.Remedy == "" || f.balancer != nil {
				t.Errorf("%s: got %v, and %v is left", name, err, f.balancer)
			}
			if again, err := o.Ensure(t.Context(), want, f.have(t)); err != nil || again.VipAddress != want.Address || again.VipAddress == first.VipAddress {
				t.Errorf("%s: got %+v (%v)", name, again, err)
			}
		}
	})
}

func TestWhatOctaviaIsAtWorkOnIsWaitedForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{becomes: "PENDING_CREATE"}
		o := f.octavia(new(Habits))
		began := time.Now()
		_, err := o.Ensure(t.Context(), wish(), nil)
		if e, ok := jeroboam.AsError(err); !ok || e.Kind != jeroboam.Unavailable || !strings.Contains(e.Detail, "PENDING_CREATE") || e.Remedy == "" {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took < patience || took > patience+2*between {
			t.Errorf("it was waited for %v", took)
		}
		f.balancer["provisioning_status"] = "PENDING_DELETE"
		_, err = o.Ensure(t.Context(), wish(), f.have(t))
		if e, ok := jeroboam.AsError(err); !ok || e.Reason != "deleting" {
			t.Errorf("got %v", err)
		}
	})
}

func TestARefusalIsToldInOctaviasWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answers: map[string]int{"PUT pools/3/members": http.StatusConflict, "DELETE loadbalancers/1": http.StatusConflict}}
		o := f.octavia(new(Habits))
		if _, err := o.Ensure(t.Context(), wish(), nil); err != nil {
			t.Fatal(err)
		}
		_, err := o.Ensure(t.Context(), wish("10.0.0.3"), f.have(t))
		for what, err := range map[string]error{"change": err, "delete": o.Delete(t.Context(), f.have(t)[0])} {
			if jeroboam.KindOf(err) != jeroboam.Unavailable || !strings.Contains(err.Error(), "is immutable and cannot be updated") {
				t.Errorf("%s: got %v", what, err)
			}
		}
		f.answers = map[string]int{"POST loadbalancers": http.StatusBadRequest}
		if _, err := o.Ensure(t.Context(), wish(), nil); jeroboam.KindOf(err) != jeroboam.Invalid || !o.Habits.takesWhole("") {
			t.Errorf("got %v; whole ones are tried again: %v", err, o.Habits.takesWhole(""))
		}
	})
}

func TestOfTwoLoadBalancersOneGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		o := f.octavia(new(Habits))
		kept, err := o.Ensure(t.Context(), wish(), nil)
		if err != nil {
			t.Fatal(err)
		}
		f.calls = nil
		if b, err := o.Ensure(t.Context(), wish(), append(f.have(t), LoadBalancer{ID: "9"})); err != nil || b.ID != kept.ID {
			t.Errorf("got %+v (%v)", b, err)
		}
		f.said(t, "DELETE loadbalancers/9", "GET loadbalancers/1/status", "GET listeners/2")
	})
}

func TestAListenerThatSomebodyChangedIsSetRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, test := range map[string]struct {
			wanted, by []string // callers, and those that somebody else wrote
			down       bool
			want       map[string]any // of the update; nil: there is none
		}{
			"as it should be":     {wanted: []string{"192.0.2.0/24", "10.0.0.0/24"}, by: []string{"10.0.0.0/24", "192.0.2.7/24"}},
			"for everybody":       {by: []string{}},
			"opened":              {wanted: []string{"192.0.2.0/24"}, want: map[string]any{"allowed_cidrs": []any{"192.0.2.0/24"}}},
			"others let in":       {wanted: []string{"192.0.2.0/24"}, by: []string{"192.0.2.0/24", "0.0.0.0/0"}, want: map[string]any{"allowed_cidrs": []any{"192.0.2.0/24"}}},
			"closed":              {by: []string{"192.0.2.0/24"}, want: map[string]any{"allowed_cidrs": []any{}}},
			"taken out of use":    {down: true, want: map[string]any{"admin_state_up": true}},
			"that and closed too": {by: []string{"192.0.2.0/24"}, down: true, want: map[string]any{"allowed_cidrs": []any{}, "admin_state_up": true}},
		} {
			f := &fake{}
			o := f.octavia(new(Habits))
			w := wish("10.0.0.3")
			w.Allowed = test.wanted
			if _, err := o.Ensure(t.Context(), w, nil); err != nil {
				t.Fatal(err)
			}
			f.listener["allowed_cidrs"], f.listener["admin_state_up"], f.calls = test.by, !test.down, nil
			want := maps.Clone(f.listener)
			maps.Copy(want, test.want)
			_, err := o.Ensure(t.Context(), w, f.have(t))
			if err != nil || !reflect.DeepEqual(f.listener, want) || slices.Contains(f.calls, "PUT listeners/2") != (test.want != nil) {
				t.Errorf("%s: the listener is %v, want %v after %q (%v)", name, f.listener, want, f.calls, err)
			}
		}
	})
}
