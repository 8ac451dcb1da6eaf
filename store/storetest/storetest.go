// Package storetest is what every store.Backend must do. A Backend that passes
// may stand in for any other.
package storetest

import (
	"context"
	"testing"

	"github.com/jeroboam-cloud/jeroboam/store"
)

// Database opens its Backend, again after the last one was closed or cut off.
type Database func(t *testing.T) store.Backend

// Run runs the suite; fresh makes an empty Database for each test.
func Run(t *testing.T, fresh func(t *testing.T) Database) {
	for name, test := range map[string]func(*testing.T, Database){
		"a record is inserted, replaced and deleted under its revision": revisions,
		"an update that fails or panics leaves nothing":                 rollback,
		"an update reads its own writes and no one else's":              isolation,
		"a view is a snapshot and refuses to write":                     snapshot,
		"queries select by column":                                      selects,
		"lists sort by any field, absent values first":                  sorts,
		"pages follow one another in every order":                       pages,
		"a tally counts by what documents hold":                         tallies,
		"a query that cannot be answered is refused":                    refusals,
		"concurrent updates are serial":                                 serial,
		"updates that fail do not touch those beside them":              besideFailures,
		"a watch signals commits that touch what it watches":            watches,
		"a watch ends with its context and with the backend":            watchEnds,
		"what is committed is there after a reopen":                     reopens,
		"a backend behaves like a map":                                  likeMap,
		"a wake makes a run if and only if it commits":                  wakes,
		"a wake during a run is delivered or makes another run":         wokenDuring,
		"no wake is lost to a run that is ending":                       lostWake,
		"a cluster has one run at a time":                               exclusive,
		"no more runs than the concurrency":                             concurrency,
		"a run is repeated when it asks to be":                          again,
		"a run that fails is repeated until it succeeds":                retries,
		"a wake brings a later run forward":                             forward,
		"jobs wait for a worker and survive a reopen":                   jobsSurvive,
		"a stopped worker waits for its runs and forgets none":          stops,
		"only one worker at a time":                                     oneWorker,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, fresh(t))
		})
	}
}

// open opens the database until the end of the test.
func (d Database) open(t *testing.T) store.Backend {
	t.Helper()
	b := d(t)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b
}

func update(t *testing.T, b store.Backend, f func(store.Tx) error) {
	t.Helper()
	if err := b.Update(context.Background(), f); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

func view(t *testing.T, b store.Backend, f func(store.Tx) error) {
	t.Helper()
	if err := b.View(context.Background(), f); err != nil {
		t.Fatalf("View: %v", err)
	}
}

// put inserts or replaces records and returns them as stored.
func put(t *testing.T, b store.Backend, records ...store.Record) []store.Record {
	t.Helper()
	var stored []store.Record
	update(t, b, func(tx store.Tx) error {
		stored = nil
		for _, r := range records {
			r, err := tx.Put(r)
			if err != nil {
				return err
			}
			stored = append(stored, r)
		}
		return nil
	})
	return stored
}

func wake(t *testing.T, b store.Backend, clusters ...string) {
	t.Helper()
	update(t, b, func(tx store.Tx) error {
		for _, c := range clusters {
			if err := tx.Wake(c); err != nil {
				return err
			}
		}
		return nil
	})
}
