package store

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam"
)

const conflictTries = 5 // at a transaction that met another writer

// Retry runs f in a transaction; one that met another writer is run again, a
// few times. It is for who does not care which of the two comes first.
func Retry(ctx context.Context, b Backend, f func(Tx) error) error {
	var err error
	for range conflictTries {
		err = b.Update(ctx, f)
		conflict, ok := jeroboam.AsError(err)
		if !ok || conflict.Kind != jeroboam.Conflict || (conflict.Reason != ReasonRevision && conflict.Reason != ReasonExists) {
			return err
		}
	}
	return err
}
