package jeroboam

import (
	"errors"
	"fmt"
	"strings"
)

// Kind classifies an error by who must act and how a caller should react.
type Kind string

// The kinds of error. An error without one is Internal.
const (
	Invalid         Kind = "invalid"         // the request is wrong; the user changes it
	Unauthenticated Kind = "unauthenticated" // no caller, or a stale token
	Forbidden       Kind = "forbidden"       // the caller may not do this
	NotFound        Kind = "not-found"       // absent, or invisible to the caller
	Conflict        Kind = "conflict"        // the object's present state forbids it
	QuotaExceeded   Kind = "quota-exceeded"  // a limit of the project or of the cloud
	Unsupported     Kind = "unsupported"     // this driver, COE or version cannot
	Unavailable     Kind = "unavailable"     // a dependency did not answer; try again
	Timeout         Kind = "timeout"         // a deadline passed
	Internal        Kind = "internal"        // our own fault
)

// Error is the one error type of the house. Reason is stable and read by
// machines; Detail and Remedy are shown to the user; Err is for the operator
// and never leaves the service's own logs.
type Error struct {
	Kind   Kind
	Reason string // stable word, e.g. "template", "quota", "image-missing"
	Detail string // one sentence: what is wrong
	Remedy string // one sentence: what to do about it; may be empty
	Err    error  // the cause, for the operator
}

// Errorf makes an Error whose Detail is the formatted text.
func Errorf(kind Kind, reason, format string, args ...any) *Error {
	return &Error{Kind: kind, Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// WithRemedy returns a copy of e that tells the user what to do.
func (e *Error) WithRemedy(format string, args ...any) *Error {
	with := *e
	with.Remedy = fmt.Sprintf(format, args...)
	return &with
}

// Wrap returns a copy of e that carries err for the operator.
func (e *Error) Wrap(err error) *Error {
	with := *e
	with.Err = err
	return &with
}

func (e *Error) Error() string {
	text := e.Detail
	if text == "" {
		text = string(e.Kind)
	}
	if e.Remedy != "" {
		text += " " + e.Remedy
	}
	if e.Err != nil {
		text += " (" + e.Err.Error() + ")"
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the outermost Error in err's chain, Internal for
// an error of another type and "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := AsError(err); ok {
		return e.Kind
	}
	return Internal
}

// AsError finds the outermost Error in err's chain.
func AsError(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// Cause is the part of an Error that is kept in records and shown to users.
type Cause struct {
	Kind   Kind   `json:"kind"`
	Reason string `json:"reason"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`
}

// Text is the cause as a user reads it: what is wrong, and what to do about it.
// No cause has none.
func (c *Cause) Text() string {
	if c == nil {
		return ""
	}
	return strings.TrimSpace(c.Detail + " " + c.Remedy)
}

// Err is the error that the cause was taken from, without the operator's part:
// for who is told of it by another process.
func (c *Cause) Err() *Error {
	return &Error{Kind: c.Kind, Reason: c.Reason, Detail: c.Detail, Remedy: c.Remedy}
}

// CauseOf turns any error into what a user may see: the text of an error that
// is not ours stays with the operator.
func CauseOf(err error) *Cause {
	if err == nil {
		return nil
	}
	if e, ok := AsError(err); ok {
		return &Cause{Kind: e.Kind, Reason: e.Reason, Detail: e.Detail, Remedy: e.Remedy}
	}
	return &Cause{Kind: Internal, Reason: "internal", Detail: "The service met an unexpected error.",
		Remedy: "The operator finds its cause in the service's log."}
}
