package sim

import (
	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// Remember gives the cloud back what it held for a cluster before the process
// that simulates it ended, as the service's records tell: a real cloud's
// machines live through that, and so do these, configs in force and all.
func (c *Cloud) Remember(scope cloud.Scope, ledger []jeroboam.Resource, machines []jeroboam.Machine) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tenant(scope)
	for _, r := range ledger {
		if r.State != jeroboam.ResourceMade {
			continue
		}
		switch r.Kind {
		case jeroboam.KindNetwork:
			cidr, gateway := t.cidr()
			t.names[r.Kind] = r.Name
			t.network = &cloud.Network{ID: r.CloudID, CIDR: cidr, Gateway: gateway}
		case jeroboam.KindBalancer:
			t.names[r.Kind] = r.Name
			t.balancer = &balancer{Balancer: cloud.Balancer{CloudID: r.CloudID, Address: r.Attributes["address"]}}
		case jeroboam.KindAddress:
			t.addresses[r.Name] = cloud.Address{CloudID: r.CloudID, Address: r.Attributes["address"]}
		case jeroboam.KindCredential:
			t.credentials[r.Name] = cloud.Credential{CloudID: r.CloudID}
		case jeroboam.KindMachine:
			if m, known := remembered(r, machines); m != nil {
				m.scope, t.machines[r.Name] = scope, m
				c.fleet.Remember(m.agent(), known.Status.AppliedConfig, known.Status.Version)
			}
		}
	}
	c.tidy(scope.Cluster)
}

// remembered is the machine of a line of the ledger, nil if the service does
// not know it or it has never called: that one is made anew.
func remembered(r jeroboam.Resource, machines []jeroboam.Machine) (*machine, jeroboam.Machine) {
	for _, known := range machines {
		if known.Name != r.Name || known.Status.JoinedAt.IsZero() {
			continue
		}
		m := &machine{
			spec:    cloud.MachineSpec{ID: known.ID, Name: known.Name, Role: known.Role},
			cloudID: r.CloudID, address: known.Status.Address, volumes: known.Status.Volumes, state: cloud.Active,
		}
		m.birth.Machine = known.ID
		return m, known
	}
	return nil, jeroboam.Machine{}
}
