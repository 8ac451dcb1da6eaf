package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// busy is a Backend whose transactions end with these errors, the last of them
// for ever.
type busy struct {
	store.Backend
	ends []error
	runs int
}

func (b *busy) Update(context.Context, func(store.Tx) error) error {
	b.runs++
	return b.ends[min(b.runs, len(b.ends))-1]
}

func TestATransactionThatMetAnotherIsRunAgain(t *testing.T) {
	other := errors.New("the disk is full")
	stale, taken := store.Stale("cluster", "c1"), store.Taken("cluster", "c1")
	refused := jeroboam.Errorf(jeroboam.Conflict, "in-progress", "It is being deleted.")
	for name, row := range map[string]struct {
		ends []error
		want error
		runs int
	}{
		"none is in the way":              {[]error{nil}, nil, 1},
		"one has written before":          {[]error{stale, nil}, nil, 2},
		"one has made the same before":    {[]error{taken, nil}, nil, 2},
		"there is always another":         {[]error{stale}, stale, 5},
		"another error is nobody's fault": {[]error{other, nil}, other, 1},
		"a conflict that f itself sees":   {[]error{refused, nil}, refused, 1},
	} {
		b := &busy{ends: row.ends}
		err := store.Retry(t.Context(), b, func(store.Tx) error { return nil })
		if !errors.Is(err, row.want) || b.runs != row.runs {
			t.Errorf("%s: %v after %d runs, want %v after %d", name, err, b.runs, row.want, row.runs)
		}
	}
}
