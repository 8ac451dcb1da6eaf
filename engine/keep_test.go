package engine_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	cloudsim "github.com/jeroboam-cloud/jeroboam/cloud/sim"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// begotten is one of each kind, of which the first hold no data.
func begotten() []cloud.Dependent {
	var all []cloud.Dependent
	for _, kind := range []string{jeroboam.KindPort, jeroboam.KindSecurityGroup, jeroboam.KindFloatingAddress, jeroboam.KindLoadBalancer,
		jeroboam.KindVolume, jeroboam.KindSnapshot, jeroboam.KindShare, jeroboam.KindShareSnapshot} {
		d := cloud.Dependent{Object: cloud.Object{Kind: kind, Name: "a " + kind, CloudID: "id-of-" + kind}, Of: "default/x"}
		if jeroboam.HoldsData(kind) {
			d.SizeGB = 2
		}
		all = append(all, d)
	}
	return all
}

// deleteWith asks for the end of a cluster with a wish for its data.
func (h *house) deleteWith(cluster string, data jeroboam.DataWish) string {
	h.Helper()
	return h.ask("delete-"+cluster, jeroboam.VerbDelete, cluster, func(c *jeroboam.Cluster, _ func(jeroboam.NodeGroup) error) error {
		c.Spec.Deleted, c.Spec.Data = true, data
		return nil
	})
}

func TestWhatAClusterMadeForItselfGoesAndItsDataStays(t *testing.T) {
	for _, test := range []struct {
		name string
		data jeroboam.DataWish
		left []string
	}{
		{"nobody said anything", "", []string{"share", "share-snapshot", "snapshot", "volume"}},
		{"keep", jeroboam.KeepData, []string{"share", "share-snapshot", "snapshot", "volume"}},
		{"remove", jeroboam.RemoveData, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := open(t, cloudsim.Options{Call: 10 * time.Millisecond, Delete: time.Second}, nil)
				h.made("c1", 1, 1)
				h.made("c2", 1, 0)
				h.cloud.Beget("c1", begotten()...)
				h.cloud.Beget("c2", begotten()...)
				if op := h.await(h.deleteWith("c1", test.data)); op.State != jeroboam.OperationComplete {
					t.Fatalf("the delete is %s: %+v", op.State, op.Cause)
				}
				if left := kinds(h.cloud.Begotten("c1")); !slices.Equal(left, test.left) {
					t.Errorf("left is %q, want %q", left, test.left)
				}
				if others := h.cloud.Begotten("c2"); len(others) != len(begotten()) {
					t.Errorf("another cluster's: %+v", others)
				}
				h.told("c1", test.left)
				if held := h.cloud.Held("c1"); len(held) > 0 {
					t.Errorf("the cloud still holds %v", held)
				}
			})
		})
	}
}

// told looks whether journal, events and the last word name what was kept, and
// nothing else.
func (h *house) told(cluster string, kept []string) {
	h.Helper()
	var lines, events []string
	for _, s := range list[jeroboam.Step](h, "delete-"+cluster) {
		if kind, is := strings.CutPrefix(s.Name, "keep "); is {
			kind, _, _ = strings.Cut(kind, " ")
			lines = append(lines, kind)
			if want := "id-of-" + kind + ", 2 GB, of default/x; it holds data and stays in the project"; s.Message != want || s.State != jeroboam.StepDone {
				h.Errorf("%s is %s: %q, want %q", s.Name, s.State, s.Message, want)
			}
		}
	}
	last := ""
	for _, e := range list[jeroboam.Event](h, cluster) {
		if kind, is := strings.CutPrefix(e.Step, "keep "); is && e.State == "done" {
			kind, _, _ = strings.Cut(kind, " ")
			events = append(events, kind)
		}
		if e.Type == "cluster" {
			last = e.Message
		}
	}
	slices.Sort(lines)
	slices.Sort(events)
	if !slices.Equal(lines, kept) || !slices.Equal(events, kept) {
		h.Errorf("kept according to the journal %q, to the events %q, want %q", lines, events, kept)
	}
	for _, kind := range kept {
		if !strings.Contains(last, kind+" a "+kind+" (id-of-"+kind+", 2 GB, of default/x)") {
			h.Errorf("the last word is %q", last)
		}
	}
	if len(kept) == 0 && last != "The cluster is gone." {
		h.Errorf("the last word is %q", last)
	}
}

func kinds(all []cloud.Dependent) (out []string) {
	for _, d := range all {
		out = append(out, d.Kind)
	}
	slices.Sort(out)
	return out
}

// TestTheLastWordForTheDataCounts: what was to be removed is kept, and what was
// kept is removed, when the user thinks again before it is too late.
func TestTheLastWordForTheDataCounts(t *testing.T) {
	for _, words := range [][2]jeroboam.DataWish{{jeroboam.KeepData, jeroboam.RemoveData}, {jeroboam.RemoveData, jeroboam.KeepData}} {
		synctest.Test(t, func(t *testing.T) {
			h := open(t, cloudsim.Options{Call: 10 * time.Millisecond, Delete: 10 * time.Second}, nil)
			h.made("c1", 1, 1)
			h.cloud.Beget("c1", begotten()...)
			op := h.deleteWith("c1", words[0])
			h.soon("the data is in the ledger", func() bool {
				return slices.ContainsFunc(list[jeroboam.Resource](h, "c1"), func(r jeroboam.Resource) bool { return r.Kind == jeroboam.KindVolume })
			})
			h.update(func(tx store.Tx) error {
				c, err := store.Get[jeroboam.Cluster](tx, "c1")
				if err != nil {
					return err
				}
				c.Spec.Data = words[1]
				if err := store.Put(tx, &c); err != nil {
					return err
				}
				return tx.Wake("c1")
			})
			if end := h.await(op); end.State != jeroboam.OperationComplete {
				t.Fatalf("the delete is %s: %+v", end.State, end.Cause)
			}
			left := kinds(h.cloud.Begotten("c1"))
			if kept := slices.Contains(left, jeroboam.KindVolume); kept != (words[1] == jeroboam.KeepData) {
				t.Errorf("first %s, then %s: left is %q", words[0], words[1], left)
			}
		})
	}
}
