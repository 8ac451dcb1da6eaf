package openstack_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/quotasets"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	cloudopenstack "github.com/jeroboam-cloud/jeroboam/cloud/openstack"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

// life is a cluster on the testbed that the test takes away again.
type life struct {
	site
	cloud *cloudopenstack.Cloud
	scope cloud.Scope
}

func (s site) life(name string, c *cloudopenstack.Cloud) life {
	l := life{site: s, cloud: c, scope: cloud.Scope{Cluster: uuid.NewString(), Project: s.project, Name: name}}
	s.Cleanup(l.clear)
	return l
}

// clear deletes what there is, in as many calls as it takes.
func (l life) clear() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	for {
		objects, err := l.cloud.List(ctx, l.scope)
		if err == nil && len(objects) == 0 {
			return
		}
		for _, o := range objects { // machines come before the network
			if err := l.cloud.Delete(ctx, l.scope, o); err != nil && jeroboam.KindOf(err) != jeroboam.Unavailable {
				l.Error(err)
			}
		}
		if ctx.Err() != nil {
			l.Fatalf("%v is left (%v)", objects, err)
		}
	}
}

// again repeats a call that may be repeated, as the engine would.
func again[T any](l life, do func(context.Context) (T, error)) T {
	l.Helper()
	for n := 1; ; n++ {
		v, err := do(l.Context())
		if err == nil {
			return v
		}
		if jeroboam.KindOf(err) != jeroboam.Unavailable || n > 30 {
			l.Fatalf("attempt %d: %v", n, err)
		}
	}
}

func (l life) network() cloud.Network {
	l.Helper()
	return again(l, func(ctx context.Context) (cloud.Network, error) {
		return l.cloud.EnsureNetwork(ctx, l.scope, cloud.NetworkSpec{Name: l.scope.Name, APIPort: 6443})
	})
}

func (l life) spec(name string, n cloud.Network) cloud.MachineSpec {
	l.Helper()
	spec := cloud.MachineSpec{ID: uuid.NewString(), Name: name, Role: jeroboam.RoleMaster, Group: "g", Network: n,
		Routed: []string{"10.100.0.0/16"}, UserData: func() ([]byte, error) { return []byte("{}"), nil }}
	spec.Flavor = again(l, func(ctx context.Context) (jeroboam.Flavor, error) {
		return l.cloud.FindFlavor(ctx, l.project, "m1.tiny")
	})
	spec.Image = again(l, func(ctx context.Context) (jeroboam.Image, error) {
		return l.cloud.FindImage(ctx, l.project, "fedora-coreos")
	})
	return spec
}

func (l life) ensure(spec cloud.MachineSpec) (cloud.Machine, error) {
	l.Helper()
	for {
		m, err := l.cloud.EnsureMachine(l.Context(), l.scope, spec)
		if e, ok := jeroboam.AsError(err); !ok || e.Reason != "deleting" {
			return m, err
		}
	}
}

// lossy sessions lose the answer to every first call of a kind that makes
// something: the cloud has done it, and nobody hears.
type lossy struct {
	auth   gophercloud.AuthOptions
	client cloudopenstack.Client

	mu   sync.Mutex
	lost map[string]bool
	open map[string]*gophercloud.ProviderClient
}

func (l *lossy) Session(ctx context.Context, scope cloud.Scope) (*gophercloud.ProviderClient, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.open[scope.Project]; p != nil {
		return p, nil
	}
	p, err := openstack.NewClient(l.auth.IdentityEndpoint)
	if err != nil {
		return nil, err
	}
	auth := l.auth
	if scope.Project != "" {
		auth.Scope = &gophercloud.AuthScope{ProjectID: scope.Project}
	}
	p.HTTPClient = l.client
	if err := openstack.Authenticate(ctx, p, auth); err != nil {
		return nil, err
	}
	p.HTTPClient.Transport = l
	l.open[scope.Project] = p
	return p, nil
}

