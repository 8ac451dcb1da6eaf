package forecast

import (
	"context"
	"errors"

	"github.com/jeroboam-cloud/jeroboam/service/drivers"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Stage is a store that forgets each transaction as soon as it knows what would
// follow from it: nothing is kept, nobody is woken. It is for one change at a time.
type Stage struct {
	store.Backend
	Drivers *drivers.Table
	Plan    Plan // of the last transaction that would have woken the engine
}

var errTakenBack = errors.New("taken back")

// Update implements store.Backend.
func (s *Stage) Update(ctx context.Context, f func(store.Tx) error) error {
	err := s.Backend.Update(ctx, func(tx store.Tx) error {
		act := &act{Tx: tx}
		if err := f(act); err != nil {
			return err
		}
		if act.cluster != "" {
			var err error
			if s.Plan, err = Of(tx, s.Drivers, act.cluster); err != nil {
				return err
			}
		}
		return errTakenBack
	})
	if errors.Is(err, errTakenBack) {
		return nil
	}
	return err
}

// act notes whom the engine would have to look at.
type act struct {
	store.Tx
	cluster string
}

// Wake implements store.Tx.
func (a *act) Wake(cluster string) error {
	a.cluster = cluster
	return nil
}
