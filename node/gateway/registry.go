// Package gateway is the service's side of the join protocol: it lets agents
// in, hands out machine configs, has certificates signed and passes reports on.
package gateway

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam/node"
)

// Registry is who knows the machines. Its errors are jeroboam.Errors.
type Registry interface {
	// Join spends a one-time token; Unauthenticated when it is not this
	// machine's, or was spent with another key (fingerprint: hex SHA-256 of the
	// public key).
	Join(ctx context.Context, machine, token, fingerprint string) error
	// Hello and Gone tell that a machine's agent came or went.
	Hello(ctx context.Context, hello node.Hello) error
	Gone(ctx context.Context, machine string) error
	// Config returns the machine's config: ready false while it cannot be made
	// yet (the gateway is told by Changed when to ask again); NotFound when the
	// machine is no more.
	Config(ctx context.Context, machine string) (config node.Config, ready bool, err error)
	// Sign returns the PEM certificate for a CSR the machine's config asks for.
	Sign(ctx context.Context, machine string, request node.SignRequest) (string, error)
	Report(ctx context.Context, machine string, report node.Report) error
	// Changed receives the IDs of machines whose config may have changed.
	Changed() <-chan string
}
