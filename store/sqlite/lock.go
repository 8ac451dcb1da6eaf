package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jeroboam-cloud/jeroboam"
)

// lockFile holds the process number of the server that has the directory. The
// kernel drops the lock with the process, so that a stale file means nothing.
const lockFile = "lock"

type lock struct{ file *os.File }

func lockDir(dir string) (*lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state directory: %w", classify(err))
	}
	file, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the state directory: %w", classify(err))
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		defer file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, inUse(dir, file)
		}
		return nil, fmt.Errorf("lock the state directory: %w", classify(err))
	}
	l := &lock{file}
	if err := l.sign(); err != nil {
		return nil, errors.Join(fmt.Errorf("write the lock of the state directory: %w", classify(err)), l.release())
	}
	return l, nil
}

func (l *lock) sign() error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

func inUse(dir string, file *os.File) error {
	holder := "Another process"
	if b, err := io.ReadAll(io.LimitReader(file, 32)); err == nil && len(b) > 0 {
		holder = "Process " + strings.TrimSpace(string(b))
	}
	return jeroboam.Errorf(jeroboam.Conflict, "state-in-use", "%s is serving the state directory %s already.", holder, dir).
		WithRemedy("Stop it first, or give this server a state directory of its own.")
}

func (l *lock) release() error { return l.file.Close() }
