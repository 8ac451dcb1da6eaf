package barbican

import (
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
)

// How long and how many secrets are remembered. What a reference stands for
// never changes in Barbican, so that none is too old; but the fewer secrets lie
// in memory, the better.
const (
	remembered = time.Minute
	most       = 1000
)

// memory keeps secrets that were used a moment ago, by reference.
type memory struct {
	now   func() time.Time
	mu    sync.Mutex
	known map[string]recollection
}

type recollection struct {
	secret jeroboam.Secret
	until  time.Time
}

func newMemory(now func() time.Time) *memory {
	if now == nil {
		now = time.Now
	}
	return &memory{now: now, known: map[string]recollection{}}
}

func (m *memory) get(ref string) (jeroboam.Secret, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.known[ref]
	if !ok || !m.now().Before(r.until) {
		return "", false
	}
	return r.secret, true
}

func (m *memory) put(ref string, secret jeroboam.Secret) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if len(m.known) >= most {
		m.forgetOld(now)
	}
	m.known[ref] = recollection{secret: secret, until: now.Add(remembered)}
}

// forgetOld makes room: what is over goes, and everything if nothing is.
func (m *memory) forgetOld(now time.Time) {
	for ref, r := range m.known {
		if !now.Before(r.until) {
			delete(m.known, ref)
		}
	}
	if len(m.known) >= most {
		clear(m.known)
	}
}

func (m *memory) drop(ref string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.known, ref)
}
