package supervise

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Bounds of logs, and of the tail that goes into a state's message.
const (
	maxLog       = 16 << 20 // bytes; one older file of at most this size is kept
	maxTailLines = 20
	maxTailBytes = 2 << 10
)

// logs keeps one file for each service and task. A child writes to its file by
// itself, opened to append, so that it needs no agent to be heard.
type logs struct {
	dir string
	max int64
}

func (l logs) path(name string) string { return filepath.Join(l.dir, name+".log") }

// open opens a log for a child and tells its size before the child writes.
func (l logs) open(name string) (*os.File, int64, error) {
	file, err := os.OpenFile(l.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, 0, fmt.Errorf("open log: %w", err)
	}
	stat, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, 0, fmt.Errorf("open log: %w", err)
	}
	return file, stat.Size(), nil
}

// tail is the end of what was written since the log had size from.
func (l logs) tail(name string, from int64) string {
	file, err := os.Open(l.path(name))
	if err != nil {
		return ""
	}
	defer file.Close()
	stat, err := file.Stat()
	if err != nil {
		return ""
	}
	if stat.Size() < from { // it was cut in between
		from = 0
	}
	from = max(from, stat.Size()-maxTailBytes)
	data, err := io.ReadAll(io.NewSectionReader(file, from, stat.Size()-from))
	if err != nil {
		return ""
	}
	return lastLines(data)
}

// lastLines cuts text to the bounds of a tail, at the beginning of a line
// where there is one, and makes it valid UTF-8.
func lastLines(data []byte) string {
	data = bytes.TrimRight(data, "\n")
	if over := len(data) - maxTailBytes; over > 0 {
		data = data[over:]
	}
	for i, lines := len(data)-1, 0; i >= 0; i-- {
		if data[i] != '\n' {
			continue
		}
		if lines++; lines == maxTailLines {
			data = data[i+1:]
			break
		}
	}
	return strings.ToValidUTF8(string(data), "")
}

// trim cuts a log that has outgrown its bound: its end is copied to
// <name>.log.1 and the file, which its child goes on writing to, is emptied.
// What is written between the two is lost.
func (l logs) trim(name string) error {
	stat, err := os.Stat(l.path(name))
	if err != nil || stat.Size() <= l.max {
		return nil // a log that is not there needs no trimming
	}
	if err := l.copyEnd(l.path(name), stat.Size()); err != nil {
		return fmt.Errorf("keep the end of a log: %w", err)
	}
	if err := os.Truncate(l.path(name), 0); err != nil {
		return fmt.Errorf("empty a log: %w", err)
	}
	return nil
}

func (l logs) copyEnd(path string, size int64) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	if _, err := from.Seek(max(0, size-l.max), io.SeekStart); err != nil {
		return err
	}
	to, err := os.OpenFile(path+".1", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, io.LimitReader(from, l.max)); err != nil {
		to.Close()
		return err
	}
	return to.Close()
}
