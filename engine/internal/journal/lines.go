package journal

import (
	"maps"
	"slices"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Lines are the open lines of the operation under way: what they should say, and
// what the store says. They are written together, once a turn.
type Lines struct {
	lines   map[string]Entry
	written map[string]Entry
}

// NewLines returns no lines.
func NewLines() Lines { return Lines{lines: map[string]Entry{}, written: map[string]Entry{}} }

// Reopen reads the lines an earlier run left open.
func Reopen(tx store.Tx, op jeroboam.Operation) (Lines, error) {
	l := NewLines()
	steps, err := store.List[jeroboam.Step](tx, store.Query{Parent: op.ID})
	for _, s := range steps {
		if !ended(s.State) {
			v := Entry{State: s.State, Message: s.Message, Cause: s.Cause}
			l.lines[s.Name], l.written[s.Name] = v, v
		}
	}
	return l, err
}

// Say changes what a line should say.
func (l Lines) Say(name string, v Entry) { l.lines[name] = v }

// Said is what a line should say; false: it is not open.
func (l Lines) Said(name string) (Entry, bool) {
	v, open := l.lines[name]
	return v, open
}

// Closed tells that a line has been ended in the store, with the step's own
// transaction.
func (l Lines) Closed(name string) {
	delete(l.lines, name)
	delete(l.written, name)
}

// Finish ends the open lines that keep does not hold: what they stand for has
// come about.
func (l Lines) Finish(keep func(name string) bool) {
	for name, v := range l.lines {
		if !keep(name) && v.State != jeroboam.StepFailed {
			l.lines[name] = Entry{State: jeroboam.StepDone}
		}
	}
}

// Dirty lists the lines to write, in a stable order.
func (l Lines) Dirty() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(l.lines)) {
		if old, ok := l.written[name]; !ok || !old.same(l.lines[name]) {
			out = append(out, name)
		}
	}
	return out
}

// Flush writes them; Flushed is to be called when the transaction is done.
func (l Lines) Flush(tx store.Tx, j Journal, op jeroboam.Operation) error {
	for _, name := range l.Dirty() {
		if err := j.Write(tx, op, name, l.lines[name]); err != nil {
			return err
		}
	}
	return nil
}

// Flushed tells that all lines have been written.
func (l Lines) Flushed() {
	for name, v := range l.lines {
		if v.State == jeroboam.StepDone {
			l.Closed(name)
			continue
		}
		l.written[name] = v
	}
}

// Cause is that of the first line in a state: blocked, it waits for a person;
// failed, it was given up.
func (l Lines) Cause(state jeroboam.StepState) *jeroboam.Cause {
	for _, name := range slices.Sorted(maps.Keys(l.lines)) {
		if v := l.lines[name]; v.State == state {
			return v.Cause
		}
	}
	return nil
}
