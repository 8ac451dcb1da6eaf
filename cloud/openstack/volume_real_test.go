package openstack_test

import (
	"slices"
	"testing"

	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

// disks are the volumes of a control-plane machine.
func disks() []cloud.Volume {
	return []cloud.Volume{{Name: jeroboam.VolumeEtcd, SizeGB: 1, Lasts: true}, {Name: jeroboam.VolumeContainers, SizeGB: 1}}
}

// volumes are those of the project, as "name state", whoever made them.
func (s site) volumes() []string {
	s.Helper()
	pages, err := volumes.List(s.Cinder(s.Operator.Project), volumes.ListOpts{AllTenants: true, TenantID: s.project}).AllPages(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	all, err := volumes.ExtractVolumes(pages)
	if err != nil {
		s.Fatal(err)
	}
	out := []string{}
	for _, v := range all {
		out = append(out, v.Name+" "+v.Status)
	}
	slices.Sort(out)
	return out
}

// TestARealServerMadeAnewHasEtcdsVolumeAgain: somebody deletes the server.
func TestARealServerMadeAnewHasEtcdsVolumeAgain(t *testing.T) {
	testbed.Long(t)
	s := open(t)
	life := s.life("lost", s.cloud())
	spec := life.spec("lost-master-0", life.network())
	spec.Volumes = disks()
	spec.Labels = map[string]string{"boot_volume_size": "1"}
	ensure := func() cloud.Machine {
		for {
			m, err := life.ensure(spec)
			if err != nil && jeroboam.KindOf(err) != jeroboam.Unavailable {
				t.Fatal(err)
			}
			if err == nil && life.active(m.CloudID) {
				return m
			}
		}
	}
	first := ensure()
	if got, want := s.volumes(), []string{"lost-master-0 in-use", "lost-master-0/containers in-use", "lost-master-0/etcd in-use"}; !slices.Equal(got, want) {
		t.Errorf("there are %q, want %q", got, want)
	}
	if err := servers.Delete(t.Context(), s.admin, first.CloudID).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	for life.there(first.CloudID) {
	}
	again := ensure()
	if again.CloudID == first.CloudID || again.Address != first.Address ||
		again.Volumes["etcd"] != first.Volumes["etcd"] || again.Volumes["containers"] == first.Volumes["containers"] {
		t.Errorf("first %+v\nagain %+v", first, again)
	}
	life.clear()
	if left := s.volumes(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func (l life) active(server string) bool {
	l.Helper()
	found, err := servers.Get(l.Context(), l.admin, server).Extract()
	if err != nil {
		l.Fatal(err)
	}
	return found.Status == "ACTIVE"
}

func (l life) there(server string) bool {
	return servers.Get(l.Context(), l.admin, server).Err == nil
}
