// Package identity answers who is calling.
package identity

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam"
)

// Authenticator turns a token into a Caller. A missing, unknown or expired
// token is jeroboam.Unauthenticated; an identity service that does not answer
// is jeroboam.Unavailable.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (jeroboam.Caller, error)
}
