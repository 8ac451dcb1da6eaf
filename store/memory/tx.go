package memory

import (
	"bytes"
	"maps"

	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/internal/hub"
)

// tx is a transaction: read-only when touched is nil.
type tx struct {
	state   *state
	own     map[string]bool // kinds whose map is ours to change
	touched map[hub.Key]struct{}
	wakes   map[string]bool
}

func (t *tx) Get(kind, id string) (store.Record, error) {
	r, ok := t.state.kinds[kind][id]
	if !ok {
		return store.Record{}, store.Absent(kind, id)
	}
	return clone(r), nil
}

func (t *tx) Put(r store.Record) (store.Record, error) {
	if t.touched == nil {
		return store.Record{}, store.WriteInView()
	}
	old, exists := t.state.kinds[r.Kind][r.ID]
	switch {
	case r.Revision == 0 && exists:
		return store.Record{}, store.Taken(r.Kind, r.ID)
	case r.Revision == 0:
		t.state.seq++
		r.Seq = t.state.seq
	case !exists:
		return store.Record{}, store.Stale(r.Kind, r.ID)
	case old.Revision != r.Revision:
		return store.Record{}, store.Stale(r.Kind, r.ID)
	default:
		r.Seq = old.Seq
	}
	r.Revision++
	t.touch(r)
	t.kind(r.Kind)[r.ID] = clone(r)
	return r, nil
}

func (t *tx) Delete(kind, id string, revision int64) error {
	if t.touched == nil {
		return store.WriteInView()
	}
	old, exists := t.state.kinds[kind][id]
	if !exists {
		return store.Absent(kind, id)
	}
	if revision != 0 && revision != old.Revision {
		return store.Stale(kind, id)
	}
	t.touch(old)
	delete(t.kind(kind), id)
	return nil
}

func (t *tx) Wake(cluster string) error {
	if t.touched == nil {
		return store.WriteInView()
	}
	t.wakes[cluster] = true
	return nil
}

func (t *tx) touch(r store.Record) { t.touched[hub.Key{Kind: r.Kind, Parent: r.Parent}] = struct{}{} }

// kind returns the kind's map for changing.
func (t *tx) kind(kind string) map[string]store.Record {
	if !t.own[kind] {
		t.own[kind] = true
		t.state.kinds[kind] = maps.Clone(t.state.kinds[kind])
		if t.state.kinds[kind] == nil {
			t.state.kinds[kind] = map[string]store.Record{}
		}
	}
	return t.state.kinds[kind]
}

func clone(r store.Record) store.Record {
	r.Data = bytes.Clone(r.Data)
	return r
}
