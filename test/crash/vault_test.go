package crash

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// plainVault keeps secrets unsealed in the store, so that each write of it is
// one more place to pull the plug.
type plainVault struct{ store.Backend }

func (v plainVault) Ensure(ctx context.Context, owner, name string, create func() (jeroboam.Secret, error)) (jeroboam.Secret, error) {
	if have, err := v.Get(ctx, owner, name); jeroboam.KindOf(err) != jeroboam.NotFound {
		return have, err
	}
	secret, err := create()
	if err != nil {
		return "", err
	}
	return secret, v.Put(ctx, owner, name, secret)
}

func (v plainVault) Get(ctx context.Context, owner, name string) (jeroboam.Secret, error) {
	var s store.Sealed
	err := v.View(ctx, func(tx store.Tx) (err error) {
		s, err = store.Get[store.Sealed](tx, owner+"/"+name)
		return err
	})
	return jeroboam.Secret(s.Box), err
}

func (v plainVault) Put(ctx context.Context, owner, name string, secret jeroboam.Secret) error {
	return v.Update(ctx, func(tx store.Tx) error {
		s, err := store.Get[store.Sealed](tx, owner+"/"+name)
		if err != nil && jeroboam.KindOf(err) != jeroboam.NotFound {
			return err
		}
		s.ID, s.Owner, s.Box = owner+"/"+name, owner, []byte(secret.Reveal())
		return store.Put(tx, &s)
	})
}

func (v plainVault) Delete(ctx context.Context, owner, name string) error {
	err := v.Update(ctx, func(tx store.Tx) error { return tx.Delete(store.KindSealed, owner+"/"+name, 0) })
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return nil
	}
	return err
}

func (v plainVault) Forget(ctx context.Context, owner string) error {
	return v.Update(ctx, func(tx store.Tx) error {
		all, err := store.List[store.Sealed](tx, store.Query{Parent: owner})
		if err != nil {
			return err
		}
		for _, s := range all {
			if err := store.Delete(tx, s); err != nil {
				return err
			}
		}
		return nil
	})
}
