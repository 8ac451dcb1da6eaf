// Package barbican keeps secrets in OpenStack's key manager. The store has a
// record of each, without the secret: it is written before Barbican is asked, so
// that what was made when a crash came is found again by its name, and it says
// which of Barbican's secrets is the one, so that two servers never disagree.
package barbican

import (
	"context"
	"errors"
	"fmt"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/vault"
)

// Vault is a vault.Vault over Barbican.
type Vault struct {
	db     store.Backend
	remote *remote
	memory *memory
}

// Open logs in. A store whose secrets are in another vault is a Conflict.
func Open(ctx context.Context, o Options) (*Vault, error) {
	v := &Vault{db: o.Store, remote: newRemote(o), memory: newMemory(o.Now)}
	err := v.check(ctx)
	if err == nil {
		err = v.remote.login(ctx)
	}
	if err != nil {
		v.Close()
		return nil, fmt.Errorf("open the vault: %w", err)
	}
	return v, nil
}

func (v *Vault) check(ctx context.Context) error {
	return v.db.View(ctx, func(tx store.Tx) error {
		newest, err := store.List[store.Sealed](tx, store.Query{Desc: true, Limit: 1})
		if err == nil && len(newest) > 0 && newest[0].Box != nil {
			return vault.Elsewhere()
		}
		return err
	})
}

// Close gives up the connections.
func (v *Vault) Close() { v.remote.transport.CloseIdleConnections() }

// Ensure returns the secret; if there is none it stores what create makes, or
// takes what an earlier call made that a crash cut short.
func (v *Vault) Ensure(ctx context.Context, owner, name string, create func() (jeroboam.Secret, error)) (jeroboam.Secret, error) {
	record, err := v.record(ctx, owner, name)
	switch {
	case err == nil && record.Ref != "":
		return v.payload(ctx, record)
	case err == nil:
		made, err := v.remote.find(ctx, record.ID)
		if err != nil {
			return "", keeping(owner, name, err)
		}
		if len(made) > 0 {
			return v.settled(ctx, owner, name, made[0])
		}
	case jeroboam.KindOf(err) != jeroboam.NotFound:
		return "", err
	}
	secret, err := create()
	if err != nil {
		return "", err
	}
	ref, err := v.make(ctx, owner, name, secret)
	if err != nil {
		return "", err
	}
	return v.settled(ctx, owner, name, ref)
}

// settled records the reference unless there is one already, and returns the
// secret of the one that is recorded.
func (v *Vault) settled(ctx context.Context, owner, name, ref string) (jeroboam.Secret, error) {
	record, err := v.point(ctx, owner, name, ref, false)
	if err != nil {
		return "", keeping(owner, name, err)
	}
	return v.payload(ctx, record)
}

// point records the reference, over an older one if told to, and deletes which
// of the two is not the one. Where the store does not say how a commit ended,
// none is deleted: Forget finds it by its name.
func (v *Vault) point(ctx context.Context, owner, name, ref string, over bool) (record store.Sealed, err error) {
	var spare string
	err = v.db.Update(ctx, func(tx store.Tx) (err error) {
		spare = ref
		if record, err = store.Get[store.Sealed](tx, id(owner, name)); err != nil || record.Ref != "" && !over {
			return err
		}
		spare, record.Ref = record.Ref, ref
		return store.Put(tx, &record)
	})
	forgotten := jeroboam.KindOf(err) == jeroboam.NotFound
	if err != nil && !forgotten {
		return record, err
	}
	if spare != "" && spare != record.Ref {
		v.memory.drop(spare)
		err = v.remote.delete(ctx, spare)
	}
	if forgotten && err == nil {
		err = jeroboam.Errorf(jeroboam.Conflict, "secret-forgotten", "The secrets of %s were deleted meanwhile.", owner)
	}
	return record, err
}

