package openstack

import (
	"cmp"
	"context"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/volume"
)

// wantedVolumes are those that a machine shall have: the one to boot from, if
// the labels ask for one, and what it has besides.
func wantedVolumes(spec cloud.MachineSpec) []volume.Want {
	var out []volume.Want
	if size, _ := strconv.Atoi(labelBootSize.In(spec.Labels)); size > 0 { // checked with the cluster
		out = append(out, volume.Want{Volume: cloud.Volume{SizeGB: size, Type: labelBootType.In(spec.Labels)},
			Image: spec.Image.ID, Zone: cmp.Or(labelBootZone.In(spec.Labels), zoneOf(spec))})
	}
	for _, v := range spec.Volumes {
		out = append(out, volume.Want{Volume: v, Zone: zoneOf(spec)})
	}
	return out
}

// ensureVolumes makes or finds the volumes side by side, and tells their IDs in
// the same order.
func (m machine) ensureVolumes(ctx context.Context, want []volume.Want) ([]string, error) {
	if len(want) == 0 {
		return nil, nil
	}
	if err := unfit(m.spec); err != nil {
		return nil, err
	}
	if m.project.volume == nil {
		return nil, jeroboam.Errorf(jeroboam.Unsupported, "volume", "The cloud has no volumes.").
			WithRemedy("Leave out docker_volume_size and the labels boot_volume_size and etcd_volume_size.")
	}
	have, err := m.project.volumesOf(ctx, m.scope)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(want))
	var all errgroup.Group // one that fails breaks off no other
	for i, w := range want {
		all.Go(func() (err error) {
			ids[i], err = volume.Owner{Scope: m.scope, Spec: m.spec}.Ensure(ctx, m.project.volume, have, w)
			return err
		})
	}
	return ids, all.Wait()
}
