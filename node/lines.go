package node

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Bounds of one message of the stream, in bytes. A config carries files; what
// an agent says is small.
const (
	MaxToAgent   = 8 << 20
	MaxToService = 256 << 10
)

// ErrTooLong is a message longer than its bound. The stream cannot go on after it.
var ErrTooLong = errors.New("message too long")

// Reader reads messages of the stream: one JSON value a line.
type Reader struct {
	lines *bufio.Reader
	max   int
	long  []byte // holds a line that outgrows the buffer of lines
}

// NewReader reads messages of at most max bytes.
func NewReader(r io.Reader, max int) *Reader {
	return &Reader{lines: bufio.NewReaderSize(r, min(4096, max)), max: max}
}

// Read reads the next message into message; io.EOF when there is none, also
// when the stream ends in the middle of a line. Empty lines are passed over,
// and so are fields this version does not know.
func (r *Reader) Read(message any) error {
	for {
		line, err := r.line()
		if err != nil {
			return err
		}
		if len(line) == 0 {
			continue
		}
		if err := json.Unmarshal(line, message); err != nil {
			return fmt.Errorf("decode message: %w", err)
		}
		return nil
	}
}

// line returns the next line without its end, valid until the next call.
func (r *Reader) line() ([]byte, error) {
	r.long = r.long[:0]
	for {
		part, err := r.lines.ReadSlice('\n')
		if err == nil {
			part = part[:len(part)-1]
		}
		if len(r.long)+len(part) > r.max {
			return nil, ErrTooLong
		}
		switch {
		case err == nil && len(r.long) == 0:
			return part, nil
		case err == nil:
			return append(r.long, part...), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
		r.long = append(r.long, part...)
	}
}

// Writer writes messages of the stream; any number of goroutines may share it.
type Writer struct {
	mu    sync.Mutex
	w     io.Writer
	flush func() error
	max   int
}

// NewWriter writes messages of at most max bytes; flush, when not nil, is
// called after each.
func NewWriter(w io.Writer, max int, flush func() error) *Writer {
	return &Writer{w: w, max: max, flush: flush}
}

// Write writes one message and flushes it. A message over the bound is refused
// with ErrTooLong and nothing of it is written.
func (w *Writer) Write(message any) error {
	data, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	if len(data) > w.max {
		return fmt.Errorf("%d bytes: %w", len(data), ErrTooLong)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.w.Write(append(data, '\n')); err != nil {
		return err
	}
	if w.flush == nil {
		return nil
	}
	return w.flush()
}
