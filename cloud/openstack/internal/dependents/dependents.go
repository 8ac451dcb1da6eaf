// Package dependents finds what a cluster has made for itself: the load
// balancers of its Services and the volumes of its claims, by the names and
// metadata that Kubernetes' cloud-provider-openstack gives them (v1.36:
// pkg/openstack/loadbalancer.go, pkg/csi/cinder, pkg/csi/manila). All of them
// hold the cluster's name as that is told by --cluster-name, --cluster and
// --cluster-id: our add-ons tell it the cluster's ID, so nobody else's match.
//
// It knows no cluster but by ID, and decides nothing.
package dependents

import (
	"context"
	"slices"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/snapshots"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/loadbalancers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/sharedfilesystems/v2/shares"
	sharesnapshots "github.com/gophercloud/gophercloud/v2/openstack/sharedfilesystems/v2/snapshots"
	"github.com/gophercloud/gophercloud/v2/pagination"
	"golang.org/x/sync/errgroup"

	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/together"
)

// Project is where to look, and with whose eyes.
type Project struct {
	ID       string
	Abroad   bool // an administrator asks, from another project
	Network  *gophercloud.ServiceClient
	Volume   *gophercloud.ServiceClient // nil: the cloud has no Cinder
	Balancer *gophercloud.ServiceClient // nil: no Octavia
	Share    *gophercloud.ServiceClient // nil: no Manila
}

// tenant is the project to ask Cinder and Manila about, if it is not the
// session's own.
func (p Project) tenant() string {
	if p.Abroad {
		return p.ID
	}
	return ""
}

// Asks let clusters that ask at the same time share the answers: whose an object
// is, is told by its name, which no service can filter by. The zero value is
// ready.
type Asks struct {
	balancers      together.Asks[loadbalancers.LoadBalancer]
	addresses      together.Asks[floatingips.FloatingIP]
	groups         together.Asks[groups.SecGroup]
	volumes        together.Asks[volumes.Volume]
	snapshots      together.Asks[snapshots.Snapshot]
	shares         together.Asks[shares.Share]
	shareSnapshots together.Asks[sharesnapshots.Snapshot]
}

// List finds what the cluster has made, and the ports on its own networks that
// nothing is attached to and that do not bear its mark.
func List(ctx context.Context, a *Asks, p Project, cluster, mark string, networks []string) ([]cloud.Dependent, error) {
	found := make([][]cloud.Dependent, 0, 6)
	g, each := errgroup.WithContext(ctx)
	for _, list := range []func(context.Context) ([]cloud.Dependent, error){
		func(ctx context.Context) ([]cloud.Dependent, error) { return a.listBalancers(ctx, p, cluster) },
		func(ctx context.Context) ([]cloud.Dependent, error) { return a.listAddresses(ctx, p, cluster) },
		func(ctx context.Context) ([]cloud.Dependent, error) { return a.listGroups(ctx, p, cluster) },
		func(ctx context.Context) ([]cloud.Dependent, error) { return listPorts(ctx, p, mark, networks) },
		func(ctx context.Context) ([]cloud.Dependent, error) { return a.listVolumes(ctx, p, cluster) },
		func(ctx context.Context) ([]cloud.Dependent, error) { return a.listShares(ctx, p, cluster) },
	} {
		found = append(found, nil)
		into := &found[len(found)-1]
		g.Go(func() (err error) { *into, err = list(each); return err })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return distinct(slices.Concat(found...)), nil
}

// distinct gives what has no name its ID for one, and adds the ID to a name
// that two of a kind have.
func distinct(all []cloud.Dependent) []cloud.Dependent {
	times := map[string]int{}
	for _, d := range all {
		times[d.Kind+"/"+d.Name]++
	}
	for i, d := range all {
		switch {
		case d.Name == "":
			all[i].Name = d.CloudID
		case times[d.Kind+"/"+d.Name] > 1:
			all[i].Name += " " + d.CloudID
		}
	}
	return all
}

// every reads a list to its end, shared with who asks the same.
func every[T any](ctx context.Context, asks *together.Asks[T], service, what string, pager func() pagination.Pager,
	extract func(pagination.Page) ([]T, error)) ([]T, error) {
	all, err := asks.Get(ctx, "", func(ctx context.Context, _ []string) ([]T, error) {
		pages, err := pager().AllPages(ctx)
		if err != nil {
			return nil, fault.Refuse(service, "list "+what, err)
		}
		return extract(pages)
	})
	return all, fault.Refuse(service, "list "+what, err)
}

func dependent(kind, name, id string) cloud.Dependent {
	return cloud.Dependent{Object: cloud.Object{Kind: kind, Name: name, CloudID: id}}
}

// whole is a data object with its size and the claim that it is for.
func whole(kind, name, id string, size int, of string) cloud.Dependent {
	d := dependent(kind, name, id)
	d.SizeGB, d.Of = size, of
	return d
}
