package service_test

import (
	"context"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// torn is a store that has lost the events.
type torn struct{ store.Backend }

func (b torn) View(ctx context.Context, f func(store.Tx) error) error {
	return b.Backend.View(ctx, func(tx store.Tx) error { return f(tornTx{tx}) })
}

type tornTx struct{ store.Tx }

func (tx tornTx) List(q store.Query) ([]store.Record, error) {
	if q.Kind == store.KindEvent {
		return nil, jeroboam.Errorf(jeroboam.Unavailable, "store", "The database does not answer.")
	}
	return tx.Tx.List(q)
}

// TestEventsThatCannotBeReadAreNotEventsOfNoCluster: a client that is told that a
// cluster is gone looks no more.
func TestEventsThatCannotBeReadAreNotEventsOfNoCluster(t *testing.T) {
	h, _ := house(t, func(o *service.Options, _ *api.Options) { o.Store = torn{o.Store} })
	const gone = "00000000-0000-4000-8000-0000000000ff"
	if _, err := h.Service.Events(t.Context(), olga, gone, 0, 0); jeroboam.KindOf(err) != jeroboam.Unavailable {
		t.Errorf("got %v", err)
	}
}
