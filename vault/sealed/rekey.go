package sealed

import (
	"context"
	"errors"
	"fmt"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// batch is how many secrets one transaction seals anew: no other write waits
// for longer than that takes.
const batch = 100

// Rekeyed is what a Rekey did.
type Rekeyed struct {
	Key     string   // ID of the key that seals everything now
	Secrets int      // sealed anew by this call
	Retired []string // IDs of the keys that are gone
}

// Rekey makes a new key under the newest key of the first root, seals every
// secret with it and drops the keys before it. It may be stopped at any moment,
// and servers of the same database may go on meanwhile: another call takes up
// what one has left.
func (v *Vault) Rekey(ctx context.Context) (Rekeyed, error) {
	if err := v.begin(ctx); err != nil {
		return Rekeyed{}, fmt.Errorf("rekey: %w", err)
	}
	var done Rekeyed
	for {
		n, err := v.reseal(ctx)
		done.Secrets += n
		if err != nil {
			return done, fmt.Errorf("rekey: %w", err)
		}
		gone, left, err := v.retire(ctx)
		done.Retired = append(done.Retired, gone...)
		if err != nil || !left {
			done.Key = v.ring.Load().newest
			return done, err
		}
	}
}

// begin makes a new key unless the newest one is that of a Rekey which was
// stopped.
func (v *Vault) begin(ctx context.Context) error {
	for {
		var keys []store.VaultKey
		err := v.db.View(ctx, func(tx store.Tx) (err error) {
			keys, err = listKeys(tx)
			return err
		})
		if err != nil {
			return err
		}
		if err := v.learn(ctx, keys); err != nil {
			return err
		}
		if stopped, err := v.stopped(ctx, keys); err != nil || stopped {
			return err
		}
		if err := v.addKey(ctx, keys); !errors.Is(err, errRekeyed) {
			return err
		}
	}
}

// stopped reports whether keys are still retiring under the right root key.
func (v *Vault) stopped(ctx context.Context, keys []store.VaultKey) (bool, error) {
	newest, retiring := "", false
	for _, k := range keys {
		if retiring = retiring || k.Retiring; !k.Retiring {
			newest = k.Root
		}
	}
	if !retiring {
		return false, nil
	}
	root, err := v.roots[0].Newest(ctx)
	return root == newest, err
}

// reseal looks at every secret and seals those that are under another key.
func (v *Vault) reseal(ctx context.Context) (resealed int, err error) {
	for after := int64(0); ; {
		var all, others []store.Sealed
		err := v.sealing(ctx, func(tx store.Tx, k key) (err error) {
			others = nil
			if all, err = store.List[store.Sealed](tx, store.Query{After: after, Limit: batch}); err != nil {
				return err
			}
			for _, s := range all {
				if s.KeyID != k.ID {
					others = append(others, s)
				}
			}
			return v.resealAll(ctx, tx, k, others)
		})
		if err != nil || len(all) == 0 {
			return resealed, err
		}
		resealed, after = resealed+len(others), all[len(all)-1].Seq
	}
}

func (v *Vault) resealAll(ctx context.Context, tx store.Tx, k key, secrets []store.Sealed) error {
	for _, old := range secrets {
		secret, err := v.open(ctx, old)
		if err != nil {
			return err
		}
		s := k.seal(old.Owner, old.ID[len(old.Owner)+1:], secret)
		s.Revision, s.Seq = old.Revision, old.Seq
		if err := store.Put(tx, &s); err != nil {
			return err
		}
	}
	return nil
}

// retire drops the retiring keys that nothing is sealed with; left: another
// server has made a newer key meanwhile, and there is more to seal.
func (v *Vault) retire(ctx context.Context) (gone []string, left bool, err error) {
	err = v.db.Update(ctx, func(tx store.Tx) error {
		gone, left = nil, false
		keys, err := listKeys(tx)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if !k.Retiring {
				continue
			}
			n, err := store.Count[store.Sealed](tx, store.Query{Name: k.ID})
			if err != nil {
				return err
			}
			if n > 0 {
				left = true
				continue
			}
			if err := store.Delete(tx, k); err != nil {
				return err
			}
			gone = append(gone, k.ID)
		}
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("retire old keys: %w", err)
	}
	return gone, left, nil
}

// KeyStatus is one key and what is sealed with it. It says nothing of the key
// itself.
type KeyStatus struct {
	store.VaultKey
	Secrets int
	Problem *jeroboam.Cause // why it cannot be opened; nil: it can
}

// Status is the keys of a vault, in the order they were made.
type Status struct {
	Keys    []KeyStatus
	Secrets int // all there are
	Rooted  int // sealed by a root key itself, before the vault had keys; a Rekey ends that
}

// Look tells which keys a vault has, and changes nothing.
func Look(ctx context.Context, db store.Backend, roots ...Root) (Status, error) {
	var s Status
	err := db.View(ctx, func(tx store.Tx) error {
		keys, err := listKeys(tx)
		if err != nil {
			return err
		}
		if s.Secrets, err = store.Count[store.Sealed](tx, store.Query{}); err != nil {
			return err
		}
		s.Keys, s.Rooted = nil, s.Secrets
		for _, k := range keys {
			n, err := store.Count[store.Sealed](tx, store.Query{Name: k.ID})
			if err != nil {
				return err
			}
			s.Keys, s.Rooted = append(s.Keys, KeyStatus{VaultKey: k, Secrets: n}), s.Rooted-n
		}
		return nil
	})
	if err != nil {
		return Status{}, fmt.Errorf("look at the vault: %w", err)
	}
	for i := range s.Keys {
		_, err := openKey(ctx, roots, s.Keys[i].VaultKey)
		s.Keys[i].Problem = jeroboam.CauseOf(err)
	}
	return s, nil
}
