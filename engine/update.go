package engine

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

const conflictTries = 5 // at a transaction that met another writer

// update runs f in a transaction; one that met another writer is run again.
func (e *Engine) update(ctx context.Context, f func(store.Tx) error) error {
	var err error
	for range conflictTries {
		err = e.Store.Update(ctx, f)
		conflict, ok := jeroboam.AsError(err)
		if !ok || conflict.Kind != jeroboam.Conflict || (conflict.Reason != store.ReasonRevision && conflict.Reason != store.ReasonExists) {
			return err
		}
	}
	return err
}
