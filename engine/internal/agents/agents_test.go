package agents_test

import (
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/agents"
	"github.com/jeroboam-cloud/jeroboam/engine/pace"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
)

// house is what a server's agents say, beside a cluster that is written down.
type house struct {
	*testing.T
	*agents.Agents
	db store.Backend
}

// open begins with the cluster c1, whose machines are these.
func open(t *testing.T, machines ...jeroboam.Machine) *house {
	h := &house{T: t, db: memory.New()}
	t.Cleanup(func() { _ = h.db.Close() })
	h.Agents = h.server("a", false)
	h.update(func(tx store.Tx) error {
		c := jeroboam.Cluster{ID: "c1", Project: "p1", Name: "c1"}
		if err := store.Put(tx, &c); err != nil {
			return err
		}
		for _, m := range machines {
			m.Cluster, m.Project, m.Name = "c1", "p1", m.ID
			if err := store.Put(tx, &m); err != nil {
				return err
			}
		}
		return nil
	})
	return h
}

// server is one that works on the house's store.
func (h *house) server(name string, shared bool) *agents.Agents {
	return agents.New(agents.Options{Store: h.db, Pace: &pace.Pace{}, Now: time.Now, Server: name, Shared: shared, ServerURL: "https://" + name})
}

func (h *house) update(f func(store.Tx) error) {
	h.Helper()
	if err := h.db.Update(h.Context(), f); err != nil {
		h.Fatal(err)
	}
}

func (h *house) machine(id string) jeroboam.Machine {
	h.Helper()
	var m jeroboam.Machine
	err := h.db.View(h.Context(), func(tx store.Tx) (err error) {
		m, err = store.Get[jeroboam.Machine](tx, id)
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return m
}

func (h *house) want(err error, kind jeroboam.Kind) {
	h.Helper()
	if jeroboam.KindOf(err) != kind {
		h.Errorf("the error is %v (%s), want %q", err, jeroboam.KindOf(err), kind)
	}
}

func TestATokenIsGoodForOneMachineAndOneKey(t *testing.T) {
	h := open(t, jeroboam.Machine{ID: "worker"}, jeroboam.Machine{ID: "master"})
	const hash = "3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0" // of "token"
	h.update(func(tx store.Tx) error {
		return store.Put(tx, &store.Token{ID: hash, Machine: "worker", Cluster: "c1"})
	})
	for _, try := range []struct {
		name, machine, token, key string
		want                      jeroboam.Kind
	}{
		{"an unknown token is refused", "worker", "guess", "k1", jeroboam.Unauthenticated},
		{"another machine's token is refused", "master", "token", "k1", jeroboam.Unauthenticated},
		{"the machine's own is taken", "worker", "token", "k1", ""},
		{"and taken again with the same key", "worker", "token", "k1", ""},
		{"but not with another", "worker", "token", "k2", jeroboam.Unauthenticated},
	} {
		if err := h.Join(t.Context(), try.machine, try.token, try.key); jeroboam.KindOf(err) != try.want {
			t.Errorf("%s: got %v", try.name, err)
		}
	}
	if h.machine("worker").Status.JoinedAt.IsZero() || !h.machine("master").Status.JoinedAt.IsZero() {
		t.Error("another has joined than the worker")
	}
}

func TestAMachineThatIsMadeAgainHasAnotherToken(t *testing.T) {
	h := open(t, jeroboam.Machine{ID: "worker"})
	invite := func() (token jeroboam.Secret) {
		t.Helper()
		h.update(func(tx store.Tx) (err error) {
			token, err = agents.Invite(tx, h.worker())
			return err
		})
		return token
	}
	first, second := invite(), invite()
	h.want(h.Join(t.Context(), "worker", first.Reveal(), "k1"), jeroboam.Unauthenticated)
	h.want(h.Join(t.Context(), "worker", second.Reveal(), "k1"), "")
	h.update(func(tx store.Tx) error { return agents.Disinvite(tx, h.worker()) })
	h.want(h.Join(t.Context(), "worker", second.Reveal(), "k1"), jeroboam.Unauthenticated)
}

func (h *house) worker() jeroboam.Machine { return jeroboam.Machine{ID: "worker", Cluster: "c1"} }

func TestAReportIsWrittenOnlyWhenItIsNews(t *testing.T) {
	h := open(t, jeroboam.Machine{ID: "worker", Status: jeroboam.MachineStatus{
		ReadyAt: time.Now().UTC(), AppliedConfig: "1", Services: []jeroboam.ServiceState{{Name: "node", State: "ready"}}}})
	before := h.machine("worker")
	report := node.Report{Config: before.Status.AppliedConfig, Services: before.Status.Services}
	if err := h.Report(t.Context(), "worker", report); err != nil {
		t.Fatal(err)
	}
	if after := h.machine("worker"); after.Revision != before.Revision {
		t.Errorf("the same report was written again")
	}
	report.Services = []jeroboam.ServiceState{{Name: "node", State: "failed", Message: "exit status 1"}}
	if err := h.Report(t.Context(), "worker", report); err != nil {
		t.Fatal(err)
	}
	if after := h.machine("worker"); after.Status.Services[0].Message != "exit status 1" {
		t.Errorf("the report was lost: %+v", after.Status)
	}
	h.want(h.Report(t.Context(), "nobody", report), jeroboam.NotFound)
	h.want(h.Gone(t.Context(), "nobody"), "")
}

// TestAnAgentThatCallsAnotherServerIsNotGone: the server it has left may notice
// that later.
func TestAnAgentThatCallsAnotherServerIsNotGone(t *testing.T) {
	h := open(t, jeroboam.Machine{ID: "worker"})
	a, b := h.server("a", true), h.server("b", true)
	hello := node.Hello{Machine: "worker"}
	h.want(a.Hello(t.Context(), hello), "")
	h.want(b.Hello(t.Context(), hello), "")
	h.want(a.Gone(t.Context(), "worker"), "")
	if s := h.machine("worker").Status; !s.Connected || s.Server != "b" || s.ServerURL != "https://b" {
		t.Errorf("the machine is %+v", s)
	}
	h.want(b.Gone(t.Context(), "worker"), "")
	if s := h.machine("worker").Status; s.Connected {
		t.Errorf("the machine is %+v", s)
	}
}
