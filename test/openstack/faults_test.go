package openstack

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"golang.org/x/sync/errgroup"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/test/openstack/faults"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

// A life has so many faults; so many live at the same time.
const (
	faultsPerLife = 20
	livesAtOnce   = 25
)

// trouble is a house whose cloud is spoilt, and what became of its clusters.
type trouble struct {
	*house
	proxy    *faults.Proxy
	template string
	nova     *gophercloud.ServiceClient // as the administrator, past the proxy
	neutron  *gophercloud.ServiceClient
	octavia  *gophercloud.ServiceClient

	mu      sync.Mutex
	stopped []string // states in which clusters had to be told to go on
}

// setting is a number that the environment may set.
func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestRealClustersLiveThroughFaults creates, resizes and deletes clusters while
// the cloud's answers are spoilt: 10 of them, or JEROBOAM_TEST_LIVES, the first
// and every tenth behind a balancer. The dice are JEROBOAM_TEST_SEED's.
func TestRealClustersLiveThroughFaults(t *testing.T) {
	testbed.Long(t)
	lives, seed := setting(t, "JEROBOAM_TEST_LIVES", 10), setting(t, "JEROBOAM_TEST_SEED", 1)
	tr := &trouble{}
	tr.house = openBehind(t, func(k *testbed.Keystone) string {
		var services []string
		for _, name := range []string{"keystone", "glance", "nova", "neutron", "cinder", "octavia"} {
			services = append(services, k.Address(name))
		}
		slices.Sort(services) // some have them all at one address
		tr.proxy = faults.Open(t, uint64(seed), slices.Compact(services)...)
		at := k.Address("keystone")
		return tr.proxy.Front(at) + strings.TrimPrefix(k.URL, at)
	})
	tr.nova, tr.neutron, tr.octavia = tr.keystone.Nova(tr.project), tr.keystone.Neutron(tr.project), tr.keystone.Octavia(tr.project)
	tr.nova.Microversion = "2.67"
	before, no := tr.everything(), false
	tr.template = tr.house.template(wire.TemplateCreate{Name: "t", ExternalNetworkID: tr.things.External, FloatingIPEnabled: &no,
		Labels: map[string]string{"server_group_policies": "soft-anti-affinity", "master_lb_floating_ip_enabled": "true", "etcd_volume_size": "1"}})
	began := time.Now()
	var all errgroup.Group
	all.SetLimit(livesAtOnce)
	for i := range lives {
		all.Go(func() error {
			if err := tr.live(t.Context(), i); err != nil {
				t.Error(err)
			}
			return nil
		})
	}
	all.Wait() // the errors are told
	tr.proxy.Stop()
	tr.clear()
	each, sum, calls := tr.proxy.Count()
	t.Logf("%d lives, %d faults in %d calls, %.0f s; told to go on: %q; %v", lives, sum, calls, time.Since(began).Seconds(), tr.stopped, each)
	if sum < lives*faultsPerLife {
		t.Errorf("there were %d faults, want %d", sum, lives*faultsPerLife)
	}
	if after := tr.everything(); !slices.Equal(after, before) {
		t.Errorf("before %q\nafter  %q", before, after)
	}
}

// clear deletes what a life that failed has left.
func (tr *trouble) clear() {
	tr.Helper()
	left, err := tr.client.Clusters(tr.Context())
	if err != nil {
		tr.Fatal(err)
	}
	for _, c := range left {
		tr.delete(c.UUID)
	}
}

// live is one life, of whose cluster each machine must be there once at the ends
// of creating and resizing.
func (tr *trouble) live(ctx context.Context, i int) error {
	tr.proxy.Allow(faultsPerLife)
	masters, nodes, name := 1, 1+i%2, fmt.Sprintf("trouble-%d", i)
	balanced := i%10 == 0
	if balanced {
		masters = 3
	}
	var id string
	steps := []struct {
		what string
		want jeroboam.State
		ask  func() error
	}{
		{"create", jeroboam.CreateComplete, func() (err error) {
			id, err = tr.client.CreateCluster(ctx, wire.ClusterCreate{Name: name, ClusterTemplateID: tr.template,
				MasterCount: &masters, NodeCount: &nodes, MasterLBEnabled: &balanced})
			return err
		}},
		{"resize", jeroboam.UpdateComplete, func() error {
			_, err := tr.client.ResizeCluster(ctx, id, wire.Resize{NodeCount: 3 - nodes})
			return err
		}},
		{"delete", "", func() error { return tr.client.DeleteCluster(ctx, id, "") }},
	}
	for _, s := range steps {
		if err := tr.insist(ctx, s.ask); err != nil {
			return fmt.Errorf("%s %s: %w", s.what, name, err)
		}
		if err := tr.until(ctx, id, s.want); err != nil {
			return fmt.Errorf("%s %s: %w", s.what, name, err)
		}
		if err := tr.once(ctx, id); err != nil {
			return fmt.Errorf("%s %s: %w", s.what, name, err)
		}
	}
	return nil
}

// insist asks again what the service could not do because its cloud did not
// answer, as it tells its callers to.
func (tr *trouble) insist(ctx context.Context, ask func() error) error {
	for n := 1; ; n++ {
		err := ask()
		if err == nil || n == 20 || !slices.Contains([]jeroboam.Kind{jeroboam.Unavailable, jeroboam.NotFound, jeroboam.Invalid, jeroboam.Forbidden}, jeroboam.KindOf(err)) {
			return err
		}
	}
}

// until waits for the state. A cluster that comes to another end is told to go
// on, as a person would.
func (tr *trouble) until(ctx context.Context, id string, want jeroboam.State) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		c, err := tr.client.Cluster(ctx, id)
		switch {
		case want == "" && jeroboam.KindOf(err) == jeroboam.NotFound:
			return nil
		case err != nil:
			return err
		case c.Status == want:
			return nil
		case c.Status.Failed():
			tr.note(fmt.Sprintf("%s: %v", c.Status, c.StatusReason))
			if _, err := tr.client.RetryCluster(ctx, id); err != nil {
				return err
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("it is still %s: %v", c.Status, c.StatusReason)
		}
	}
}

func (tr *trouble) note(what string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.stopped = append(tr.stopped, what)
}

// once asks the cloud, and not the proxy, whether something is there twice.
func (tr *trouble) once(ctx context.Context, cluster string) error {
	seen := map[string]bool{}
	for _, kind := range []struct {
		client    *gophercloud.ServiceClient
		key, path string
	}{
		{tr.nova, "servers", "servers?tags=jeroboam-cluster%3D" + cluster},
		{tr.neutron, "ports", "ports?description=jeroboam-cluster%3D" + cluster},
		{tr.neutron, "networks", "networks?description=jeroboam-cluster%3D" + cluster},
		{tr.neutron, "routers", "routers?description=jeroboam-cluster%3D" + cluster},
		{tr.octavia, "loadbalancers", "lbaas/loadbalancers?description=jeroboam-cluster%3D" + cluster},
		{tr.neutron, "security_groups", "security-groups?description=jeroboam-cluster%3D" + cluster},
	} {
		names, err := names(ctx, kind.client, kind.path, kind.key, "")
		if err != nil {
			return err
		}
		for _, name := range names {
			one := kind.key + " " + strings.Split(name, "/")[0]
			if seen[one] {
				return fmt.Errorf("there are two: %s", one)
			}
			seen[one] = true
		}
	}
	return nil
}
