// Package sealed keeps secrets in the store itself, encrypted with AES-256-GCM
// under the vault's own keys. Those lie in the store too, sealed by a root key
// that rests elsewhere: in a file, or in a KMS. Whoever has only the database,
// or a backup of it, has nothing; a new key, which all servers of a database
// find in it, asks nothing of the root. It never logs.
package sealed

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/vault"
)

// Root is a source of root keys. What it seals is bound to a purpose: the box
// opens for the same one alone. It is safe for concurrent use.
type Root interface {
	// Newest is the ID of the root key that Wrap would use.
	Newest(ctx context.Context) (id string, err error)
	// Wrap seals a key under the newest root key, whose ID it returns.
	Wrap(ctx context.Context, key []byte, purpose string) (id string, box []byte, err error)
	// Unwrap opens a box of Wrap; jeroboam.NotFound if the root key is none of these.
	Unwrap(ctx context.Context, id string, box []byte, purpose string) ([]byte, error)
}

// Options are what a Vault is made of.
type Options struct {
	Store store.Backend
	Roots []Root // the first seals, all of them open
	Now   func() time.Time
}

// Vault is a vault.Vault over a store.Backend.
type Vault struct {
	db    store.Backend
	roots []Root
	now   func() time.Time
	ring  atomic.Pointer[ring]
}

// Open reads the vault's keys, or makes the first one. A root key that is
// missing, foreign or out of reach is Unavailable.
func Open(ctx context.Context, o Options) (*Vault, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	v := &Vault{db: o.Store, roots: o.Roots, now: o.Now}
	v.ring.Store(&ring{})
	if err := v.start(ctx); err != nil {
		return nil, fmt.Errorf("open the vault: %w", err)
	}
	return v, nil
}

// start opens every key, and the newest secret as a trial.
func (v *Vault) start(ctx context.Context) error {
	var keys []store.VaultKey
	var newest []store.Sealed
	err := v.db.View(ctx, func(tx store.Tx) (err error) {
		if keys, err = listKeys(tx); err == nil {
			newest, err = store.List[store.Sealed](tx, store.Query{Desc: true, Limit: 1})
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := v.learn(ctx, keys); err != nil {
		return err
	}
	for _, s := range newest {
		if s.Ref != "" || s.KeyID == "" {
			return vault.Elsewhere()
		}
		if _, err := v.open(ctx, s); err != nil {
			return err
		}
	}
	if len(keys) > 0 {
		return nil
	}
	if err := v.addKey(ctx, nil); !errors.Is(err, errRekeyed) {
		return err
	}
	return v.start(ctx) // another server was faster
}

// Ensure returns the secret; if there is none it stores what create makes.
func (v *Vault) Ensure(ctx context.Context, owner, name string, create func() (jeroboam.Secret, error)) (jeroboam.Secret, error) {
	secret, err := v.Get(ctx, owner, name)
	if jeroboam.KindOf(err) != jeroboam.NotFound {
		return secret, err
	}
	if secret, err = create(); err != nil {
		return "", err
	}
	if err := vault.Check(owner, name, secret); err != nil {
		return "", err
	}
	err = v.sealing(ctx, func(tx store.Tx, k key) error {
		s := k.seal(owner, name, secret)
		return store.Put(tx, &s)
	})
	if jeroboam.KindOf(err) == jeroboam.Conflict { // another caller was faster
		return v.Get(ctx, owner, name)
	}
	if err != nil {
		return "", fmt.Errorf("keep the secret %s of %s: %w", name, owner, err)
	}
	return secret, nil
}

// Get returns the secret, or jeroboam.NotFound.
func (v *Vault) Get(ctx context.Context, owner, name string) (jeroboam.Secret, error) {
	var s store.Sealed
	var unknown []store.VaultKey
	err := v.db.View(ctx, func(tx store.Tx) (err error) {
		if s, err = store.Get[store.Sealed](tx, id(owner, name)); err == nil && !v.ring.Load().has(s.KeyID) {
			unknown, err = listKeys(tx)
		}
		return err
	})
	if err == nil && len(unknown) > 0 {
		err = v.learn(ctx, unknown)
	}
	if err != nil {
		return "", fmt.Errorf("read the secret %s of %s: %w", name, owner, err)
	}
	return v.open(ctx, s)
}

// Put stores the secret over any older one.
func (v *Vault) Put(ctx context.Context, owner, name string, secret jeroboam.Secret) error {
	if err := vault.Check(owner, name, secret); err != nil {
		return err
	}
	err := v.sealing(ctx, func(tx store.Tx, k key) error {
		s := k.seal(owner, name, secret)
		old, err := store.Get[store.Sealed](tx, s.ID)
		switch {
		case err == nil:
			s.Revision = old.Revision
		case jeroboam.KindOf(err) != jeroboam.NotFound:
			return err
		}
		return store.Put(tx, &s)
	})
	if err != nil {
		return fmt.Errorf("keep the secret %s of %s: %w", name, owner, err)
	}
	return nil
}

// Delete deletes one secret.
func (v *Vault) Delete(ctx context.Context, owner, name string) error {
	err := v.db.Update(ctx, func(tx store.Tx) error { return tx.Delete(store.KindSealed, id(owner, name), 0) })
	if err != nil && jeroboam.KindOf(err) != jeroboam.NotFound {
		return fmt.Errorf("delete the secret %s of %s: %w", name, owner, err)
	}
	return nil
}

// Forget deletes every secret of the owner.
func (v *Vault) Forget(ctx context.Context, owner string) error {
	err := v.db.Update(ctx, func(tx store.Tx) error {
		secrets, err := store.List[store.Sealed](tx, store.Query{Parent: owner})
		for _, s := range secrets {
			err = errors.Join(err, store.Delete(tx, s))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("forget the secrets of %s: %w", owner, err)
	}
	return nil
}

func id(owner, name string) string { return owner + "/" + name }

// sealing runs f in a transaction in which k is the key that seals. Another
// server may have made a newer one: a secret must never be left under a key
// that is about to go.
func (v *Vault) sealing(ctx context.Context, f func(tx store.Tx, k key) error) error {
	for {
		r := v.ring.Load()
		var keys []store.VaultKey
		err := v.db.Update(ctx, func(tx store.Tx) (err error) {
			if keys, err = listKeys(tx); err != nil {
				return err
			}
			if newestKey(keys) != r.newest {
				return errRekeyed
			}
			return f(tx, r.keys[r.newest])
		})
		if !errors.Is(err, errRekeyed) {
			return err
		}
		if err := v.learn(ctx, keys); err != nil {
			return err
		}
	}
}

// open needs every key of the store that the secret may be sealed with in the
// ring. What is under none was sealed by a root key itself, as secrets were
// before the vault had keys of its own.
func (v *Vault) open(ctx context.Context, s store.Sealed) (jeroboam.Secret, error) {
	if k, ok := v.ring.Load().keys[s.KeyID]; ok {
		return k.open(s)
	}
	plain, err := unwrap(ctx, v.roots, s.KeyID, s.Box, s.ID)
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return "", keyError("The secret %s is sealed with the key %s, which is not there.", s.ID, s.KeyID)
	}
	if err != nil {
		return "", fmt.Errorf("open the secret %s: %w", s.ID, err)
	}
	return jeroboam.Secret(plain), nil
}
