package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// Exit codes, stable for scripts; docs/getting-started.md lists them.
const (
	exitOK          = 0
	exitFailure     = 1 // anything without a code of its own
	exitUsage       = 2 // wrong command line, wrong value
	exitNotFound    = 3
	exitConflict    = 4 // the present state forbids it
	exitForbidden   = 5 // no or bad credentials, or not allowed
	exitQuota       = 6
	exitUnavailable = 7 // something did not answer, or has no room; try again
	exitTimeout     = 8
	exitUnsupported = 9
	exitInterrupted = 130 // by a signal
)

var exitCodes = map[jeroboam.Kind]int{
	"":                       exitOK,
	jeroboam.Invalid:         exitUsage,
	jeroboam.NotFound:        exitNotFound,
	jeroboam.Conflict:        exitConflict,
	jeroboam.Unauthenticated: exitForbidden,
	jeroboam.Forbidden:       exitForbidden,
	jeroboam.QuotaExceeded:   exitQuota,
	jeroboam.Unavailable:     exitUnavailable,
	jeroboam.Timeout:         exitTimeout,
	jeroboam.Unsupported:     exitUnsupported,
	jeroboam.Internal:        exitFailure,
}

// errInterrupted is returned by a command that a signal ended.
var errInterrupted = errors.New("interrupted")

func exitCode(err error) int {
	if errors.Is(err, errInterrupted) {
		return exitInterrupted
	}
	return exitCodes[jeroboam.KindOf(err)]
}

// report writes every error that err joins as the user should read it.
func report(w io.Writer, err error) {
	for at := err; at != nil; at = errors.Unwrap(at) {
		if joined, ok := at.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				report(w, e)
			}
			return
		}
		if e, ours := at.(*jeroboam.Error); ours {
			fmt.Fprintf(w, "Error: %s\n", detail(e))
			if e.Remedy != "" {
				fmt.Fprintf(w, "  Remedy: %s\n", e.Remedy)
			}
			return
		}
	}
	fmt.Fprintf(w, "Error: %v\n", err)
}

// detail shows the operator's part too: at the command line the user is the
// operator, and a cause that is hidden here is shown nowhere.
func detail(e *jeroboam.Error) string {
	text := e.Detail
	if text == "" {
		text = "The request failed (" + string(e.Kind) + ")."
	}
	if e.Err == nil {
		return text
	}
	return text + " (" + strings.TrimSpace(e.Err.Error()) + ")"
}

// usage is an error of the command line itself.
func usage(remedy, format string, args ...any) error {
	return jeroboam.Errorf(jeroboam.Invalid, "usage", format, args...).WithRemedy("%s", remedy)
}
