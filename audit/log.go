// Package audit writes down every change that somebody asked for: who, what,
// from where, and with which outcome, denied ones too; one line of JSON each, in
// the words of CADF. It sees no body and no token, so that none can get in.
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
)

// Stdout as the name of a file is the standard output.
const Stdout = "-"

// Options say where the log goes.
type Options struct {
	File   string    // appended to, made for its owner alone; or Stdout
	Stdout io.Writer // what Stdout means
	Host   string    // of this process
	Logger *slog.Logger
}

// Log is an open log. It is safe for concurrent use.
type Log struct {
	Options
	observer Resource

	mu   sync.Mutex
	file *os.File // nil for Stdout
}

// Open opens the file.
func Open(o Options) (*Log, error) {
	l := &Log{Options: o, observer: Resource{TypeURI: serviceURI, ID: o.Host, Name: "jeroboam"}}
	if err := l.Reopen(); err != nil {
		return nil, err
	}
	return l, nil
}

// Reopen opens the file by its name again: the one before may have been moved
// away. If that fails the log goes on where it was.
func (l *Log) Reopen() error {
	if l.File == Stdout {
		return nil
	}
	file, err := os.OpenFile(l.File, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return jeroboam.Errorf(jeroboam.Invalid, "audit-log", "The audit log %s cannot be written.", l.File).
			WithRemedy("Check its directory and permissions, or name another file with --audit-log.").Wrap(err)
	}
	l.mu.Lock()
	before := l.file
	l.file = file
	l.mu.Unlock()
	if before != nil {
		return before.Close()
	}
	return nil
}

// Close closes the file.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// Observe is an api.Observer.
func (l *Log) Observe(ctx context.Context, x *api.Exchange) (context.Context, func()) {
	return ctx, func() {
		if !changes(x) {
			return
		}
		if err := l.write(eventOf(x, l.observer)); err != nil {
			l.Logger.ErrorContext(ctx, "audit log not written", "request", x.ID, "err", err)
		}
	}
}

func (l *Log) write(e Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode the event: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var out io.Writer = l.Stdout
	if l.file != nil {
		out = l.file
	}
	_, err = out.Write(append(line, '\n'))
	return err
}
