package store

import (
	"context"
	"errors"
	"regexp"

	"github.com/jeroboam-cloud/jeroboam"
)

// Reasons of the errors that every Backend returns alike.
const (
	ReasonAbsent   = "absent"   // NotFound: no such record
	ReasonRevision = "revision" // Conflict: the record has moved on since it was read
	ReasonExists   = "exists"   // Conflict: the ID is taken
	ReasonMarker   = "marker"   // NotFound: the Marker of a Query is not among its records
	ReasonSort     = "sort"     // Invalid: a Query sorts by what cannot be a field
	ReasonReadOnly = "read-only-transaction"
	ReasonWorking  = "working" // Internal: Work was called twice
	ReasonStopped  = "stopped" // Unavailable: the caller gave up, or the Backend was closed
	ReasonLost     = "lost"    // Conflict: a run wrote after another server had taken its cluster up
	ReasonText     = "text"    // Invalid: a column's text is not UTF-8 without zero bytes
	ReasonNotEmpty = "not-empty"
)

// Reasons of Unavailable errors: the database has a trouble of its own.
const (
	ReasonDiskFull   = "disk-full"
	ReasonUnwritable = "read-only"
	ReasonBusy       = "busy"
	ReasonCorrupt    = "corrupt"
	ReasonDisk       = "disk"
	ReasonGone       = "gone"
	ReasonDatabase   = "database"
)

// Absent is the error for a record that is not there.
func Absent(kind, id string) error {
	return jeroboam.Errorf(jeroboam.NotFound, ReasonAbsent, "There is no %s %s.", kind, id)
}

// Stale is the error for a write that expected another revision.
func Stale(kind, id string) error {
	return jeroboam.Errorf(jeroboam.Conflict, ReasonRevision, "The %s %s was changed by another request.", kind, id).
		WithRemedy("Read it again and repeat the change.")
}

// Taken is the error for an insert of an ID that exists.
func Taken(kind, id string) error {
	return jeroboam.Errorf(jeroboam.Conflict, ReasonExists, "There is a %s %s already.", kind, id)
}

// NoMarker is the error for a page that starts after an unknown record.
func NoMarker(kind, id string) error {
	return jeroboam.Errorf(jeroboam.NotFound, ReasonMarker, "The marker %s is no %s of this list.", id, kind).
		WithRemedy("Start again from the first page.")
}

// WriteInView is the error for a write in a read-only transaction.
func WriteInView() error {
	return jeroboam.Errorf(jeroboam.Internal, ReasonReadOnly, "A read-only transaction was asked to write.")
}

// Working is the error of a second Work at the same time on one Backend.
func Working() error {
	return jeroboam.Errorf(jeroboam.Internal, ReasonWorking, "The store's jobs are being worked already.")
}

// Lost is the error of a run that goes on although another server has taken
// its cluster up, because this one was silent for too long.
func Lost() error {
	return jeroboam.Errorf(jeroboam.Conflict, ReasonLost, "Another server has taken up the cluster.")
}

// NotEmpty is the error for filling a database that has records.
func NotEmpty() error {
	return jeroboam.Errorf(jeroboam.Conflict, ReasonNotEmpty, "The database has records already.").
		WithRemedy("Choose an empty one.")
}

// Stopped is the error of a call that was given up before it did anything.
func Stopped(cause error) error {
	e := jeroboam.Errorf(jeroboam.Unavailable, ReasonStopped, "The store stopped before the request was done.")
	if errors.Is(cause, context.DeadlineExceeded) {
		e.Kind = jeroboam.Timeout
	}
	return e.Wrap(cause)
}

var sortField = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$`)

// CheckSort keeps Query.Sort to plain field names, as Backends put it into queries.
func CheckSort(field string) error {
	if field == "" || len(field) <= 64 && sortField.MatchString(field) {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Invalid, ReasonSort, "%q is no field to sort by.", field)
}

// CheckFacets keeps facets, of which there is at least one, to plain fields.
func CheckFacets(by []Facet) error {
	for _, f := range by {
		if err := CheckSort(f.Field); err != nil {
			return err
		}
	}
	if len(by) == 0 || by[0].Field == "" {
		return jeroboam.Errorf(jeroboam.Internal, "tally", "A tally needs fields to count by.")
	}
	return nil
}
