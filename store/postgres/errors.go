package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// classify makes any error of PostgreSQL or of the way to it an Unavailable one
// that says what to do; errors that are classified already pass.
func classify(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := jeroboam.AsError(err); ok {
		return err
	}
	var e *pgconn.PgError
	switch {
	case errors.As(err, &e):
		return verdict(e.Code).Wrap(err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, puddle.ErrClosedPool):
		return store.Stopped(err)
	case lost(err):
		return gone().Wrap(err)
	}
	return unavailable(store.ReasonDatabase, "The database failed.", "The operator finds the cause in the service's log.").Wrap(err)
}

// verdict reads an SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
func verdict(code string) *jeroboam.Error {
	switch code {
	case "53100":
		return unavailable(store.ReasonDiskFull, "The disk of the database is full.",
			"Free some space there; nothing that was accepted is lost, and work resumes by itself.")
	case "25006":
		return unavailable(store.ReasonUnwritable, "The database cannot be written.",
			"Name the primary server, not a standby, and check default_transaction_read_only.")
	case "42501":
		return unavailable(store.ReasonUnwritable, "The database's user may not do that.",
			"Make the user the owner of the database, or grant it CREATE and USAGE on the schema.")
	case "XX001", "XX002":
		return unavailable(store.ReasonCorrupt, "The database is damaged.", "Restore it from a backup.")
	case "58030":
		return unavailable(store.ReasonDisk, "The disk of the database failed.", "Look for its errors in the database's log.")
	case "28000", "28P01", "3D000":
		return unavailable(store.ReasonGone, "The database does not let the service in.",
			"Check the user, the password and the name of the database; the database's log says what was wrong.")
	}
	switch class := code[:min(2, len(code))]; {
	case class == "40", class == "53", code == "55P03", code == "57014":
		return unavailable(store.ReasonBusy, "The database is busy.", "Try again; if it stays so, raise max_connections or look for what holds its locks.")
	case class == "08", class == "57", code == "25P03":
		return gone()
	}
	return unavailable(store.ReasonDatabase, "The database failed.", "The operator finds the cause in the service's log.")
}

func gone() *jeroboam.Error {
	return unavailable(store.ReasonGone, "The database does not answer.",
		"Check that PostgreSQL runs and can be reached; work resumes by itself when it does.")
}

func unavailable(reason, detail, remedy string) *jeroboam.Error {
	return &jeroboam.Error{Kind: jeroboam.Unavailable, Reason: reason, Detail: detail, Remedy: remedy}
}

// repeatable reports whether a transaction that failed before its commit may
// succeed when it is run again: others were in its way, or its connection died,
// perhaps long ago.
func repeatable(err error) bool {
	var refused *pgconn.ConnectError
	return serialization(err) || lost(err) && !errors.As(err, &refused)
}

// serialization reports whether PostgreSQL rolled a transaction back for the
// sake of others.
func serialization(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01")
}

// lost reports whether the connection is gone.
func lost(err error) bool {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return strings.HasPrefix(e.Code, "57P") || strings.HasPrefix(e.Code, "08") || e.Code == "25P03"
	}
	var refused *pgconn.ConnectError
	return errors.As(err, &refused) || pgconn.SafeToRetry(err) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

// taken reports whether a record met its ID or Seq.
func taken(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "23505"
}
