// Package vault is where secrets rest.
package vault

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam"
)

// Vault keeps secrets by owner (a cluster ID, or "service") and name.
type Vault interface {
	// Ensure returns the secret; if there is none it stores what create makes.
	// Two callers at once get the same secret.
	Ensure(ctx context.Context, owner, name string, create func() (jeroboam.Secret, error)) (jeroboam.Secret, error)
	// Get returns the secret, or jeroboam.NotFound.
	Get(ctx context.Context, owner, name string) (jeroboam.Secret, error)
	// Put stores the secret over any older one.
	Put(ctx context.Context, owner, name string, secret jeroboam.Secret) error
	// Forget deletes every secret of the owner; none is success.
	Forget(ctx context.Context, owner string) error
}