func (l *lossy) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := l.client.Transport.RoundTrip(r)
	l.mu.Lock()
	defer l.mu.Unlock()
	kind := r.Method + " " + r.URL.Host + r.URL.Path
	if err == nil && r.Method != http.MethodGet && response.StatusCode < 300 && !l.lost[kind] {
		l.lost[kind] = true
		return nil, errors.New("the answer was lost")
	}
	return response, err
}

func TestRealAnswersThatAreLostDoubleNothing(t *testing.T) {
	testbed.Long(t)
	s := open(t)
	o := s.options()
	l := &lossy{auth: o.Auth, lost: map[string]bool{}, open: map[string]*gophercloud.ProviderClient{}}
	o.Sessions = func(client cloudopenstack.Client) cloudopenstack.Sessions { l.client = client; return l }
	c := cloudopenstack.New(o)
	t.Cleanup(c.CloseIdle)
	life := s.life("lossy", c)
	n := life.network()
	spec := life.spec("lossy-master-0", n)
	spec.Volumes = disks()
	m := again(life, func(ctx context.Context) (cloud.Machine, error) { return c.EnsureMachine(ctx, life.scope, spec) })
	front := cloud.BalancerSpec{Name: "lossy", Network: n, Port: 6443, Backends: []string{m.Address}, Public: cloud.Public{FloatingIP: true}}
	b := again(life, func(ctx context.Context) (cloud.Balancer, error) { return c.EnsureBalancer(ctx, life.scope, front) })
	objects, err := c.List(t.Context(), life.scope)
	if err != nil {
		t.Fatal(err)
	}
	want := []cloud.Object{{Kind: jeroboam.KindMachine, Name: spec.Name, ID: spec.ID, CloudID: m.CloudID},
		{Kind: jeroboam.KindBalancer, Name: front.Name, CloudID: b.CloudID},
		{Kind: jeroboam.KindNetwork, Name: "lossy", CloudID: n.ID}}
	if fmt.Sprint(objects) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", objects, want)
	}
	if len(l.lost) < 6 {
		t.Errorf("only %d answers were lost: %v", len(l.lost), l.lost)
	}
	if left := s.volumes(); len(left) != 2 {
		t.Errorf("there are the volumes %v", left)
	}
	life.clear()
}

// TestARealBalancerThatFailedComesBackWithItsAddresses: who has certificates for
// them, or calls them, does not notice.
func TestARealBalancerThatFailedComesBackWithItsAddresses(t *testing.T) {
	testbed.Long(t)
	s := open(t)
	life := s.life("front", s.cloud())
	spec := cloud.BalancerSpec{Name: "front", Network: life.network(), Port: 6443, Backends: []string{"10.0.0.200"}, Public: cloud.Public{FloatingIP: true}}
	ensure := func(ctx context.Context) (cloud.Balancer, error) {
		return life.cloud.EnsureBalancer(ctx, life.scope, spec)
	}
	first := again(life, ensure)
	if !strings.HasPrefix(first.Address, "10.0.0.") || !strings.HasPrefix(first.Public, "172.24.4.") {
		t.Errorf("got %+v", first)
	}
	if err := s.provider.Break(first.CloudID); err != nil {
		t.Fatal(err)
	}
	spec.Address, spec.Public.Address = first.Address, first.Public
	_, err := ensure(t.Context())
	if e, ok := jeroboam.AsError(err); !ok || e.Reason != "balancer-error" || !strings.Contains(e.Detail, first.CloudID) {
		t.Errorf("got %v", err)
	}
	second := again(life, ensure)
	if second.CloudID == first.CloudID || second.Address != first.Address || second.Public != first.Public {
		t.Errorf("got %+v, and before it failed %+v", second, first)
	}
	scopes, err := life.cloud.Clusters(t.Context())
	if err != nil || !slices.Contains(scopes, life.scope) {
		t.Errorf("%v is not among %v (%v)", life.scope, scopes, err)
	}
	life.clear()
}

