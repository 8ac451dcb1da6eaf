package engine

import (
	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/journal"
	"github.com/jeroboam-cloud/jeroboam/quota"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// forgetCluster removes every record of a cluster that nothing is left of, and
// ends its operation in the same transaction.
func (e *Engine) forgetCluster(tx store.Tx, op jeroboam.Operation) error {
	if err := quota.ForgetCluster(tx, op.Cluster); err != nil {
		return err
	}
	kept, err := store.List[jeroboam.Resource](tx, store.Query{Parent: op.Cluster})
	if err != nil {
		return err
	}
	for _, kind := range []string{store.KindNodeGroup, store.KindMachine, store.KindResource, store.KindAuthority, store.KindToken, store.KindSealed} {
		if err := dropAll(tx, kind, op.Cluster); err != nil {
			return err
		}
	}
	if err := drop(tx, store.KindCluster, op.Cluster); err != nil {
		return err
	}
	if err := e.journal.End(tx, op, jeroboam.OperationComplete, nil); err != nil {
		return err
	}
	return e.journal.Tell(tx, op, jeroboam.Event{Type: journal.TypeCluster, State: deleteComplete, Message: farewell(kept)})
}

// deleteComplete is never a state of a record: the record is gone by then.
const deleteComplete = "DELETE_COMPLETE"

func dropAll(tx store.Tx, kind, cluster string) error {
	records, err := tx.List(store.Query{Kind: kind, Parent: cluster})
	if err != nil {
		return err
	}
	for _, r := range records {
		if err := drop(tx, kind, r.ID); err != nil {
			return err
		}
	}
	return nil
}
