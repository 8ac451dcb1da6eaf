package engine

import (
	"errors"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
)

// later is what a step returns that is neither done nor in trouble, with what
// it waits for.
type later struct{ message string }

func (l later) Error() string { return "come back later: " + l.message }

// wait asks for the step to be called again soon. It costs no attempt: a slow
// cloud is not a failing one.
func wait(message string) error { return later{message: message} }

// How trouble is met.
const (
	firstLook     = 50 * time.Millisecond // at what is under way; then after a quarter of the time it took so far
	slowestLook   = 5 * time.Second
	firstRetry    = 100 * time.Millisecond // doubles
	slowestRetry  = 30 * time.Second
	blockedRetry  = 10 * time.Second // what only a person can mend is looked at again this often
	faultBudget   = 8                // attempts at what looks like our own fault
	patience      = time.Hour        // with a dependency that does not answer, if the operation has no deadline
	conflictTries = 5                // at a transaction that met another writer
)

// verdict is what follows from an error.
type verdict int

const (
	retry verdict = iota
	block         // shown at once, tried again slowly
	giveUp
)

// judge decides by the kind of error, how often it was tried and since when.
func judge(err error, attempt int, since time.Duration, deadline bool) verdict {
	switch jeroboam.KindOf(err) {
	case jeroboam.Unavailable, jeroboam.Timeout:
		if !deadline && since > patience {
			return giveUp
		}
		return retry
	case jeroboam.Internal:
		if attempt >= faultBudget {
			return giveUp
		}
		return retry
	}
	return block
}

// backoff is how long to wait after so many failed attempts in a row.
func backoff(attempt int) time.Duration {
	return min(firstRetry<<min(max(attempt-1, 0), 16), slowestRetry)
}

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
