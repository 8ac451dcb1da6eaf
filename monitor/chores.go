package monitor

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

const (
	expiryNotice = 30 * 24 * time.Hour // before an authority runs out
	remindEvery  = 7 * 24 * time.Hour
	eventWarning = "warning"
	stateExpiry  = "expiry"
)

// CheckAuthorities warns, with an event of the cluster once a week, of
// certificate authorities that run out soon. Certificates of machines need no
// one's eye: their agents renew them.
func (m *Monitor) CheckAuthorities(ctx context.Context) error {
	for last, more := int64(0), true; more; {
		var ending []jeroboam.Authority
		err := m.Store.View(ctx, func(tx store.Tx) error {
			page, err := store.List[jeroboam.Authority](tx, store.Query{After: last, Limit: pageSize})
			if more = len(page) == pageSize; more {
				last = page[pageSize-1].Seq
			}
			ending = slices.DeleteFunc(page, func(a jeroboam.Authority) bool { return m.Now().Before(a.NotAfter.Add(-expiryNotice)) })
			return err
		})
		for _, a := range ending {
			if err == nil {
				err = m.Store.Update(ctx, func(tx store.Tx) error { return m.warnOfExpiry(tx, a) })
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *Monitor) warnOfExpiry(tx store.Tx, a jeroboam.Authority) error {
	last, err := store.List[jeroboam.Event](tx, store.Query{Parent: a.Cluster, Name: eventWarning, Desc: true, Limit: 10})
	if err != nil {
		return err
	}
	for _, e := range last {
		if e.State == stateExpiry && e.Step == a.Name && m.Now().Sub(e.At) < remindEvery {
			return nil
		}
	}
	message := fmt.Sprintf("The certificate authority %s runs out on %s. Rotate it.", a.Name, a.NotAfter.Format(time.DateOnly))
	event := jeroboam.Event{ID: "warning-" + rand.Text(), Cluster: a.Cluster, Project: a.Project, Step: a.Name,
		Type: eventWarning, State: stateExpiry, Message: message, At: m.Now().UTC()}
	return store.Put(tx, &event)
}

// Purge forgets operations with their steps, and events, that ended longer ago
// than Keep; the newest operation of a living cluster stays.
func (m *Monitor) Purge(ctx context.Context) error {
	before := m.Now().Add(-m.Keep)
	for _, batch := range []batch{purgeOperations, purgeEvents} {
		for after, more := int64(0), true; more; {
			err := m.Store.Update(ctx, func(tx store.Tx) (err error) {
				after, more, err = batch(tx, before, after)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// batch looks at the records after a sequence number and says how far it came
// and whether there may be more.
type batch func(tx store.Tx, before time.Time, after int64) (last int64, more bool, err error)

func purgeOperations(tx store.Tx, before time.Time, after int64) (int64, bool, error) {
	oldest, err := store.List[jeroboam.Operation](tx, store.Query{After: after, Limit: pageSize})
	if err != nil || len(oldest) == 0 {
		return after, false, err
	}
	for _, op := range oldest {
		if !op.State.Ended() || !op.FinishedAt.Before(before) {
			continue
		}
		c, err := store.Get[jeroboam.Cluster](tx, op.Cluster)
		if err != nil && jeroboam.KindOf(err) != jeroboam.NotFound {
			return after, false, err
		}
		if c.Status.Operation == op.ID {
			continue
		}
		if err := purgeOperation(tx, op); err != nil {
			return after, false, err
		}
	}
	return oldest[len(oldest)-1].Seq, len(oldest) == pageSize, nil
}

func purgeOperation(tx store.Tx, op jeroboam.Operation) error {
	steps, err := store.List[jeroboam.Step](tx, store.Query{Parent: op.ID})
	if err != nil {
		return err
	}
	for _, s := range steps {
		if err := store.Delete(tx, s); err != nil {
			return err
		}
	}
	return store.Delete(tx, op)
}

// purgeEvents stops at the first event that is young: they are in order.
func purgeEvents(tx store.Tx, before time.Time, after int64) (int64, bool, error) {
	oldest, err := store.List[jeroboam.Event](tx, store.Query{After: after, Limit: pageSize})
	if err != nil {
		return after, false, err
	}
	for _, e := range oldest {
		if !e.At.Before(before) {
			return after, false, nil
		}
		if err := store.Delete(tx, e); err != nil {
			return after, false, err
		}
		after = e.Seq
	}
	return after, len(oldest) == pageSize, nil
}
