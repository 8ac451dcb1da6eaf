// Package sealed keeps secrets in the store itself, encrypted with AES-256-GCM
// under a key that rests in a file beside it. Whoever has only the database, or
// a backup of it, has nothing. It never logs.
package sealed

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// ReasonKey is the reason of errors about keys: one is missing or wrong.
const ReasonKey = "vault-key"

// Vault is a vault.Vault over a store.Backend.
type Vault struct {
	db   store.Backend
	keys keyring
}

// Open reads the key file, or makes it (mode 0600) if the store holds no secret
// yet. A missing, unreadable or foreign key file is Unavailable.
func Open(ctx context.Context, db store.Backend, keyFile string) (*Vault, error) {
	var newest []store.Sealed
	err := db.View(ctx, func(tx store.Tx) (err error) {
		newest, err = store.List[store.Sealed](tx, store.Query{Desc: true, Limit: 1})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open the vault: %w", err)
	}
	keys, err := readKeys(keyFile, len(newest) == 0)
	if err != nil {
		return nil, fmt.Errorf("open the vault: %w", err)
	}
	v := &Vault{db: db, keys: keys}
	for _, s := range newest {
		if _, err := v.open(s); err != nil {
			return nil, fmt.Errorf("open the vault with %s: %w", keyFile, err)
		}
	}
	return v, nil
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
	fresh, err := v.seal(owner, name, secret)
	if err != nil {
		return "", err
	}
	err = v.db.Update(ctx, func(tx store.Tx) error { return store.Put(tx, &fresh) })
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
	err := v.db.View(ctx, func(tx store.Tx) (err error) {
		s, err = store.Get[store.Sealed](tx, id(owner, name))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read the secret %s of %s: %w", name, owner, err)
	}
	return v.open(s)
}

// Put stores the secret over any older one, under the newest key.
func (v *Vault) Put(ctx context.Context, owner, name string, secret jeroboam.Secret) error {
	fresh, err := v.seal(owner, name, secret)
	if err != nil {
		return err
	}
	err = v.db.Update(ctx, func(tx store.Tx) error {
		s := fresh
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

// seal encrypts under the newest key; the box opens under the same ID alone.
func (v *Vault) seal(owner, name string, secret jeroboam.Secret) (store.Sealed, error) {
	if owner == "" {
		return store.Sealed{}, jeroboam.Errorf(jeroboam.Internal, "owner", "A secret needs an owner.")
	}
	k := v.keys.newest()
	nonce := make([]byte, k.aead.NonceSize())
	rand.Read(nonce) //nolint:errcheck // never fails
	s := store.Sealed{ID: id(owner, name), Owner: owner, KeyID: k.id}
	s.Box = k.aead.Seal(nonce, nonce, []byte(secret.Reveal()), []byte(s.ID))
	return s, nil
}

func (v *Vault) open(s store.Sealed) (jeroboam.Secret, error) {
	k, ok := v.keys.find(s.KeyID)
	if !ok {
		return "", keyError("The secret %s is sealed with the key %s, which the key file does not hold.", s.ID, s.KeyID)
	}
	size := k.aead.NonceSize()
	if len(s.Box) < size {
		return "", damaged(s)
	}
	plain, err := k.aead.Open(nil, s.Box[:size], s.Box[size:], []byte(s.ID))
	if err != nil {
		return "", damaged(s)
	}
	return jeroboam.Secret(plain), nil
}

func damaged(s store.Sealed) error {
	return keyError("The secret %s does not open with the key %s: one of them was changed.", s.ID, s.KeyID)
}

func keyError(format string, args ...any) error {
	return jeroboam.Errorf(jeroboam.Unavailable, ReasonKey, format, args...).
		WithRemedy("Restore the vault's key file and the database from the same backup.")
}
