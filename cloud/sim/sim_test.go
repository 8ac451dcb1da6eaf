package sim

import (
	"reflect"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/cloudtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	cloudtest.Run(t, func(t *testing.T) cloudtest.Harness {
		c := New(Options{Quota: 6, Credentials: true})
		stop := func(m cloud.Machine) {
			for cluster, tenant := range c.world {
				if tenant.machines[m.Name] != nil {
					if err := c.Kill(cluster, m.Name); err != nil {
						t.Error(err)
					}
				}
			}
		}
		beget := func(scope cloud.Scope, _ cloud.Network) {
			for _, make := range makers {
				c.Beget(scope.Cluster, make(scope.Cluster)...)
			}
			c.Beget(scope.Cluster, made(jeroboam.KindSecurityGroup, "lb-sg", scope.Cluster, 0, "default/web"), made(jeroboam.KindPort, "stray", scope.Cluster, 0, ""))
		}
		return cloudtest.Harness{Beget: beget, Open: func() cloud.Cloud { return c }, Stop: stop, Flavor: "small", Image: "sim",
			Full: &cloud.Demand{Machines: make([]cloud.MachineSpec, 7)}}
	})
}

func TestACloudRemembersWhatItHeldBeforeItsProcessEnded(t *testing.T) {
	scope := cloud.Scope{Cluster: "c1", Project: "p1", Name: "demo"}
	line := func(kind, name, id string) jeroboam.Resource {
		return jeroboam.Resource{Kind: kind, Name: name, CloudID: id, State: jeroboam.ResourceMade}
	}
	intended := line(jeroboam.KindMachine, "w1", "")
	intended.State = jeroboam.ResourceIntended
	joined := jeroboam.MachineStatus{Address: "10.64.16.2", JoinedAt: time.Now(), AppliedConfig: "digest"}
	c := New(Options{})
	c.Remember(scope, []jeroboam.Resource{
		line(jeroboam.KindNetwork, "net", "net-1"), line(jeroboam.KindMachine, "m0", "sim-1"), line(jeroboam.KindMachine, "w0", "sim-2"), intended,
	}, []jeroboam.Machine{
		{ID: "1", Name: "m0", Role: jeroboam.RoleMaster, Status: joined}, {ID: "2", Name: "w0", Role: jeroboam.RoleWorker}, {ID: "3", Name: "w1"},
	})
	c.Remember(cloud.Scope{Cluster: "c2"}, nil, nil)
	got, err := c.Machines(t.Context(), scope)
	want := []cloud.Machine{{ID: "1", CloudID: "sim-1", Name: "m0", Address: "10.64.16.2", State: cloud.Active}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want those that had joined: %+v (%v)", got, want, err)
	}
	if !c.Answers("c1") || !reflect.DeepEqual(c.Nodes("c1"), map[string]bool{"m0": true}) {
		t.Errorf("the cluster's API does not answer, or has other nodes: %v", c.Nodes("c1"))
	}
	if held, err := c.Clusters(t.Context()); err != nil || len(held) != 1 {
		t.Errorf("held for %v (%v)", held, err)
	}
}
