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

// change reads a noun, lets f change it and writes it back. f reports whether
// there is anything to write. A noun that is no more is jeroboam.NotFound.
func change[T store.Noun](tx store.Tx, id string, f func(*T) bool) (T, error) {
	v, err := store.Get[T](tx, id)
	if err != nil || !f(&v) {
		return v, err
	}
	return v, store.Put(tx, &v)
}

// always is for changes that are always worth a write.
func always[T any](f func(*T)) func(*T) bool {
	return func(v *T) bool { f(v); return true }
}
