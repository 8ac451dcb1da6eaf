package supervise

import (
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// actors starts processes that are none, for virtual time.
type actors struct {
	mu      sync.Mutex
	refuse  bool // to start anything
	life    time.Duration
	exit    Exit
	starts  []time.Time
	running map[ID]*actor
}

type actor struct {
	id      ID
	mu      sync.Mutex
	signals []syscall.Signal
	deaf    bool // to TERM
	done    chan struct{}
	once    sync.Once
	exit    Exit
}

func (a *actors) Start(Command) (Process, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refuse {
		return nil, errors.New("no such file")
	}
	a.starts = append(a.starts, time.Now())
	p := &actor{id: ID{PID: len(a.starts), Start: 1}, done: make(chan struct{})}
	if a.running == nil {
		a.running = map[ID]*actor{}
	}
	a.running[p.id] = p
	if a.life > 0 {
		exit := a.exit
		time.AfterFunc(a.life, func() { p.end(exit) })
	}
	return p, nil
}

func (a *actors) Adopt(id ID) (Process, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p, ok := a.running[id]
	return p, ok
}

// pauses between the starts.
func (a *actors) pauses() []time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []time.Duration
	for i := 1; i < len(a.starts); i++ {
		list = append(list, a.starts[i].Sub(a.starts[i-1]))
	}
	return list
}

func (p *actor) ID() ID                { return p.id }
func (p *actor) Done() <-chan struct{} { return p.done }
func (p *actor) Exit() Exit            { <-p.done; return p.exit }

func (p *actor) Signal(sig syscall.Signal) {
	p.mu.Lock()
	p.signals = append(p.signals, sig)
	deaf := p.deaf && sig == syscall.SIGTERM
	p.mu.Unlock()
	if !deaf {
		p.end(Exit{Known: true, Signal: sig})
	}
}

func (p *actor) end(exit Exit) {
	p.once.Do(func() {
		p.exit = exit
		close(p.done)
	})
}

// newSupervisor makes one in a directory, with a record that may be shared.
func newSupervisor(t *testing.T, starter Starter, dir string) *Supervisor {
	t.Helper()
	s, err := New(Options{
		Starter: starter, LogDir: dir, Record: filepath.Join(dir, "record.json"), Boot: "boot",
		Path: "/bin:/usr/bin", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// awaitState waits until the state is as wanted.
func awaitState(t *testing.T, s *Supervisor, wanted func(State) bool) State {
	t.Helper()
	timeout := time.After(time.Hour) // of virtual time; the package's own limit holds for the real one
	for {
		state, changed := s.State()
		if wanted(state) {
			return state
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("the state stays %+v", state)
		}
	}
}