func TestARealServerThatFindsNoHostIsToldOfAndMadeWhenItDoes(t *testing.T) {
	testbed.Long(t)
	s := open(t)
	life := s.life("crowded", s.cloud())
	n := life.network()
	first, second := life.spec("crowded-master-0", n), life.spec("crowded-master-1", n) // the testbed has one host
	second.Volumes = disks()
	if _, err := life.ensure(first); err != nil {
		t.Fatal(err)
	}
	made, err := life.ensure(second)
	if err != nil {
		t.Fatal(err)
	}
	var fault error
	for fault == nil || strings.Contains(fault.Error(), "tells no reason") { // it was being built before
		_, fault = life.ensure(second)
	}
	e, ok := jeroboam.AsError(fault)
	if !ok || e.Kind != jeroboam.QuotaExceeded || !strings.Contains(e.Detail, "req-") || !strings.Contains(e.Detail, made.CloudID) {
		t.Fatalf("got %+v, want a fault with the server and its request", fault)
	}
	if !strings.Contains(e.Detail, "No valid host") || e.Remedy == "" {
		t.Errorf("got %q with the remedy %q", e.Detail, e.Remedy)
	}
	for {
		err := life.cloud.Delete(t.Context(), life.scope, cloud.Object{Kind: jeroboam.KindMachine, Name: first.Name})
		if err == nil {
			break
		}
		if jeroboam.KindOf(err) != jeroboam.Unavailable {
			t.Fatal(err)
		}
	}
	if m, err := life.ensure(second); err != nil || m.Address != made.Address || m.Volumes["etcd"] != made.Volumes["etcd"] {
		t.Errorf("got %+v (%v), want the address and etcd's volume of %+v again", m, err, made)
	}
}

func TestARealTokenThatEndedIsRenewed(t *testing.T) {
	s := open(t)
	o := s.options()
	var session *gophercloud.ProviderClient
	o.Sessions = func(client cloudopenstack.Client) cloudopenstack.Sessions {
		return spy{cloudopenstack.Logins(s.options(), client), &session}
	}
	c := cloudopenstack.New(o)
	t.Cleanup(c.CloseIdle)
	life := s.life("stale", c)
	if _, err := c.List(t.Context(), life.scope); err != nil {
		t.Fatal(err)
	}
	session.SetToken("ended")
	if _, err := c.List(t.Context(), life.scope); err != nil || session.Token() == "ended" {
		t.Errorf("the token is %q (%v)", session.Token(), err)
	}
}

// spy notes the last session.
type spy struct {
	cloudopenstack.Sessions
	session **gophercloud.ProviderClient
}

func (s spy) Session(ctx context.Context, scope cloud.Scope) (*gophercloud.ProviderClient, error) {
	p, err := s.Sessions.Session(ctx, scope)
	*s.session = p
	return p, err
}

func TestARealQuotaOfServerGroupsStopsNoWorker(t *testing.T) {
	testbed.Long(t)
	s := open(t)
	name := s.NewProject("groups")
	s.LetAdminIn(name)
	s.project = s.Project(name)
	one := 1
	nova := s.Nova("admin")
	if err := quotasets.Update(t.Context(), nova, s.project, quotasets.UpdateOpts{ServerGroupMembers: &one, ServerGroups: &one}).Err; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := quotasets.Delete(context.Background(), nova, s.project).Err; err != nil {
			t.Error(err)
		}
	})
	life := s.life("groups", s.cloud())
	n := life.network()
	for i, group := range []string{"g", "g", "h"} { // the second is one too many in g, the third needs one too many
		spec := life.spec(fmt.Sprintf("groups-worker-%d", i), n)
		spec.Role, spec.Group = jeroboam.RoleWorker, group
		if _, err := life.ensure(spec); err != nil {
			t.Error(err)
		}
	}
}
