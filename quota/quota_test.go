package quota_test

import (
	"context"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/quota"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
)

// in runs f in a transaction, which must succeed.
func in(t *testing.T, db store.Backend, f func(tx store.Tx) error) {
	t.Helper()
	if err := db.Update(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func used(t *testing.T, db store.Backend, project string) (a jeroboam.Amounts) {
	t.Helper()
	in(t, db, func(tx store.Tx) error {
		u, err := quota.Used(tx, project)
		a = u.Amounts
		return err
	})
	return a
}

func TestARefusalNamesEveryResourceWithLimitUseAndWish(t *testing.T) {
	db := memory.New()
	limits := quota.Limits{jeroboam.QuotaCluster: 2, jeroboam.QuotaNode: 5, jeroboam.QuotaMemory: 4096}
	in(t, db, func(tx store.Tx) error {
		return quota.Reserve(tx, limits, "p", jeroboam.Amounts{Clusters: 2, Nodes: 3, Cores: 99, Memory: 3072})
	})
	err := db.Update(t.Context(), func(tx store.Tx) error {
		return quota.Reserve(tx, limits, "p", jeroboam.Amounts{Clusters: 1, Nodes: 3, Cores: 99, Memory: 1024})
	})
	want := &jeroboam.Error{Kind: jeroboam.QuotaExceeded, Reason: "quota",
		Detail: "Resource limit exceeded: You have reached the maximum clusters per project, 2. You may delete a cluster to make room for a new one. " +
			"The quota of Cluster is 2; 2 used, 1 asked for. The quota of Node is 5; 3 used, 3 asked for.",
		Remedy: "Delete or shrink what the project has, ask for less, or ask the operator for a higher quota."}
	if got, _ := jeroboam.AsError(err); got == nil || *got != *want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := used(t, db, "p"); got != (jeroboam.Amounts{Clusters: 2, Nodes: 3, Cores: 99, Memory: 3072}) {
		t.Errorf("a refusal took something: %+v", got)
	}
}

func TestAProjectsOwnQuotaCountsBeforeTheDefaultAndShrinkingIsFree(t *testing.T) {
	db := memory.New()
	limits := quota.Limits{jeroboam.QuotaNode: 5}
	own := func(project string, limit int) {
		in(t, db, func(tx store.Tx) error {
			return store.Put(tx, &jeroboam.Quota{ID: quota.ID(project, jeroboam.QuotaNode), Project: project, Resource: jeroboam.QuotaNode, HardLimit: limit})
		})
	}
	own("rich", 50)
	own("free", jeroboam.Unlimited)
	own("poor", 1)
	for project, most := range map[string]int{"rich": 50, "free": 5000, "poor": 1, "plain": 5} {
		in(t, db, func(tx store.Tx) error { return quota.Reserve(tx, limits, project, jeroboam.Amounts{Nodes: most}) })
		err := db.Update(t.Context(), func(tx store.Tx) error { return quota.Reserve(tx, limits, project, jeroboam.Amounts{Nodes: 1}) })
		if refused := err != nil; refused != (project != "free") {
			t.Errorf("%s: one more than %d nodes: %v", project, most, err)
		}
	}
	in(t, db, func(tx store.Tx) error {
		q, err := store.Get[jeroboam.Quota](tx, quota.ID("rich", jeroboam.QuotaNode))
		q.HardLimit = 10
		if err != nil {
			return err
		}
		return store.Put(tx, &q)
	})
	in(t, db, func(tx store.Tx) error { return quota.Reserve(tx, limits, "rich", jeroboam.Amounts{Nodes: -1}) })
}

func TestWhatANodeTakes(t *testing.T) {
	flavor := jeroboam.Flavor{VCPUs: 2, MemoryMB: 2048, DiskGB: 20}
	labels := map[string]string{"etcd_volume_size": "7", "boot_volume_size": "30"}
	for name, c := range map[string]struct {
		group jeroboam.NodeGroup
		disk  int
	}{
		"the root disk":                  {jeroboam.NodeGroup{}, 20},
		"a docker volume beside it":      {jeroboam.NodeGroup{Spec: jeroboam.NodeGroupSpec{DockerVolumeSize: 5}}, 25},
		"a boot volume in its place":     {jeroboam.NodeGroup{Spec: jeroboam.NodeGroupSpec{Labels: labels}}, 30},
		"etcd's volume of a master":      {jeroboam.NodeGroup{Role: jeroboam.RoleMaster, Spec: jeroboam.NodeGroupSpec{Labels: labels}}, 37},
		"a label that is no number as 0": {jeroboam.NodeGroup{Spec: jeroboam.NodeGroupSpec{Labels: map[string]string{"boot_volume_size": "x"}}}, 20},
		"a label that is negative as 0 ": {jeroboam.NodeGroup{Spec: jeroboam.NodeGroupSpec{Labels: map[string]string{"boot_volume_size": "-4"}}}, 20},
	} {
		if got, want := quota.Each(c.group, flavor), (jeroboam.Amounts{Nodes: 1, Cores: 2, Memory: 2048, Volume: c.disk}); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

// TestRecordsOfAnOlderVersionAreCountedOnce puts records as they were before
// anybody counted.
func TestRecordsOfAnOlderVersionAreCountedOnce(t *testing.T) {
	db := memory.New()
	in(t, db, func(tx store.Tx) error {
		for _, c := range []jeroboam.Cluster{{ID: "c1", Project: "p"}, {ID: "c2", Project: "p", Spec: jeroboam.ClusterSpec{Deleted: true}}} {
			for _, g := range []jeroboam.NodeGroup{
				{ID: c.ID + "-known", Spec: jeroboam.NodeGroupSpec{Count: 3, Flavor: "known"}},
				{ID: c.ID + "-lost", Spec: jeroboam.NodeGroupSpec{Count: 1, Flavor: "lost"}},
			} {
				g.Cluster, g.Project = c.ID, c.Project
				if err := store.Put(tx, &g); err != nil {
					return err
				}
			}
			m := jeroboam.Machine{ID: c.ID + "-m", Cluster: c.ID, Project: c.Project, Group: c.ID + "-known"}
			if err := store.Put(tx, &m); err != nil {
				return err
			}
			if err := store.Put(tx, &c); err != nil {
				return err
			}
		}
		return store.Put(tx, &jeroboam.Usage{ID: "gone", Amounts: jeroboam.Amounts{Nodes: 4}})
	})
	asked, missing := 0, 0
	count := func() {
		err := quota.Count(t.Context(), db, func(_ context.Context, _ jeroboam.Cluster, flavor string) (jeroboam.Flavor, error) {
			if asked++; flavor == "lost" {
				return jeroboam.Flavor{}, jeroboam.Errorf(jeroboam.NotFound, "flavor", "There is none.")
			}
			return jeroboam.Flavor{VCPUs: 2, MemoryMB: 10, DiskGB: 1}, nil
		}, func(jeroboam.Cluster, string, error) { missing++ })
		if err != nil {
			t.Fatal(err)
		}
	}
	count()
	// c1: 3 known and 1 lost; of c2, which is to go, the one machine there is.
	want := jeroboam.Amounts{Clusters: 2, Nodes: 5, Cores: 8, Memory: 40, Volume: 4}
	if got := used(t, db, "p"); got != want || asked != 2 || missing != 1 {
		t.Errorf("counted %+v, want %+v; asked for %d flavors, missed %d", got, want, asked, missing)
	}
	if got := used(t, db, "gone"); got != (jeroboam.Amounts{}) {
		t.Errorf("a project without clusters takes %+v", got)
	}
	if count(); asked != 2 {
		t.Error("counted twice")
	}
}
