package store

import "sync"

// memoRoom is how many nouns a Memo keeps: some thousand times 1-2 KiB.
const memoRoom = 4096

// Memo reads nouns of one kind and decodes each revision once. What it returns
// is shared: nobody may change what its maps, slices and pointers hold. It is
// for View alone, since a revision that is rolled back is given again. The zero
// value is ready, and safe for concurrent use.
type Memo[T Noun] struct {
	mu   sync.Mutex
	kept map[string]memo[T] // by ID
}

type memo[T Noun] struct {
	revision, seq int64
	noun          T
}

// List is store.List.
func (m *Memo[T]) List(tx Tx, q Query) ([]T, error) {
	var zero T
	q.Kind = kindOf(zero)
	records, err := tx.List(q)
	if err != nil {
		return nil, err
	}
	out := make([]T, len(records))
	for i, r := range records {
		if out[i], err = m.decode(r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (m *Memo[T]) decode(r Record) (T, error) {
	m.mu.Lock()
	k, ok := m.kept[r.ID]
	m.mu.Unlock()
	if ok && k.revision == r.Revision && k.seq == r.Seq {
		return k.noun, nil
	}
	v, err := decode[T](r)
	if err != nil {
		return v, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil || len(m.kept) >= memoRoom {
		m.kept = map[string]memo[T]{} // who comes back is decoded once more
	}
	m.kept[r.ID] = memo[T]{r.Revision, r.Seq, v}
	return v, nil
}
