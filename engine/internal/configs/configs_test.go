package configs_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	cloudsim "github.com/jeroboam-cloud/jeroboam/cloud/sim"
	"github.com/jeroboam-cloud/jeroboam/coe"
	coesim "github.com/jeroboam-cloud/jeroboam/coe/sim"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/configs"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/drivers"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/snapshot"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
)

// house has one cluster, c1, of one master, whose COE wants neither authority nor
// secret.
type house struct {
	*testing.T
	*configs.Configs
	db store.Backend
}

// frank is a COE without secrets.
type frank struct{ coe.COE }

func (f frank) Traits() coe.Traits {
	t := f.COE.Traits()
	t.Authorities, t.Secrets = nil, nil
	return t
}

func open(t *testing.T) *house {
	h := &house{T: t, db: memory.New()}
	t.Cleanup(func() { _ = h.db.Close() })
	world := cloudsim.New(cloudsim.Options{})
	h.Configs = configs.New(configs.Options{
		Store:   h.db,
		Drivers: drivers.Table{"sim": {Cloud: world, Catalogue: world, COE: frank{coesim.New(coesim.Plain{}, world, coesim.Options{})}}},
		Bundle: func(_ context.Context, _, version string) (node.Bundle, error) {
			return node.Bundle{Name: "sim", Version: version, Digest: strings.Repeat("0", 64)}, nil
		},
		Gateway: func(cloud.Cloud) coe.Gateway { return coe.Gateway{URL: "unix:///run/gateway.sock", CA: "CA"} },
		APIName: func(jeroboam.Cluster) string { return "" },
		Now:     time.Now, Room: 2,
	})
	h.update(func(tx store.Tx) error {
		c := jeroboam.Cluster{ID: "c1", Project: "p1", Name: "c1", Spec: jeroboam.ClusterSpec{Driver: "sim", COE: "sim", Version: "1"}}
		g := jeroboam.NodeGroup{ID: "g1", Cluster: "c1", Project: "p1", Name: "master", Role: jeroboam.RoleMaster, Spec: jeroboam.NodeGroupSpec{Count: 1}}
		m := jeroboam.Machine{ID: "m1", Cluster: "c1", Project: "p1", Group: "g1", Name: "c1-master-0", Role: jeroboam.RoleMaster, Flavor: "small",
			Status: jeroboam.MachineStatus{Address: "10.0.0.1"}}
		for _, err := range []error{store.Put(tx, &c), store.Put(tx, &g), store.Put(tx, &m)} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	return h
}

func (h *house) update(f func(store.Tx) error) {
	h.Helper()
	if err := h.db.Update(context.Background(), f); err != nil {
		h.Fatal(err)
	}
}

// upgrade asks for another version.
func (h *house) upgrade(version string) {
	h.Helper()
	h.update(func(tx store.Tx) error {
		_, err := store.Edit(tx, "c1", func(c *jeroboam.Cluster) { c.Spec.Version = version })
		return err
	})
}

func (h *house) read() *snapshot.Snapshot {
	h.Helper()
	s, err := snapshot.Load(context.Background(), h.db, "c1")
	if err != nil {
		h.Fatal(err)
	}
	return s
}

// version is that of the bundle of the machine's config.
func (h *house) version(made *configs.Made) string {
	h.Helper()
	config, ready, err := made.Of("m1")
	if err != nil || !ready {
		h.Fatalf("there is no config: %v", err)
	}
	return config.Bundle.Version
}

func (h *house) fresh() string {
	h.Helper()
	made, err := h.Fresh(context.Background(), "c1", time.Second)
	if err != nil {
		h.Fatal(err)
	}
	return h.version(made)
}

// TestWhatWasReadEarlierDoesNotReplaceWhatWasReadLater: an agent asks, and before
// its config is made of what was read, the engine has read the cluster again.
func TestWhatWasReadEarlierDoesNotReplaceWhatWasReadLater(t *testing.T) {
	h := open(t)
	bundle, overtaken := h.Bundle, false
	h.Bundle = func(ctx context.Context, coe, version string) (node.Bundle, error) {
		if !overtaken {
			overtaken = true
			h.upgrade("2")
			h.Refresh(ctx, h.read())
		}
		return bundle(ctx, coe, version)
	}
	if v := h.fresh(); v != "2" {
		t.Errorf("the agent is given version %s", v)
	}
	if v := h.version(h.Known("c1")); v != "2" {
		t.Errorf("version %s is kept, though 2 was read after it", v)
	}
}

func TestAConfigIsUsedForAWhileWithoutAnotherLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		if v := h.fresh(); v != "1" {
			t.Errorf("first it is %s", v)
		}
		h.upgrade("2") // by another server
		time.Sleep(999 * time.Millisecond)
		if v := h.fresh(); v != "1" {
			t.Errorf("it was looked at again: %s", v)
		}
		time.Sleep(time.Millisecond)
		if v := h.fresh(); v != "2" {
			t.Errorf("it is %s long after the change", v)
		}
	})
}

func TestAMachineIsAnnouncedOnceWhenItsConfigChanges(t *testing.T) {
	h := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	defer func() { cancel(); ended.Wait() }()
	h.Refresh(ctx, h.read())
	h.Refresh(ctx, h.read())
	h.upgrade("2")
	h.Refresh(ctx, h.read())
	h.Announce("m2", "m1")
	ended.Go(func() { h.Forward(ctx) })
	got := []string{<-h.Changed(), <-h.Changed()}
	if want := []string{"m1", "m2"}; !slices.Equal(got, want) {
		t.Errorf("announced are %q, want %q", got, want)
	}
}
