package sqlite

import (
	"errors"
	"io/fs"
	"syscall"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// classify makes any error of SQLite or of the file system an Unavailable one
// that says what to do; errors that are classified already pass.
func classify(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := jeroboam.AsError(err); ok {
		return err
	}
	return verdict(err).Wrap(err)
}

func verdict(err error) *jeroboam.Error {
	var e *driver.Error
	code := 0
	if errors.As(err, &e) {
		code = e.Code() & 0xff // without the extension
	}
	switch {
	case code == lib.SQLITE_FULL, errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return unavailable(store.ReasonDiskFull, "The disk of the state directory is full.",
			"Free some space there; nothing that was accepted is lost, and work resumes by itself.")
	case code == lib.SQLITE_READONLY, code == lib.SQLITE_CANTOPEN, code == lib.SQLITE_PERM,
		errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		return unavailable(store.ReasonUnwritable, "The state directory cannot be written.",
			"Check that it is a directory, its owner, its mode, and that its file system is not mounted read-only.")
	case code == lib.SQLITE_BUSY, code == lib.SQLITE_LOCKED:
		return unavailable(store.ReasonBusy, "The database is busy.",
			"Try again; if it stays so, another program keeps the database file locked.")
	case code == lib.SQLITE_CORRUPT, code == lib.SQLITE_NOTADB:
		return unavailable(store.ReasonCorrupt, "The database file is damaged.", "Restore it from a backup.")
	case code == lib.SQLITE_IOERR:
		return unavailable(store.ReasonDisk, "The disk of the state directory failed.",
			"Look for its errors in the kernel's log.")
	}
	return unavailable(store.ReasonDatabase, "The database failed.", "The operator finds the cause in the service's log.")
}

func unavailable(reason, detail, remedy string) *jeroboam.Error {
	return &jeroboam.Error{Kind: jeroboam.Unavailable, Reason: reason, Detail: detail, Remedy: remedy}
}

// taken reports whether an insert met its ID, or a Seq that was given to it.
func taken(err error) bool {
	var e *driver.Error
	return errors.As(err, &e) && (e.Code() == lib.SQLITE_CONSTRAINT_UNIQUE || e.Code() == lib.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// endsTransaction reports whether SQLite may have rolled the whole transaction
// back: https://www.sqlite.org/lang_transaction.html, section 3.
func endsTransaction(err error) bool {
	var e *driver.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_FULL, lib.SQLITE_IOERR, lib.SQLITE_NOMEM, lib.SQLITE_BUSY, lib.SQLITE_INTERRUPT, lib.SQLITE_CORRUPT:
		return true
	}
	return false
}
