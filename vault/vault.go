// Package vault is where secrets rest.
package vault

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam"
)

// ReasonKey is the reason of errors about keys: one is missing or wrong.
const ReasonKey = "vault-key"

// Limit is how long a secret may be, in bytes: every vault can keep so much.
const Limit = 12 << 10

// Vault keeps secrets by owner (a cluster ID, or "service") and name. A secret
// that Check refuses is refused by every vault.
type Vault interface {
	// Ensure returns the secret; if there is none it stores what create makes.
	// Two callers at once get the same secret.
	Ensure(ctx context.Context, owner, name string, create func() (jeroboam.Secret, error)) (jeroboam.Secret, error)
	// Get returns the secret, or jeroboam.NotFound.
	Get(ctx context.Context, owner, name string) (jeroboam.Secret, error)
	// Put stores the secret over any older one.
	Put(ctx context.Context, owner, name string, secret jeroboam.Secret) error
	// Delete deletes one secret; absent is success.
	Delete(ctx context.Context, owner, name string) error
	// Forget deletes every secret of the owner; none is success.
	Forget(ctx context.Context, owner string) error
}

// Check refuses (jeroboam.Invalid) what a vault does not keep: a secret of
// nobody, an empty one, and one of more than Limit bytes.
func Check(owner, name string, secret jeroboam.Secret) error {
	switch {
	case owner == "" || name == "":
		return jeroboam.Errorf(jeroboam.Internal, "secret-name", "A secret needs an owner and a name.")
	case secret == "":
		return jeroboam.Errorf(jeroboam.Invalid, "secret-empty", "The secret %s of %s is empty.", name, owner)
	case len(secret) > Limit:
		return jeroboam.Errorf(jeroboam.Invalid, "secret-size", "The secret %s of %s has %d bytes; a vault keeps up to %d.", name, owner, len(secret), Limit).
			WithRemedy("Keep in the vault only what is secret of it.")
	}
	return nil
}

// Elsewhere is the Conflict that a store's secrets are those of another vault.
func Elsewhere() error {
	return jeroboam.Errorf(jeroboam.Conflict, "vault-elsewhere", "The secrets of this database are kept in another vault.").
		WithRemedy("Choose the vault that the service had when it last ran.")
}
