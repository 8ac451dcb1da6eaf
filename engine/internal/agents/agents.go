// Package agents speaks with the machines' agents, for the gateway: it lets them
// in by their tokens, writes down what they tell, and answers what they ask.
// It does nothing to a machine or a cluster, and wakes the cluster when
// something has happened that the engine should look at.
package agents

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/authorities"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/configs"
	"github.com/jeroboam-cloud/jeroboam/engine/pace"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/gateway"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// seenOften is how old MachineStatus.SeenAt may be of a machine that is there.
const seenOften = time.Hour

// Options is what speaking with agents takes.
type Options struct {
	Store       store.Backend
	Configs     *configs.Configs
	Authorities *authorities.Authorities
	// SignAutoscaler signs for jeroboam.AuthorityGateway: the PEM certificate of
	// a cluster's autoscaler.
	SignAutoscaler func(csr, cluster string, now time.Time) (string, error)
	Pace           *pace.Pace
	Now            func() time.Time
	Log            *slog.Logger
	Server         string // who this is, in MachineStatus.Server
	// Shared says that other servers work on the same store, and ServerURL where
	// they reach this one's gateway, "" for nowhere.
	Shared    bool
	ServerURL string
}

// Agents is the engine's gateway.Registry. It is safe for concurrent use.
type Agents struct {
	Options
	here here
}

var _ gateway.Registry = (*Agents)(nil)

// New makes an Agents that nobody has called yet.
func New(o Options) *Agents { return &Agents{Options: o, here: newHere()} }

// Hello tells that a machine's agent is there, and what it runs.
func (a *Agents) Hello(ctx context.Context, hello node.Hello) error {
	cluster, server, url := "", "", ""
	if a.Shared {
		server, url = a.Server, a.ServerURL
	}
	err := a.note(ctx, hello.Machine, func(m *jeroboam.Machine) bool {
		cluster = m.Cluster
		if now := a.Now().UTC(); !m.Status.Connected || m.Status.Server != server || now.Sub(m.Status.SeenAt) > seenOften {
			m.Status.Connected, m.Status.Server, m.Status.ServerURL, m.Status.SeenAt = true, server, url, now
		}
		wake := false
		if m.Status.JoinedAt.IsZero() {
			m.Status.JoinedAt, wake = a.Now().UTC(), true
		}
		if hello.Config != "" && hello.Config != m.Status.AppliedConfig {
			m.Status.AppliedConfig, wake = hello.Config, true
		}
		return wake
	})
	if err == nil && a.Shared {
		a.here.came(cluster, hello.Machine)
	}
	return err
}

// Gone tells that a machine's agent hung up: the machine may have died. One that
// has called another server by now is not gone.
func (a *Agents) Gone(ctx context.Context, machine string) error {
	a.here.left(machine)
	err := a.note(ctx, machine, func(m *jeroboam.Machine) bool {
		if m.Status.Server != "" && m.Status.Server != a.Server {
			return false
		}
		was := m.Status.Connected
		m.Status.Connected, m.Status.SeenAt = false, a.Now().UTC()
		return was
	})
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return nil
	}
	return err
}

// Report writes down what has changed on a machine.
func (a *Agents) Report(ctx context.Context, machine string, report node.Report) error {
	return a.note(ctx, machine, func(m *jeroboam.Machine) bool {
		before := m.Status
		m.Status.Services = slices.Concat(report.Services, report.Tasks)
		m.Status.Cause = report.Cause
		if report.Config != "" {
			m.Status.AppliedConfig = report.Config
		}
		return before.ReadyAt.IsZero() || before.AppliedConfig != m.Status.AppliedConfig ||
			!reflect.DeepEqual(before.Cause, m.Status.Cause)
	})
}

// note is noteIn in a transaction of its own. Much of what agents say is no
// news, above all when all of them come back to a service that was away: the one
// who writes is asked only if there is something to write.
func (a *Agents) note(ctx context.Context, machine string, f func(*jeroboam.Machine) (wake bool)) error {
	defer a.Pace.Work(ctx)()
	m, err := a.machine(ctx, machine)
	if err != nil {
		return err
	}
	if before := m.Status; !f(&m) && reflect.DeepEqual(before, m.Status) {
		return nil
	}
	return store.Retry(ctx, a.Store, func(tx store.Tx) error { return a.noteIn(tx, machine, f) })
}

// noteIn changes a machine's status, writes it only if it is another than
// before, and wakes the cluster if f says that the engine should look.
func (a *Agents) noteIn(tx store.Tx, machine string, f func(*jeroboam.Machine) (wake bool)) error {
	m, err := store.Get[jeroboam.Machine](tx, machine)
	if err != nil {
		return err
	}
	before := m.Status
	wake := f(&m)
	if !reflect.DeepEqual(before, m.Status) {
		m.UpdatedAt = a.Now().UTC()
		if err := store.Put(tx, &m); err != nil {
			return err
		}
	}
	if !wake {
		return nil
	}
	return tx.Wake(m.Cluster)
}

func (a *Agents) machine(ctx context.Context, id string) (jeroboam.Machine, error) {
	return store.View(ctx, a.Store, func(tx store.Tx) (jeroboam.Machine, error) { return store.Get[jeroboam.Machine](tx, id) })
}
