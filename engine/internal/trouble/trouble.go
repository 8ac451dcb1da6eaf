// Package trouble says when a step that did not succeed is tried again: how an
// error is met, how long to rest after it, and what is remembered of that
// between two stays at a cluster. It knows no step and no store.
package trouble

import (
	"time"

	"github.com/jeroboam-cloud/jeroboam"
)

// How trouble is met.
const (
	firstLook    = 50 * time.Millisecond // at what is under way; then after a quarter of the time it took so far
	slowestLook  = 5 * time.Second
	firstRetry   = 100 * time.Millisecond // doubles
	slowestRetry = 30 * time.Second
	faultBudget  = 8         // attempts at what looks like our own fault
	patience     = time.Hour // with a dependency that does not answer, if the operation has no deadline

	// Blocked is how often what only a person can mend is looked at again.
	Blocked = 10 * time.Second
)

// Verdict is what follows from an error.
type Verdict int

// The verdicts.
const (
	Retry Verdict = iota
	Block         // shown at once, tried again slowly
	GiveUp
)

// Judge decides by the kind of error, how often it was tried and since when.
func Judge(err error, attempt int, since time.Duration, deadline bool) Verdict {
	switch jeroboam.KindOf(err) {
	case jeroboam.Unavailable, jeroboam.Timeout:
		if !deadline && since > patience {
			return GiveUp
		}
		return Retry
	case jeroboam.Internal:
		if attempt >= faultBudget {
			return GiveUp
		}
		return Retry
	}
	return Block
}

// Backoff is how long to wait after so many failed attempts in a row.
func Backoff(attempt int) time.Duration {
	return min(firstRetry<<min(max(attempt-1, 0), 16), slowestRetry)
}
