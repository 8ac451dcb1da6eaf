package local

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// commandService has the test's binary be a service that is killed.
const commandService = "test-service"

// work is what such a service does: make a cluster or delete it.
type work struct {
	State, Gateway string
	Scope          cloud.Scope
	Machines       []string // IDs
	Delete         bool
}

func runService(args []string) error {
	var w work
	if err := json.Unmarshal([]byte(args[0]), &w); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	l, err := New(Options{State: w.State, AgentPath: self, SelfPath: self, GatewayDir: w.Gateway})
	if err != nil {
		return err
	}
	return w.do(context.Background(), l)
}

func (w work) do(ctx context.Context, l *Local) error {
	if w.Delete {
		return l.sweep(ctx, w.Scope.Cluster)
	}
	network, err := l.EnsureNetwork(ctx, w.Scope, cloud.NetworkSpec{Name: w.Scope.Name})
	if err != nil {
		return err
	}
	balancer := cloud.BalancerSpec{Name: "api", Network: network, Port: 7000}
	for i, id := range w.Machines {
		s := spec(network, fmt.Sprintf("crash-%d", i))
		s.ID = id
		m, err := l.EnsureMachine(ctx, w.Scope, s)
		if err != nil {
			return err
		}
		balancer.Backends = append(balancer.Backends, m.Address)
		if _, err := l.EnsureBalancer(ctx, w.Scope, balancer); err != nil {
			return err
		}
	}
	return nil
}

// killedAfter runs the work in a process of its own that is killed after d; it
// reports whether the work was done by then.
func (w work) killedAfter(t *testing.T, d time.Duration) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	self, err := os.Executable()
	must(t, err)
	data, err := json.Marshal(w)
	must(t, err)
	command := exec.CommandContext(ctx, self, commandService, string(data))
	command.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	return command.Run() == nil
}

func TestAServiceMayBeKilledAtAnyMoment(t *testing.T) {
	o := options(t)
	w := work{State: o.State, Gateway: o.GatewayDir, Scope: cloud.Scope{Cluster: uuid.NewString(), Project: "p", Name: "crash"},
		Machines: []string{uuid.NewString(), uuid.NewString()}}
	const first = 15 * time.Millisecond
	for d, made, gone := first, false, false; !made || !gone; d += d / 3 {
		w.Delete = false
		made = w.killedAfter(t, d)
		l := open(t, o)
		must(t, w.do(t.Context(), l))
		w.check(t, l)

		w.Delete = true
		gone = w.killedAfter(t, d)
		must(t, w.do(t.Context(), open(t, o)))
		same(t, withoutDir(traces(t, o.State), l.dir), []string{})
	}
}

// check wants every object once, with one process.
func (w work) check(t *testing.T, l *Local) {
	t.Helper()
	objects, err := l.List(t.Context(), w.Scope)
	must(t, err)
	machines, err := l.Machines(t.Context(), w.Scope)
	must(t, err)
	same(t, []int{len(objects), len(machines)}, []int{len(w.Machines) + 2, len(w.Machines)})
	for _, m := range machines {
		same(t, m.State, cloud.Active)
		same(t, tell(t, m, "hostname"), m.Name)
	}
	for _, object := range objects {
		group := l.groupOf(machineKind, w.Scope.Cluster, object.ID)
		if object.Kind == jeroboam.KindBalancer {
			group = l.groupOf(balancerKind, w.Scope.Cluster, object.Name)
		}
		if object.Kind != jeroboam.KindNetwork {
			same(t, len(l.groups.Processes(group)), 1)
		}
	}
}

func withoutDir(found []string, dir string) []string {
	left := []string{}
	for _, line := range found {
		if line != dir {
			left = append(left, line)
		}
	}
	return left
}
