// Package farewell deletes what takes its time to be gone.
package farewell

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
	wait = 5 * time.Second
	look = time.Second
)

// Of is how something goes that takes its time.
type Of[T any] struct {
	What  string // e.g. "machine demo-worker-0"
	Known T      // what was there once, for all that is known; without an ID nothing was
	ID    func(T) string
	List  func() ([]T, error)
	Drop  func(T) error
}

// UntilGone deletes each that is listed, once, until nothing is. It does not take
// a list's word that one is gone whose ID is known: only a 404 proves it.
func (f Of[T]) UntilGone(ctx context.Context) error {
	var dropped []string // IDs
	for until := time.Now().Add(wait); ; {
		all, err := f.List()
		if err != nil {
			return err
		}
		there := len(all) > 0
		if f.ID(f.Known) != "" {
			all = append(all, f.Known)
		}
		for _, v := range all {
			if slices.Contains(dropped, f.ID(v)) {
				continue
			}
			if err := f.Drop(v); err != nil {
				return err
			}
			dropped = append(dropped, f.ID(v))
		}
		if !there {
			return nil
		}
		if time.Now().After(until) || pace.Pause(ctx, look) != nil {
			return fault.Deleting(f.What)
		}
	}
}