// make writes down that a secret of this name will be, then makes it.
func (v *Vault) make(ctx context.Context, owner, name string, secret jeroboam.Secret) (ref string, err error) {
	if err := vault.Check(owner, name, secret); err != nil {
		return "", err
	}
	err = v.db.Update(ctx, func(tx store.Tx) error {
		_, err := store.Get[store.Sealed](tx, id(owner, name))
		if jeroboam.KindOf(err) == jeroboam.NotFound {
			return store.Put(tx, &store.Sealed{ID: id(owner, name), Owner: owner})
		}
		return err
	})
	if err == nil {
		ref, err = v.remote.make(ctx, id(owner, name), secret)
	}
	if err != nil {
		return "", keeping(owner, name, err)
	}
	v.memory.put(ref, secret)
	return ref, nil
}

// Get returns the secret, or jeroboam.NotFound.
func (v *Vault) Get(ctx context.Context, owner, name string) (jeroboam.Secret, error) {
	record, err := v.record(ctx, owner, name)
	if err != nil {
		return "", err
	}
	if record.Ref == "" { // it was to be made, no more
		return "", jeroboam.Errorf(jeroboam.NotFound, "secret", "There is no secret %s of %s.", name, owner)
	}
	return v.payload(ctx, record)
}

func (v *Vault) record(ctx context.Context, owner, name string) (record store.Sealed, err error) {
	err = v.db.View(ctx, func(tx store.Tx) (err error) {
		record, err = store.Get[store.Sealed](tx, id(owner, name))
		return err
	})
	if err != nil {
		return record, fmt.Errorf("read the secret %s of %s: %w", name, owner, err)
	}
	return record, nil
}

func (v *Vault) payload(ctx context.Context, record store.Sealed) (jeroboam.Secret, error) {
	if secret, ok := v.memory.get(record.Ref); ok {
		return secret, nil
	}
	secret, err := v.remote.payload(ctx, record.Ref)
	if jeroboam.KindOf(err) == jeroboam.NotFound { // not so for who asks: it should be there
		err = jeroboam.Errorf(jeroboam.Unavailable, "barbican-lost", "Barbican has lost the secret %s.", record.ID).
			WithRemedy("Restore it, or make the cluster anew.").Wrap(err)
	}
	if err != nil {
		return "", fmt.Errorf("read the secret %s: %w", record.ID, err)
	}
	v.memory.put(record.Ref, secret)
	return secret, nil
}

// Put stores the secret over any older one. Barbican's secrets do not change:
// it makes another one, records it and deletes the older.
func (v *Vault) Put(ctx context.Context, owner, name string, secret jeroboam.Secret) error {
	ref, err := v.make(ctx, owner, name, secret)
	if err != nil {
		return err
	}
	if _, err := v.point(ctx, owner, name, ref, true); err != nil {
		return keeping(owner, name, err)
	}
	return nil
}

// Delete deletes one secret.
func (v *Vault) Delete(ctx context.Context, owner, name string) error {
	record, err := v.record(ctx, owner, name)
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return nil
	}
	if err == nil {
		err = v.delete(ctx, record)
	}
	if err != nil {
		return fmt.Errorf("delete the secret %s of %s: %w", name, owner, err)
	}
	return nil
}

// Forget deletes every secret of the owner, recorded or of a recorded name.
func (v *Vault) Forget(ctx context.Context, owner string) error {
	if err := v.forget(ctx, owner); err != nil {
		return fmt.Errorf("forget the secrets of %s: %w", owner, err)
	}
	return nil
}

func (v *Vault) forget(ctx context.Context, owner string) error {
	var records []store.Sealed
	err := v.db.View(ctx, func(tx store.Tx) (err error) {
		records, err = store.List[store.Sealed](tx, store.Query{Parent: owner})
		return err
	})
	if err != nil {
		return err
	}
	return v.delete(ctx, records...)
}

// delete deletes secrets from Barbican and then their records.
func (v *Vault) delete(ctx context.Context, records ...store.Sealed) error {
	for _, record := range records {
		v.memory.drop(record.Ref)
		if err := v.remote.deleteAll(ctx, record.ID); err != nil {
			return err
		}
	}
	return v.db.Update(ctx, func(tx store.Tx) error {
		var errs []error
		for _, record := range records {
			errs = append(errs, store.Delete(tx, record))
		}
		return errors.Join(errs...)
	})
}

func id(owner, name string) string { return owner + "/" + name }

func keeping(owner, name string, err error) error {
	return fmt.Errorf("keep the secret %s of %s: %w", name, owner, err)
}
