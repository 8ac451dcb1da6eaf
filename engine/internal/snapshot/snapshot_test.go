package snapshot_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/snapshot"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
)

func TestWhereTheAPIIs(t *testing.T) {
	master := func(i int, s jeroboam.MachineStatus) jeroboam.Machine {
		return jeroboam.Machine{Role: jeroboam.RoleMaster, Index: i, Status: s}
	}
	front := func(kind string, state jeroboam.ResourceState, public string) []jeroboam.Resource {
		return []jeroboam.Resource{{Kind: kind, State: state, Attributes: map[string]string{"address": "10.0.0.9", "public": public}}}
	}
	one := []jeroboam.NodeGroup{{Role: jeroboam.RoleMaster, Spec: jeroboam.NodeGroupSpec{Count: 1}}}
	three := []jeroboam.NodeGroup{{Role: jeroboam.RoleMaster, Spec: jeroboam.NodeGroupSpec{Count: 3}}}
	machines := []jeroboam.Machine{
		master(2, jeroboam.MachineStatus{Address: "10.0.0.3"}),
		master(0, jeroboam.MachineStatus{Address: "10.0.0.1", Deleting: true}),
		master(1, jeroboam.MachineStatus{Address: "10.0.0.2", Public: "192.0.2.2"}),
	}
	for name, row := range map[string]struct {
		s                     snapshot.Snapshot
		host, inside, virtual string
	}{
		"nowhere before there is a machine":            {snapshot.Snapshot{Groups: one}, "", "", ""},
		"on the first control-plane machine to stay":   {snapshot.Snapshot{Groups: one, Machines: machines}, "192.0.2.2", "", ""},
		"nowhere before there is the balancer":         {snapshot.Snapshot{Groups: three, Machines: machines}, "", "", ""},
		"nowhere while the balancer is only intended":  {snapshot.Snapshot{Groups: three, Machines: machines, Ledger: front(jeroboam.KindBalancer, jeroboam.ResourceIntended, "")}, "", "", ""},
		"on the balancer":                              {snapshot.Snapshot{Groups: three, Machines: machines, Ledger: front(jeroboam.KindBalancer, jeroboam.ResourceMade, "")}, "10.0.0.9", "", ""},
		"on its floating address, for who is outside":  {snapshot.Snapshot{Groups: three, Ledger: front(jeroboam.KindBalancer, jeroboam.ResourceMade, "192.0.2.9")}, "192.0.2.9", "10.0.0.9", ""},
		"on the address that the machines hand on":     {snapshot.Snapshot{Groups: three, Ledger: front(jeroboam.KindAddress, jeroboam.ResourceMade, "")}, "10.0.0.9", "", "10.0.0.9"},
		"and that one's floating one, from outside it": {snapshot.Snapshot{Groups: three, Ledger: front(jeroboam.KindAddress, jeroboam.ResourceMade, "192.0.2.9")}, "192.0.2.9", "10.0.0.9", "10.0.0.9"},
	} {
		if got := [3]string{row.s.APIHost(), row.s.APIInside(), row.s.VirtualAddress()}; got != [3]string{row.host, row.inside, row.virtual} {
			t.Errorf("%s: %q, inside %q, handed on %q", name, got[0], got[1], got[2])
		}
	}
}

func TestTheOperationsOfASnapshotAreTheOpenOnesAndTheNewest(t *testing.T) {
	db := memory.New()
	defer db.Close()
	err := db.Update(t.Context(), func(tx store.Tx) error {
		errs := []error{store.Put(tx, &jeroboam.Cluster{ID: "c1", Project: "p1", Name: "c1"})}
		for i, state := range []jeroboam.OperationState{jeroboam.OperationComplete, jeroboam.OperationRunning, jeroboam.OperationPending, jeroboam.OperationFailed} {
			errs = append(errs, store.Put(tx, &jeroboam.Operation{ID: string(rune('a' + i)), Cluster: "c1", Project: "p1", State: state, CreatedAt: time.Unix(int64(i), 0)}))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := snapshot.Load(context.Background(), db, "c1")
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, o := range s.Operations {
		open = append(open, o.ID)
	}
	if want := []string{"b", "c"}; !reflect.DeepEqual(open, want) || s.Newest.ID != "d" {
		t.Errorf("open are %q, want %q; the newest is %q", open, want, s.Newest.ID)
	}
	if _, err := snapshot.Load(context.Background(), db, "c2"); jeroboam.KindOf(err) != jeroboam.NotFound {
		t.Errorf("a cluster that is not there: %v", err)
	}
}
