package engine

import (
	"errors"

	"github.com/jeroboam-cloud/jeroboam"
)

// later is what a step returns that is neither done nor in trouble, with what
// it waits for.
type later struct{ message string }

func (l later) Error() string { return "come back later: " + l.message }

// wait asks for the step to be called again soon. It costs no attempt: a slow
// cloud is not a failing one.
func wait(message string) error { return later{message: message} }

// asLater finds a later in err's chain.
func asLater(err error) (later, bool) {
	var l later
	ok := errors.As(err, &l)
	return l, ok
}

// slow reports whether err says that something is under way: a wait, not a failure.
func slow(err error, reason string) bool {
	e, ok := jeroboam.AsError(err)
	return ok && e.Kind == jeroboam.Unavailable && e.Reason == reason
}
