package dependents

import (
	"context"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/snapshots"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/sharedfilesystems/v2/shares"
	sharesnapshots "github.com/gophercloud/gophercloud/v2/openstack/sharedfilesystems/v2/snapshots"
	"github.com/gophercloud/gophercloud/v2/pagination"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// Keys of metadata. The claim is told by csi-provisioner with
// --extra-create-metadata.
const (
	keyVolume         = "cinder.csi.openstack.org/cluster"
	keyShare          = "manila.csi.openstack.org/cluster"
	keyClaim          = "csi.storage.k8s.io/pvc/name"
	keyClaimNamespace = "csi.storage.k8s.io/pvc/namespace"
)

func claim(metadata map[string]string) string {
	if metadata[keyClaim] == "" {
		return ""
	}
	return metadata[keyClaimNamespace] + "/" + metadata[keyClaim]
}

// listVolumes finds volumes with all their snapshots, whoever made those: they
// would go with the volume.
func (a *Asks) listVolumes(ctx context.Context, p Project, cluster string) ([]cloud.Dependent, error) {
	if p.Volume == nil {
		return nil, nil
	}
	all, err := every(ctx, &a.volumes, "Cinder", "volumes", func() pagination.Pager {
		return volumes.List(p.Volume, volumes.ListOpts{AllTenants: p.Abroad, TenantID: p.tenant()})
	}, volumes.ExtractVolumes)
	if err != nil {
		return nil, err
	}
	var out []cloud.Dependent
	claims := map[string]string{} // by volume
	for _, v := range all {
		if v.Metadata[keyVolume] == cluster {
			claims[v.ID] = claim(v.Metadata)
			out = append(out, whole(jeroboam.KindVolume, v.Name, v.ID, v.Size, claims[v.ID]))
		}
	}
	copies, err := every(ctx, &a.snapshots, "Cinder", "snapshots", func() pagination.Pager {
		return snapshots.List(p.Volume, snapshots.ListOpts{AllTenants: p.Abroad, TenantID: p.tenant()})
	}, snapshots.ExtractSnapshots)
	for _, s := range copies {
		if _, ours := claims[s.VolumeID]; ours || s.Metadata[keyVolume] == cluster {
			out = append(out, whole(jeroboam.KindSnapshot, s.Name, s.ID, s.Size, claims[s.VolumeID]))
		}
	}
	return out, err
}

// listShares does so for shares. Manila's driver marks no snapshots: they are
// found by their share.
func (a *Asks) listShares(ctx context.Context, p Project, cluster string) ([]cloud.Dependent, error) {
	if p.Share == nil {
		return nil, nil
	}
	all, err := every(ctx, &a.shares, "Manila", "shares", func() pagination.Pager {
		return shares.ListDetail(p.Share, shares.ListOpts{AllTenants: p.Abroad, ProjectID: p.tenant()})
	}, shares.ExtractShares)
	all = slices.DeleteFunc(slices.Clone(all), func(s shares.Share) bool { return s.Metadata[keyShare] != cluster })
	if err != nil || len(all) == 0 {
		return nil, err
	}
	var out []cloud.Dependent
	claims := map[string]string{}
	for _, s := range all {
		claims[s.ID] = claim(s.Metadata)
		out = append(out, whole(jeroboam.KindShare, s.Name, s.ID, s.Size, claims[s.ID]))
	}
	copies, err := every(ctx, &a.shareSnapshots, "Manila", "snapshots of shares", func() pagination.Pager {
		return sharesnapshots.ListDetail(p.Share, sharesnapshots.ListOpts{AllTenants: p.Abroad, ProjectID: p.tenant()})
	}, sharesnapshots.ExtractSnapshots)
	for _, s := range copies {
		if of, ours := claims[s.ShareID]; ours {
			out = append(out, whole(jeroboam.KindShareSnapshot, s.Name, s.ID, s.ShareSize, of))
		}
	}
	return out, err
}
