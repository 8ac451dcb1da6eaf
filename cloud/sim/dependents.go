package sim

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// dependent is an object that a cluster has made for itself. It may outlive the
// cluster, so it is no part of the tenant.
type dependent struct {
	cloud.Dependent
	going time.Time
}

// The labels that give a simulated cluster programs which make objects, and what
// their users are taken to ask them for at once.
var makers = map[string]func(cluster string) []cloud.Dependent{
	"cloud_provider_enabled": func(cluster string) []cloud.Dependent {
		return []cloud.Dependent{made(jeroboam.KindLoadBalancer, "kube_service_"+cluster+"_default_web", cluster, 0, "default/web"),
			made(jeroboam.KindFloatingAddress, "203.0.113.7", cluster, 0, "default/web")}
	},
	"cinder_csi_enabled": func(cluster string) []cloud.Dependent {
		return []cloud.Dependent{made(jeroboam.KindVolume, "pvc-data", cluster, 10, "default/data"),
			made(jeroboam.KindSnapshot, "snapshot-data", cluster, 10, "default/data")}
	},
}

func made(kind, name, cluster string, size int, of string) cloud.Dependent {
	return cloud.Dependent{Object: cloud.Object{Kind: kind, Name: name, CloudID: kind + "-" + cluster}, SizeGB: size, Of: of}
}

// Beget has a cluster make an object for itself. One that is there stays as it is.
func (c *Cloud) Beget(cluster string, all ...cloud.Dependent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.beget(cluster, all...)
}

func (c *Cloud) beget(cluster string, all ...cloud.Dependent) {
	for _, d := range all {
		if c.begotten(cluster, d.Object) == nil {
			c.dependents[cluster] = append(c.dependents[cluster], &dependent{Dependent: d})
		}
	}
}

// settle lets a cluster make what its labels have it make, as soon as it has a
// control plane; c.mu is held.
func (c *Cloud) settle(cluster string, spec cloud.MachineSpec) {
	if spec.Role != jeroboam.RoleMaster {
		return
	}
	for label, make := range makers {
		if strings.EqualFold(spec.Labels[label], "true") {
			c.beget(cluster, make(cluster)...)
		}
	}
}

func (c *Cloud) begotten(cluster string, o cloud.Object) *dependent {
	for _, d := range c.dependents[cluster] {
		if d.Kind == o.Kind && d.CloudID == o.CloudID {
			return d
		}
	}
	return nil
}

// Dependents lists what the cluster has made for itself.
func (c *Cloud) Dependents(ctx context.Context, scope cloud.Scope) ([]cloud.Dependent, error) {
	var out []cloud.Dependent
	err := c.do(ctx, Call{Name: "Dependents", Cluster: scope.Cluster}, func() error {
		out = c.Begotten(scope.Cluster)
		return nil
	})
	return out, err
}

// Begotten is Dependents without being a call.
func (c *Cloud) Begotten(cluster string) []cloud.Dependent {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []cloud.Dependent
	for _, d := range c.dependents[cluster] {
		out = append(out, d.Dependent)
	}
	return out
}

// deleteDependent refuses what real clouds refuse: a volume before its
// snapshots, a group or a port before what uses it.
func (c *Cloud) deleteDependent(cluster string, o cloud.Object) error {
	d := c.begotten(cluster, o)
	if d == nil {
		return nil
	}
	if before := jeroboam.GoesAfter(o.Kind); c.has(cluster, before) {
		return jeroboam.Errorf(jeroboam.Conflict, "in-use", "The %s %s is used by a %s.", o.Kind, o.Name, before)
	}
	if c.stillGoing(&d.going) {
		return deleting(o.Kind + " " + o.Name)
	}
	left := slices.DeleteFunc(c.dependents[cluster], func(other *dependent) bool { return other == d })
	if c.dependents[cluster] = left; len(left) == 0 {
		delete(c.dependents, cluster)
	}
	return nil
}

// has reports whether the cluster has made one of a kind; c.mu is held.
func (c *Cloud) has(cluster, kind string) bool {
	return slices.ContainsFunc(c.dependents[cluster], func(d *dependent) bool { return d.Kind == kind })
}
