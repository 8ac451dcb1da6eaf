package store

import "sync"

// memoRoom is how many nouns a Memo keeps: some thousand times 1-2 KiB.
const memoRoom = 4096

// Memo reads nouns of one kind, each revision once. What it returns is shared:
// nobody may change what its maps, slices and pointers hold. It is for View
// alone, since a revision that is rolled back is given again. The zero value is
// ready, and safe for concurrent use.
type Memo[T Noun] struct {
	mu   sync.Mutex
	kept map[string]memo[T] // by ID
}

type memo[T Noun] struct {
	revision, seq int64
	noun          T
}

// List is store.List. It asks the store which records there are, and reads
// those it does not know.
func (m *Memo[T]) List(tx Tx, q Query) ([]T, error) {
	var zero T
	q.Kind, q.Keys = kindOf(zero), true
	keys, err := tx.List(q)
	if err != nil {
		return nil, err
	}
	out, unknown := m.recall(keys)
	if len(unknown) == 0 {
		return out, nil
	}
	read, err := m.read(tx, q.Kind, unknown)
	if err != nil {
		return nil, err
	}
	for i, k := range keys {
		if v, ok := read[k.ID]; ok {
			out[i] = v
		}
	}
	return out, nil
}

// recall returns the nouns it knows, each in its place, and the IDs of others.
func (m *Memo[T]) recall(keys []Record) (out []T, unknown []string) {
	out = make([]T, len(keys))
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, k := range keys {
		if known, ok := m.kept[k.ID]; ok && known.revision == k.Revision && known.seq == k.Seq {
			out[i] = known.noun
		} else {
			unknown = append(unknown, k.ID)
		}
	}
	return out, unknown
}

// read reads and keeps nouns of the snapshot that tx sees.
func (m *Memo[T]) read(tx Tx, kind string, ids []string) (map[string]T, error) {
	records, err := tx.List(Query{Kind: kind, IDs: ids})
	if err != nil {
		return nil, err
	}
	out := make(map[string]T, len(records))
	for _, r := range records {
		if out[r.ID], err = decode[T](r); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range records {
		if m.kept == nil || len(m.kept) >= memoRoom {
			m.kept = map[string]memo[T]{} // who comes back is read once more
		}
		m.kept[r.ID] = memo[T]{r.Revision, r.Seq, out[r.ID]}
	}
	return out, nil
}
