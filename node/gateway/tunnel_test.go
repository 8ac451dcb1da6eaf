package gateway_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/gateway"
	"github.com/jeroboam-cloud/jeroboam/node/gateway/gatewaytest"
)

// dialled is what a Dial came to.
type dialled struct {
	conn net.Conn
	err  error
}

func (h *house) dial(ctx context.Context, server, machine string) <-chan dialled {
	out := make(chan dialled, 1)
	go func() {
		conn, err := h.gateway.Dial(ctx, server, machine)
		out <- dialled{conn, err}
	}()
	return out
}

// joined is a machine's peer with its stream open.
func (h *house) joined(machine string) (*peer, *stream) {
	h.t.Helper()
	h.Add(machine, "token of "+machine)
	p := h.peer(machine)
	p.join("token of " + machine)
	s := p.stream()
	h.await(machine, func(m gatewaytest.Machine) bool { return m.Connected })
	return p, s
}

// tunnel opens what a Dial asks for, and echoes until the other end hangs up.
func (p *peer) tunnel(id string) (status int, echo func()) {
	p.h.t.Helper()
	body, pipe := io.Pipe()
	request, err := http.NewRequest(http.MethodPost, "https://"+node.GatewayName+node.PathTunnels+id, body)
	must(p.h.t, err)
	response, err := p.client.Do(request)
	must(p.h.t, err)
	if response.StatusCode != http.StatusOK {
		pipe.Close()
		response.Body.Close()
		return response.StatusCode, nil
	}
	return response.StatusCode, func() {
		io.Copy(pipe, response.Body)
		pipe.Close()
		response.Body.Close()
	}
}

func hears(t *testing.T, conn net.Conn) {
	t.Helper()
	go io.WriteString(conn, "hello")
	got := make([]byte, 5)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello" {
		t.Errorf("heard %q: %v", got, err)
	}
}

func TestOnlyTheMachineThatWasAskedOpensATunnel(t *testing.T) {
	h := newHouse(t)
	asked, s := h.joined("m1")
	other, _ := h.joined("m2")
	waits := h.dial(t.Context(), "", "m1")
	id := s.next().Dial.ID
	if status, _ := other.tunnel(id); status != http.StatusNotFound {
		t.Errorf("another machine opens it with %d", status)
	}
	if status, _ := asked.tunnel("another"); status != http.StatusNotFound {
		t.Errorf("a tunnel that nobody asked for opens with %d", status)
	}
	stranger := h.peer("m3")
	if status, _ := stranger.post(node.PathTunnels+id, nil); status != http.StatusUnauthorized {
		t.Errorf("a stranger opens it with %d", status)
	}
	status, echo := asked.tunnel(id)
	if status != http.StatusOK {
		t.Fatalf("the machine itself opens it with %d", status)
	}
	go echo()
	got := <-waits
	must(t, got.err)
	hears(t, got.conn)
	if status, _ := asked.tunnel(id); status != http.StatusNotFound {
		t.Errorf("it opens a second time with %d", status)
	}
	must(t, got.conn.Close())
}

func TestATunnelThatComesTooLateFindsNobody(t *testing.T) {
	h := newHouse(t)
	p, s := h.joined("m1")
	ctx, cancel := context.WithCancel(t.Context())
	waits := h.dial(ctx, "", "m1")
	id := s.next().Dial.ID
	cancel()
	if got := <-waits; jeroboam.KindOf(got.err) != jeroboam.Unavailable {
		t.Errorf("who gave up got %v", got.err)
	}
	if n := h.gateway.Tunnels(); n != 0 {
		t.Errorf("%d tunnels are held", n)
	}
	if status, _ := p.tunnel(id); status != http.StatusNotFound {
		t.Errorf("it opens with %d", status)
	}
}

func TestAnAgentThatGoesIsWaitedForNoLonger(t *testing.T) {
	h := newHouse(t)
	_, s := h.joined("m1")
	waits := h.dial(t.Context(), "", "m1")
	s.next()
	s.hang()
	if got := <-waits; jeroboam.KindOf(got.err) != jeroboam.Unavailable {
		t.Errorf("got %v", got.err)
	}
	if n := h.gateway.Tunnels(); n != 0 {
		t.Errorf("%d tunnels are held", n)
	}
}

func TestAServerReachesTheAgentsOfAnother(t *testing.T) {
	var late atomic.Bool // long after the start
	there := newHouse(t, func(o *gateway.Options) {
		o.Now = func() time.Time {
			if late.Load() {
				return time.Now().Add(time.Minute)
			}
			return time.Now()
		}
	})
	here := newHouse(t, func(o *gateway.Options) { o.Authority = there.authority })
	p, s := there.joined("m1")
	waits := here.dial(t.Context(), "https://"+there.tcp, "m1")
	status, echo := p.tunnel(s.next().Dial.ID)
	if status != http.StatusOK {
		t.Fatalf("it opens with %d", status)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		echo()
	}()
	got := <-waits
	must(t, got.err)
	hears(t, got.conn)
	must(t, got.conn.Close())
	<-done

	t.Run("and hears why it cannot", func(t *testing.T) {
		late.Store(true)
		got := <-here.dial(t.Context(), "https://"+there.tcp, "m2")
		if e, ok := jeroboam.AsError(got.err); !ok || e.Reason != "agent-away" {
			t.Errorf("got %v", got.err)
		}
	})
	t.Run("but an agent does not", func(t *testing.T) {
		if status, _ := p.post("/machines/m1", nil); status != http.StatusForbidden {
			t.Errorf("it is answered %d", status)
		}
	})
	t.Run("nor a server of another authority", func(t *testing.T) {
		got := <-newHouse(t).dial(t.Context(), "https://"+there.tcp, "m1")
		if e, ok := jeroboam.AsError(got.err); !ok || e.Reason != "peer" {
			t.Errorf("got %v", got.err)
		}
	})
}

func TestWhoGivesUpAskingAnotherServerLeavesNothingThere(t *testing.T) {
	there := newHouse(t)
	here := newHouse(t, func(o *gateway.Options) { o.Authority = there.authority })
	_, s := there.joined("m1")
	ctx, cancel := context.WithCancel(t.Context())
	waits := here.dial(ctx, "https://"+there.tcp, "m1")
	s.next()
	cancel()
	if got := <-waits; jeroboam.KindOf(got.err) != jeroboam.Unavailable {
		t.Errorf("got %v", got.err)
	}
	there.stop() // returns when every call has ended
	if n := there.gateway.Tunnels(); n != 0 {
		t.Errorf("%d tunnels are held", n)
	}
}
