package engine

import (
	"maps"
	"slices"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// journal holds the open lines of the operation under way: what they should
// say, and what the store says. They are written together, once a turn.
type journal struct {
	lines   map[string]entry
	written map[string]entry
	trouble error // why machines cannot be configured
}

func newJournal() journal {
	return journal{lines: map[string]entry{}, written: map[string]entry{}}
}

// say changes what a line should say.
func (j journal) say(name string, v entry) { j.lines[name] = v }

// closed tells that a line has been ended in the store, with the step's own
// transaction.
func (j journal) closed(name string) {
	delete(j.lines, name)
	delete(j.written, name)
}

// finish ends the open lines that keep does not hold: what they stand for has
// come about.
func (j journal) finish(keep func(name string) bool) {
	for name, v := range j.lines {
		if !keep(name) && v.state != jeroboam.StepFailed {
			j.lines[name] = entry{state: jeroboam.StepDone}
		}
	}
}

// dirty lists the lines to write, in a stable order.
func (j journal) dirty() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(j.lines)) {
		old, ok := j.written[name]
		if v := j.lines[name]; !ok || old.state != v.state || old.message != v.message || !sameCause(old.cause, v.cause) {
			out = append(out, name)
		}
	}
	return out
}

// flushed tells that all lines have been written.
func (j journal) flushed() {
	for name, v := range j.lines {
		if v.state == jeroboam.StepDone {
			j.closed(name)
			continue
		}
		j.written[name] = v
	}
}

// blocking is the cause of the first line that waits for a person.
func (j journal) blocking() *jeroboam.Cause {
	for _, name := range slices.Sorted(maps.Keys(j.lines)) {
		if v := j.lines[name]; v.state == jeroboam.StepBlocked {
			return v.cause
		}
	}
	return nil
}

// broken is the cause of the first line that was given up.
func (j journal) broken() *jeroboam.Cause {
	for _, name := range slices.Sorted(maps.Keys(j.lines)) {
		if v := j.lines[name]; v.state == jeroboam.StepFailed {
			return v.cause
		}
	}
	return nil
}

// reopen reads the lines an earlier run left open.
func (j *journal) reopen(tx store.Tx, op jeroboam.Operation) error {
	*j = newJournal()
	steps, err := store.List[jeroboam.Step](tx, store.Query{Parent: op.ID})
	for _, s := range steps {
		if s.State != jeroboam.StepDone && s.State != jeroboam.StepFailed {
			v := entry{state: s.State, message: s.Message, cause: s.Cause}
			j.lines[s.Name], j.written[s.Name] = v, v
		}
	}
	return err
}
