package identity

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam"
)

type learnKey struct{}

// Learn returns a context in which an identity service that lets somebody in by
// itself, such as at a login, tells f who that is.
func Learn(ctx context.Context, f func(jeroboam.Caller)) context.Context {
	return context.WithValue(ctx, learnKey{}, f)
}

// Tell passes who calls to whoever wants to learn it.
func Tell(ctx context.Context, caller jeroboam.Caller) {
	if f, ok := ctx.Value(learnKey{}).(func(jeroboam.Caller)); ok {
		f(caller)
	}
}
