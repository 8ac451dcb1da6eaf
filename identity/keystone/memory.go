package keystone

import (
	"container/list"
	"sync"
	"time"
)

// digest is what is kept of a token: memory that leaks holds no credential.
type digest [32]byte

// memory is a bounded map of answers that are believed for a time; the one not
// asked for longest makes room.
type memory[T any] struct {
	size    int
	mu      sync.Mutex
	byKey   map[digest]*list.Element
	recency *list.List // of entry[T], the latest first
}

type entry[T any] struct {
	key   digest
	value T
	until time.Time
}

func newMemory[T any](size int) *memory[T] {
	return &memory[T]{size: size, byKey: map[digest]*list.Element{}, recency: list.New()}
}

func (m *memory[T]) get(key digest, now time.Time) (T, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var none T
	at, ok := m.byKey[key]
	if !ok {
		return none, false
	}
	e := at.Value.(entry[T])
	if !now.Before(e.until) {
		m.drop(at)
		return none, false
	}
	m.recency.MoveToFront(at)
	return e.value, true
}

func (m *memory[T]) put(key digest, value T, until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, ok := m.byKey[key]; ok {
		m.drop(at)
	}
	m.byKey[key] = m.recency.PushFront(entry[T]{key, value, until})
	for len(m.byKey) > m.size {
		m.drop(m.recency.Back())
	}
}

func (m *memory[T]) drop(at *list.Element) {
	delete(m.byKey, m.recency.Remove(at).(entry[T]).key)
}
