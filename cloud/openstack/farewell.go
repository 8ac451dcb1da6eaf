package openstack

import (
	"context"
	"slices"
	"time"

	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/pace"
)

// A call waits this long for something to be gone, looking this often. All that
// are deleted at the time share the looks.
const (
	deleteWait = 5 * time.Second
	deleteLook = time.Second
)

// farewell is how something goes that takes its time.
type farewell[T any] struct {
	what  string // e.g. "machine demo-worker-0"
	known T      // what was there once, for all that is known; without an ID nothing was
	id    func(T) string
	list  func() ([]T, error)
	drop  func(T) error
}

// untilGone deletes what is listed until nothing is. It does not take a list's
// word that one is gone whose ID is known: only a 404 proves it.
func untilGone[T any](ctx context.Context, f farewell[T]) error {
	known := f.id(f.known)
	for until := time.Now().Add(deleteWait); ; {
		all, err := f.list()
		if err != nil {
			return err
		}
		there := len(all) > 0
		if known != "" && !slices.ContainsFunc(all, func(v T) bool { return f.id(v) == known }) {
			all = append(all, f.known)
		}
		known = ""
		for _, v := range all {
			if err := f.drop(v); err != nil {
				return err
			}
		}
		if !there {
			return nil
		}
		if time.Now().After(until) || pace.Pause(ctx, deleteLook) != nil {
			return fault.Deleting(f.what)
		}
	}
}
