package sealed

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/vault"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed/internal/box"
)

// errRekeyed is that the keys in the store are others than they were.
var errRekeyed = errors.New("the vault's keys have changed")

// key is one of the vault's own keys.
type key struct{ box.Key }

// seal encrypts a secret; the box opens under the same owner and name alone.
func (k key) seal(owner, name string, secret jeroboam.Secret) store.Sealed {
	s := store.Sealed{ID: id(owner, name), Owner: owner, KeyID: k.ID}
	s.Box = k.Seal([]byte(secret.Reveal()), s.ID)
	return s
}

func (k key) open(s store.Sealed) (jeroboam.Secret, error) {
	plain, err := k.Open(s.Box, s.ID)
	if err != nil {
		return "", damaged(s)
	}
	return jeroboam.Secret(plain), nil
}

// ring is the vault's keys of one moment. It does not change.
type ring struct {
	keys   map[string]key // by ID
	newest string         // ID of the one that seals
}

func (r *ring) has(id string) bool {
	_, ok := r.keys[id]
	return ok
}

func listKeys(tx store.Tx) ([]store.VaultKey, error) {
	return store.List[store.VaultKey](tx, store.Query{})
}

// newestKey is the ID of the key that seals; "": there is none.
func newestKey(keys []store.VaultKey) (id string) {
	for _, k := range keys {
		if !k.Retiring {
			id = k.ID
		}
	}
	return id
}

// learn opens those of the keys that are not in the ring yet.
func (v *Vault) learn(ctx context.Context, keys []store.VaultKey) error {
	old, fresh := v.ring.Load(), &ring{keys: make(map[string]key, len(keys)), newest: newestKey(keys)}
	for _, record := range keys {
		k, known := old.keys[record.ID]
		if !known {
			var err error
			if k, err = openKey(ctx, v.roots, record); err != nil {
				return err
			}
		}
		fresh.keys[record.ID] = k
	}
	v.ring.Store(fresh)
	return nil
}

func openKey(ctx context.Context, roots []Root, record store.VaultKey) (key, error) {
	secret, err := unwrap(ctx, roots, record.Root, record.Box, purpose(record.ID))
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return key{}, keyError("The vault's key %s is sealed with the root key %s, which is not there.", record.ID, record.Root)
	}
	if err != nil {
		return key{}, fmt.Errorf("open the vault's key %s: %w", record.ID, err)
	}
	k, err := box.New(secret)
	if err != nil || k.ID != record.ID {
		return key{}, keyError("What the root key %s opens is not the vault's key %s.", record.Root, record.ID)
	}
	return key{k}, nil
}

// purpose is what the box of a key is bound to.
func purpose(id string) string { return "vault-key/" + id }

// unwrap asks one root after the other; NotFound if all of them say so.
func unwrap(ctx context.Context, roots []Root, id string, box []byte, purpose string) ([]byte, error) {
	failed := error(jeroboam.Errorf(jeroboam.NotFound, vault.ReasonKey, "There is no root key %s.", id))
	for _, r := range roots {
		plain, err := r.Unwrap(ctx, id, box, purpose)
		if err == nil {
			return plain, nil
		}
		if jeroboam.KindOf(failed) == jeroboam.NotFound {
			failed = err
		}
	}
	return nil, failed
}

// addKey makes the key that seals from now on, and has all others retire. It is
// errRekeyed if the keys are not those of seen any more.
func (v *Vault) addKey(ctx context.Context, seen []store.VaultKey) error {
	secret := make([]byte, box.KeySize)
	rand.Read(secret) //nolint:errcheck // never fails
	k, err := box.New(secret)
	if err != nil {
		return err
	}
	fresh := store.VaultKey{ID: k.ID, CreatedAt: v.now().UTC()}
	if fresh.Root, fresh.Box, err = v.roots[0].Wrap(ctx, secret, purpose(k.ID)); err != nil {
		return fmt.Errorf("seal a new key: %w", err)
	}
	var all []store.VaultKey
	err = v.db.Update(ctx, func(tx store.Tx) error {
		keys, err := listKeys(tx)
		if err != nil {
			return err
		}
		if newestKey(keys) != newestKey(seen) || len(keys) != len(seen) {
			return errRekeyed
		}
		for i := range keys {
			keys[i].Retiring = true
			if err := store.Put(tx, &keys[i]); err != nil {
				return err
			}
		}
		added := fresh
		err = store.Put(tx, &added)
		all = append(keys, added)
		return err
	})
	if err != nil {
		return err
	}
	return v.learn(ctx, all)
}

func damaged(s store.Sealed) error {
	return keyError("The secret %s does not open with the key %s: one of them was changed.", s.ID, s.KeyID)
}

func keyError(format string, args ...any) error {
	return jeroboam.Errorf(jeroboam.Unavailable, vault.ReasonKey, format, args...).
		WithRemedy("Restore the root keys of the time of the database, or copy them from another of its servers.")
}
