package preflight

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/gophercloud/gophercloud/v2"
	blockquotas "github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/quotasets"
	novalimits "github.com/gophercloud/gophercloud/v2/openstack/compute/v2/limits"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/loadbalancers"
	balancerquotas "github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/quotas"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/quotas"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
)

// Cloud is whom to ask. A service that is nil is not there.
type Cloud struct {
	Project                                string
	Nova, Neutron, Glance, Cinder, Octavia *gophercloud.ServiceClient
	// Operator is Neutron as the service's own user sees it in its own project:
	// only an administrator is told how full a network is.
	Operator *gophercloud.ServiceClient
	Memory   *Memory
	// Outside finds the ID of the external network, "" for none; Inside the
	// existing network that machines are to stand on and Members who is in the
	// cluster's server groups: nil where there are none yet.
	Inside  func(context.Context) (cloud.Network, error)
	Outside func(context.Context) (string, error)
	Members func(context.Context) (map[string]int, error)
}

// Ask puts all questions that the demand raises side by side.
func (c Cloud) Ask(ctx context.Context, want Demand) Facts {
	f := Facts{}
	var insideErr, outsideErr error
	var all sync.WaitGroup
	for _, ask := range []func(){ // each fills in a fact of its own, and leaves it unknown if it fails
		func() { f.Nova = c.nova(ctx, want) },
		func() { f.Neutron = c.neutron(ctx) },
		func() { f.Cinder = c.cinder(ctx, want) },
		func() { f.Octavia = c.octavia(ctx, want) },
		func() { f.Images = c.images(ctx, want) },
		func() { f.Zones = c.zones(ctx, want) },
		func() { f.VolumeZones = c.volumeZones(ctx, want) },
		func() { f.VolumeTypes = c.volumeTypes(ctx, want) },
		func() { f.Members = c.members(ctx, want) },
		func() { f.Inside, insideErr = c.inside(ctx) },
		func() { f.Outside, f.NoOutside, outsideErr = c.outside(ctx, want) },
	} {
		all.Go(ask)
	}
	all.Wait()
	for _, err := range []error{insideErr, outsideErr} {
		if jeroboam.KindOf(err) == jeroboam.Invalid {
			f.Against = append(f.Against, err)
		}
	}
	return f
}

func (c Cloud) nova(ctx context.Context, want Demand) Quotas {
	if len(want.Machines) == 0 {
		return nil
	}
	return c.figures(ctx, "Nova", func(ctx context.Context) (Quotas, error) {
		l, err := novalimits.Get(ctx, c.Nova, nil).Extract()
		if err != nil {
			return nil, err
		}
		a := l.Absolute
		return Quotas{"instances": {a.TotalInstancesUsed, a.MaxTotalInstances}, "cores": {a.TotalCoresUsed, a.MaxTotalCores},
			"ram": {a.TotalRAMUsed, a.MaxTotalRAMSize}, "server_groups": {a.TotalServerGroupsUsed, a.MaxServerGroups},
			"server_group_members": {0, a.MaxServerGroupMembers}}, nil
	})
}

// neutron is nil on older clouds, which tell operators only.
func (c Cloud) neutron(ctx context.Context) Quotas {
	return c.figures(ctx, "Neutron", func(ctx context.Context) (Quotas, error) {
		var body struct {
			Quota map[string]struct{ Used, Reserved, Limit int }
		}
		err := quotas.GetDetail(ctx, c.Neutron, c.Project).ExtractInto(&body)
		out := Quotas{}
		for key, q := range body.Quota {
			out[key] = Quota{q.Used + q.Reserved, q.Limit}
		}
		return out, err
	})
}

// cinder reads the quotas of types, too, whose words are not known beforehand.
func (c Cloud) cinder(ctx context.Context, want Demand) Quotas {
	if c.Cinder == nil || len(disks(want)) == 0 {
		return nil
	}
	var body struct {
		Set map[string]json.RawMessage `json:"quota_set"`
	}
	if blockquotas.GetUsage(ctx, c.Cinder, c.Project).ExtractInto(&body) != nil {
		return nil
	}
	out := Quotas{}
	for key, raw := range body.Set {
		var q struct {
			Used     int `json:"in_use"`
			Reserved int
			Limit    int
		}
		if json.Unmarshal(raw, &q) == nil { // "id" is a text
			out[key] = Quota{q.Used + q.Reserved, q.Limit}
		}
	}
	return out
}

// octavia counts the balancers if there is a limit: Octavia itself does not
// tell.
func (c Cloud) octavia(ctx context.Context, want Demand) Quotas {
	if c.Octavia == nil || !want.Balancer {
		return nil
	}
	var body struct {
		Quota map[string]*int
	}
	if balancerquotas.Get(ctx, c.Octavia, c.Project).ExtractInto(&body) != nil {
		return nil
	}
	limit := body.Quota["load_balancer"]
	if limit == nil {
		limit = body.Quota["loadbalancer"] // before its API 2.1
	}
	if limit == nil || *limit < 0 {
		return nil
	}
	pages, err := loadbalancers.List(c.Octavia, loadbalancers.ListOpts{ProjectID: c.Project}).AllPages(ctx)
	if err != nil {
		return nil
	}
	all, err := loadbalancers.ExtractLoadBalancers(pages)
	if err != nil {
		return nil
	}
	return Quotas{"load_balancer": {len(all), *limit}}
}

// members are asked for only where it matters.
func (c Cloud) members(ctx context.Context, want Demand) map[string]int {
	if c.Members == nil || len(strictGroups(want)) == 0 {
		return nil
	}
	all, err := c.Members(ctx)
	if err != nil {
		return nil
	}
	return all
}

// images shows the few that there are one after the other.
func (c Cloud) images(ctx context.Context, want Demand) map[string]Image {
	out := map[string]Image{}
	asked := map[string]bool{"": true}
	for _, m := range want.Machines {
		if asked[m.Image.ID] {
			continue
		}
		asked[m.Image.ID] = true
		if i, known := c.image(ctx, m.Image.ID); known {
			out[m.Image.ID] = i
		}
	}
	return out
}

// image shows an image; one that was found a moment ago may be gone.
func (c Cloud) image(ctx context.Context, id string) (Image, bool) {
	i, err := images.Get(ctx, c.Glance, id).Extract()
	switch {
	case fault.Absent(err):
		return Image{Name: id, Status: "deleted"}, true
	case err != nil:
		return Image{}, false
	}
	return Image{Name: i.Name, Status: string(i.Status), MinDiskGB: i.MinDiskGigabytes, MinRAMMB: i.MinRAMMegabytes, Bytes: max(i.SizeBytes, i.VirtualSize)}, true
}
