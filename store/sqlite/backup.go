package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Backup copies the database of a state directory, which may be served
// meanwhile, into a new file: one state of it, as of one commit.
func Backup(ctx context.Context, dir, to string) (err error) {
	path := filepath.Join(dir, File)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return jeroboam.Errorf(jeroboam.NotFound, "no-database", "There is no database in %s.", dir).
			WithRemedy("Name the state directory of a service with --state.")
	}
	copied, err := create(to)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, copied.Close()); err != nil {
			err = errors.Join(err, os.Remove(to))
		}
	}()
	db, err := sql.Open("sqlite", dsn(path, false))
	if err != nil {
		return classify(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", to); err != nil { // into the empty file, for its owner alone
		return fmt.Errorf("copy the database: %w", classify(err))
	}
	return classify(copied.Sync())
}

// create makes a new file for its owner alone.
func create(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, jeroboam.Errorf(jeroboam.Conflict, store.ReasonNotEmpty, "There is a file %s already.", path).
			WithRemedy("Choose another name, or move the file away.")
	}
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", path, classify(err))
	}
	return file, nil
}

// Restore makes a backup the database of a state directory that has none, and
// opens it once to see that it is sound.
func Restore(ctx context.Context, from, dir string) (err error) {
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, File)
	if err := copyFile(from, path); err != nil {
		return errors.Join(err, lock.release())
	}
	if err := lock.release(); err != nil {
		return err
	}
	b, err := Open(ctx, Options{Dir: dir})
	if err != nil {
		return errors.Join(err, removeAll(path))
	}
	return b.Close()
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return jeroboam.Errorf(jeroboam.Invalid, "no-backup", "The backup %s cannot be read.", from).
			WithRemedy("Check its path and permissions.").Wrap(err)
	}
	defer source.Close()
	file, err := create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, source)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(fmt.Errorf("copy the backup: %w", classify(err)), os.Remove(to))
	}
	return nil
}

// removeAll removes a database that was refused, and what SQLite put beside it.
func removeAll(path string) error {
	var errs []error
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
