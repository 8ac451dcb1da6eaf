package agent_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/gateway"
	"github.com/jeroboam-cloud/jeroboam/node/gateway/gatewaytest"
	"github.com/jeroboam-cloud/jeroboam/test/port"
)

// api is what listens on a machine: it gives each connection to serve.
func api(t *testing.T, serve func(net.Conn)) (port int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var group sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		group.Wait()
	})
	group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	return listener.Addr().(*net.TCPAddr).Port
}

func echo(conn net.Conn) { io.Copy(conn, conn) }

// withAPI is a machine whose agent follows a config with that port.
func withAPI(t *testing.T, port int) *world {
	t.Helper()
	w := newWorld(t)
	config := node.Config{APIPort: port}
	w.SetConfig(machine, config)
	w.boot()
	w.inForce(config)
	return w
}

func (w *world) dial() net.Conn {
	w.t.Helper()
	conn, err := w.gateway.Dial(w.t.Context(), "", machine)
	must(w.t, err)
	w.t.Cleanup(func() { conn.Close() })
	return conn
}

// noTunnels waits until the gateway holds none.
func (w *world) noTunnels() {
	w.t.Helper()
	eventually(w.t, "every tunnel has ended", func() bool { return w.gateway.Tunnels() == 0 })
}

func TestATunnelCarriesBothWaysUntilEitherEndHangsUp(t *testing.T) {
	hungUp := make(chan struct{})
	w := withAPI(t, api(t, func(conn net.Conn) {
		echo(conn)
		close(hungUp)
	}))
	conn := w.dial()
	sent := bytes.Repeat([]byte("four"), 1<<18)
	go conn.Write(sent)
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("%d bytes do not come back: %v", len(sent), err)
	}
	must(t, conn.Close())
	<-hungUp
	w.noTunnels()
}

func TestWhatAnAPISaysLastIsHeard(t *testing.T) {
	last := strings.Repeat("farewell ", 100_000)
	w := withAPI(t, api(t, func(conn net.Conn) { io.WriteString(conn, last) }))
	got, err := io.ReadAll(w.dial())
	if err != nil || string(got) != last {
		t.Errorf("of %d bytes %d were heard: %v", len(last), len(got), err)
	}
	w.noTunnels()
}

func TestATunnelLeadsToTheOnePortOfTheConfig(t *testing.T) {
	silent, err := netip.ParseAddrPort(port.Address(t))
	must(t, err)
	for name, port := range map[string]int{"a worker's config has none": 0, "nobody listens there": int(silent.Port())} {
		t.Run(name, func(t *testing.T) {
			w := withAPI(t, port)
			_, err := w.gateway.Dial(t.Context(), "", machine)
			if e, ok := jeroboam.AsError(err); !ok || e.Kind != jeroboam.Unavailable || e.Reason != "api" {
				t.Errorf("got %v", err)
			}
			w.noTunnels()
		})
	}
}

func TestAMachineWhoseAgentIsAwayIsSaidToBe(t *testing.T) {
	var late atomic.Bool
	w := newWorld(t, func(o *gateway.Options) {
		o.Now = func() time.Time {
			if late.Load() {
				return time.Now().Add(time.Minute)
			}
			return time.Now()
		}
	})
	waits := make(chan error, 1)
	go func() {
		conn, err := w.gateway.Dial(t.Context(), "", machine)
		if err == nil {
			conn.Close()
		}
		waits <- err
	}()
	config := node.Config{APIPort: api(t, echo)}
	w.SetConfig(machine, config)
	off := w.boot()
	if err := <-waits; err != nil && jeroboam.CauseOf(err).Reason != "api" { // its config may not have come yet
		t.Errorf("soon after the start an agent is not waited for: %v", err)
	}
	off()
	w.await(func(m gatewaytest.Machine) bool { return m.Gones == 1 })
	late.Store(true)
	_, err := w.gateway.Dial(t.Context(), "", machine)
	if e, ok := jeroboam.AsError(err); !ok || e.Kind != jeroboam.Unavailable || e.Reason != "agent-away" {
		t.Errorf("got %v", err)
	}
}

func TestTunnelsEndWithTheConnectionAndComeBackWithIt(t *testing.T) {
	w := newWorld(t)
	cut := w.between()
	config := node.Config{APIPort: api(t, echo)}
	w.SetConfig(machine, config)
	w.boot()
	w.inForce(config)
	first := w.dial()
	cut()
	if _, err := io.ReadAll(first); err != nil {
		t.Errorf("the end of a tunnel is told as %v", err)
	}
	w.await(func(m gatewaytest.Machine) bool { return len(m.Hellos) == 2 && m.Connected })
	second := w.dial()
	go io.WriteString(second, "again")
	if _, err := io.ReadFull(second, make([]byte, 5)); err != nil {
		t.Error(err)
	}
	w.stop()
	if _, err := io.ReadAll(second); err != nil {
		t.Errorf("the end of the service is told as %v", err)
	}
	w.noTunnels()
	w.serve()
	w.dial() // waits for the agent
}

// A user who does not read must not keep the agent from reporting, nor the
// service from telling it what to do.
func TestTunnelsThatNobodyReadsDoNotKeepTheStreamWaiting(t *testing.T) {
	flood := func(conn net.Conn) {
		for chunk := make([]byte, 1<<16); ; {
			if _, err := conn.Write(chunk); err != nil {
				return
			}
		}
	}
	w := withAPI(t, api(t, flood))
	var open []net.Conn
	for {
		conn, err := w.gateway.Dial(t.Context(), "", machine)
		if jeroboam.KindOf(err) == jeroboam.QuotaExceeded {
			break
		}
		must(t, err)
		must(t, conn.SetReadDeadline(time.Now().Add(patience)))
		_, err = io.ReadFull(conn, make([]byte, 1)) // it floods
		must(t, err)
		open = append(open, conn)
	}
	if len(open) != 56 {
		t.Errorf("a machine has %d tunnels", len(open))
	}
	config := node.Config{APIPort: 1, Certificates: []node.Certificate{{Name: "c", CommonName: "c", CertPath: w.path("c.crt"), KeyPath: w.path("c.key")}}}
	w.SetConfig(machine, config)
	w.inForce(config)
	for _, conn := range open {
		must(t, conn.Close())
	}
	w.noTunnels()
}

func TestWhoGivesUpWaitingLeavesNothing(t *testing.T) {
	w := withAPI(t, api(t, echo))
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if conn, err := w.gateway.Dial(ctx, "", machine); err == nil {
		conn.Close()
	} else if jeroboam.KindOf(err) != jeroboam.Unavailable {
		t.Errorf("got %v", err)
	}
	w.noTunnels()
}
